/* SPDX-License-Identifier: Apache-2.0 */
#include "model/alert.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/label_set.h"

struct alert *alert_new(const struct label_set *labels, const struct label_set *annotations,
                        unix_ns starts_at, unix_ns ends_at, unix_ns updated_at,
                        const char *generator_url)
{
    struct alert *a = mem_zalloc(sizeof *a);

    a->refs = 1;
    a->labels = label_set_ref(labels);
    a->annotations = label_set_ref(annotations);
    a->starts_at = starts_at;
    a->ends_at = ends_at;
    a->updated_at = updated_at;
    a->generator_url = mem_strdup(generator_url ? generator_url : "");
    return a;
}

struct alert *alert_ref(const struct alert *const_a)
{
    struct alert *a = (struct alert *)(uintptr_t)const_a; /* only the count changes */

    __atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
    return a;
}

void alert_unref(const struct alert *const_a)
{
    struct alert *a = (struct alert *)(uintptr_t)const_a;

    if (!a || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(a->generator_url);
    label_set_unref(a->annotations);
    label_set_unref(a->labels);
    free(a);
}

bool alert_is_resolved(const struct alert *a, unix_ns now)
{
    return a->ends_at != UNIX_NS_ZERO && a->ends_at <= now;
}

struct str alert_name(const struct alert *a)
{
    return label_set_get(a->labels, STR("alertname"));
}

uint64_t alert_fingerprint(const struct label_set *labels)
{
    static const unsigned char separator = 0xff; /* no byte of UTF-8 text */
    uint64_t h = FNV64_INIT;

    for (size_t i = 0; i < label_set_count(labels); i++) {
        struct label l = label_set_at(labels, i);

        h = hash_fnv1a_64(h, l.name.p, l.name.len);
        h = hash_fnv1a_64(h, &separator, 1);
        h = hash_fnv1a_64(h, l.value.p, l.value.len);
        h = hash_fnv1a_64(h, &separator, 1);
    }
    return h;
}
