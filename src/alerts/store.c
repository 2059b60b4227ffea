/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts_priv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

/* ---- held alerts --------------------------------------------------------------------------- */

static bool has_labels(const void *key, const void *value)
{
    return label_set_eq(key, ((const struct held *)value)->labels);
}

/* xxHash64 over name 0xff value 0xff of the sorted labels. */
static uint64_t log_hash_of(const struct label_set *labels)
{
    struct buf b = {0};
    uint64_t hash;

    for (size_t i = 0; i < label_set_count(labels); i++) {
        struct label l = label_set_at(labels, i);

        buf_add_str(&b, l.name);
        buf_add_byte(&b, '\xff');
        buf_add_str(&b, l.value);
        buf_add_byte(&b, '\xff');
    }
    hash = hash_xxh64(buf_str(&b).p, b.len);
    buf_free(&b);
    return hash;
}

struct held *store_get(const struct alerts *a, const struct label_set *labels)
{
    return map_get(&a->held, label_set_hash(labels), has_labels, labels);
}

static struct held *add(struct alerts *a, const struct label_set *labels, uint64_t number)
{
    struct held *h = mem_zalloc(sizeof *h);

    h->labels = label_set_ref(labels);
    h->fingerprint = alert_fingerprint(labels);
    h->number = number;
    h->log_hash = log_hash_of(labels);
    map_add(&a->held, label_set_hash(labels), h);
    if (number >= a->next_number)
        a->next_number = number + 1;
    return h;
}

struct held *store_add(struct alerts *a, const struct label_set *labels)
{
    return add(a, labels, a->next_number);
}

struct held *store_add_as(struct alerts *a, const struct label_set *labels, uint64_t number)
{
    if (store_get(a, labels))
        return NULL;
    return add(a, labels, number);
}

static void held_free(struct held *h)
{
    alert_unref(h->alert);
    alert_unref(h->posted);
    label_set_unref(h->labels);
    free(h->seats);
    free(h->roles);
    free(h->sources);
    free(h->silences);
    free(h);
}

void store_remove(struct alerts *a, struct held *h)
{
    must(!h->dirty);
    inhibit_leave(a, h);
    must(map_remove(&a->held, label_set_hash(h->labels), has_labels, h->labels) == h);
    held_free(h);
}

void store_deinit(struct alerts *a)
{
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));) {
        inhibit_leave(a, h);
        held_free(h);
    }
    map_deinit(&a->held);
}

/* ---- merging ------------------------------------------------------------------------------- */

/* An end that is not known is later than any that is. */
static unix_ns end_of(const struct alert *a)
{
    return a->ends_at == UNIX_NS_ZERO ? INT64_MAX : a->ends_at;
}

static bool strictly_inside(unix_ns t, const struct alert *a)
{
    return t > a->starts_at && t < end_of(a);
}

static struct alert *copy_with(const struct alert *a, unix_ns starts_at, unix_ns ends_at,
                               bool timed_out)
{
    struct alert *copy = alert_new(a->labels, a->annotations, starts_at, ends_at, a->updated_at,
                                   a->generator_url);

    copy->timed_out = timed_out;
    return copy;
}

const struct alert *alert_with_end(const struct alert *a, unix_ns ends_at, bool timed_out)
{
    return copy_with(a, a->starts_at, ends_at, timed_out);
}

/* The report counts as the newer one because it came later: its own updated_at would let every end
 * go unheard for as long as the clock was set back. */
const struct alert *alert_merge(const struct alert *old, const struct alert *report, unix_ns now)
{
    unix_ns start = report->starts_at, end = report->ends_at;

    if (!strictly_inside(end_of(report), old) && !strictly_inside(report->starts_at, old))
        return alert_ref(report);
    if (old->starts_at < start)
        start = old->starts_at;
    if (alert_is_resolved(report, now)) {
        if (alert_is_resolved(old, now) && old->ends_at > end)
            end = old->ends_at;
    } else if (!old->timed_out && old->ends_at != UNIX_NS_ZERO && old->ends_at > end_of(report)) {
        end = old->ends_at; /* an end that the sender named outlives one that we assumed */
    }
    if (start == report->starts_at && end == report->ends_at)
        return alert_ref(report);
    return copy_with(report, start, end, report->timed_out);
}

bool alert_same_texts(const struct alert *x, const struct alert *y)
{
    return label_set_eq(x->annotations, y->annotations) &&
           strcmp(x->generator_url, y->generator_url) == 0;
}

bool alert_same_end(const struct alert *x, const struct alert *y, unix_ns now)
{
    return alert_is_resolved(x, now) && alert_is_resolved(y, now) && x->starts_at == y->starts_at &&
           x->ends_at == y->ends_at;
}

/* ---- order --------------------------------------------------------------------------------- */

/* Who has the label comes first, then the smaller value. */
static int by_label(const struct label_set *x, const struct label_set *y, struct str name)
{
    struct str vx = label_set_get(x, name), vy = label_set_get(y, name);

    if (vx.len == 0 || vy.len == 0)
        return (vx.len == 0) - (vy.len == 0);
    return str_cmp(vx, vy);
}

/* Fewer labels first, then the first name at which they differ: the set that lacks it, else the
 * smaller value. */
int label_set_order(const struct label_set *x, const struct label_set *y)
{
    size_t n = label_set_count(x);

    if (n != label_set_count(y))
        return n < label_set_count(y) ? -1 : 1;
    for (size_t i = 0; i < n; i++) {
        struct label lx = label_set_at(x, i), ly = label_set_at(y, i);
        int c = str_cmp(lx.name, ly.name);

        if (c != 0)
            return -c; /* the smaller of both names is the one that the other set lacks */
        c = str_cmp(lx.value, ly.value);
        if (c != 0)
            return c;
    }
    return 0;
}

int alert_order(const struct alert *x, const struct alert *y)
{
    int c = by_label(x->labels, y->labels, STR("job"));

    if (c == 0)
        c = by_label(x->labels, y->labels, STR("instance"));
    return c ? c : label_set_order(x->labels, y->labels);
}
