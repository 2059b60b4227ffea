/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a Kubernetes API, a list of them as every kind. What is read has a key; what becomes of
 * it has an address.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/hash.h"
#include "base/must.h"
#include "targets/sd_kube_priv.h"

#define INPUT_MAX 65536 /* bytes; larger ones only take longer */

static void add(struct kube_objects *all, enum kube_role kind, const struct json *object)
{
    struct kube_object *o = kube_object_read(kind, object);

    if (!o)
        return;
    must(o->key[0] && o->labels && o->kind == kind);
    if (kube_objects_find(all, kind, o->key))
        kube_object_free(o);
    else
        map_add(&all->kinds[kind], hash_bytes(o->key, strlen(o->key)), o);
}

static void make_groups(const struct kube_objects *all, const struct kube_object *o)
{
    struct found_group *groups = NULL;
    size_t n = 0;

    kube_groups(all, o, true, &groups, &n);
    must(n >= o->n_targets);
    for (size_t i = 0; i < n; i++)
        must(groups[i].n == 1 && groups[i].addresses[0] && groups[i].labels);
    found_groups_free(groups, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kube_objects all = {0};
    struct json *list = NULL;
    struct kube_object *o;

    if (size > INPUT_MAX || json_doc_parse(str_n((const char *)data, size), &list, NULL) < 0)
        return 0;
    for (enum kube_role kind = 0; kind < KUBE_ROLES; kind++)
        for (size_t i = 0; i < json_len(list) && i < 8; i++)
            add(&all, kind, json_at(list, i));
    json_doc_free(list);
    for (size_t kind = 0; kind < KUBE_ROLES; kind++)
        for (size_t i = 0; (o = map_next(&all.kinds[kind], &i));)
            make_groups(&all, o);
    for (size_t kind = 0; kind < KUBE_ROLES; kind++) {
        for (size_t i = 0; (o = map_next(&all.kinds[kind], &i));)
            kube_object_free(o);
        map_deinit(&all.kinds[kind]);
    }
    return 0;
}
