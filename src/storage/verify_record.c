/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a record of the log makes sense: labels in order, deletes with a begin before their end,
 * and no series whose labels nothing has told.
 */
#include "storage/verify_priv.h"

#include "base/hash.h"
#include "storage/column_priv.h"

struct record_check {
    struct known_series *known; /* or NULL: the record is one of an image */
    const char *why;
    uint32_t deleted; /* series of the delete before */
};

/* ---- series that are known ----------------------------------------------------------------- */

static bool is_id(const void *key, const void *value)
{
    return key == value;
}

static void *as_pointer(uint32_t id)
{
    return (void *)(uintptr_t)id;
}

static void add_known(struct known_series *k, uint32_t id)
{
    uint64_t hash = hash_mix(id, 0);

    if (id >= k->below && !map_get(&k->told, hash, is_id, as_pointer(id)))
        map_add(&k->told, hash, as_pointer(id));
}

static bool is_known(const struct known_series *k, uint32_t id)
{
    return !k || k->uncertain || id < k->below ||
           map_get(&k->told, hash_mix(id, 0), is_id, as_pointer(id));
}

/* ---- what a record says -------------------------------------------------------------------- */

static void fault(struct record_check *c, bool good, const char *why)
{
    if (!good && !c->why)
        c->why = why;
}

static void judge_labels(struct record_check *c, const struct label *labels, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fault(c, labels[i].name.len > 0 && labels[i].value.len > 0, "an empty name or value");
        fault(c, i == 0 || str_cmp(labels[i - 1].name, labels[i].name) < 0,
              "labels are not in order");
    }
}

static void judge_reference(struct record_check *c, uint32_t id)
{
    fault(c, is_known(c->known, id), "of a series whose labels nothing tells");
}

static void judge_series(void *self, uint32_t id, const struct label *labels, size_t n)
{
    struct record_check *c = self;

    fault(c, c->known != NULL, "series, where none belong");
    fault(c, n > 0, "a series without labels");
    judge_labels(c, labels, n);
    if (c->known)
        add_known(c->known, id);
}

static void judge_time(struct record_check *c, unix_ms t)
{
    fault(c, t >= -TIME_ABS_MAX && t <= TIME_ABS_MAX, "a time that no sample can have");
}

static void judge_sample(void *self, bool late, uint32_t id, unix_ms t, double v)
{
    struct record_check *c = self;

    fault(c, c->known != NULL, "samples, where none belong");
    judge_reference(c, id);
    judge_time(c, t);
}

static void judge_histogram(void *self, bool late, uint32_t id, unix_ms t,
                            const struct histogram *h)
{
    judge_sample(self, late, id, t, 0);
}

static void judge_delete(void *self, uint32_t id, unix_ms from, unix_ms to)
{
    struct record_check *c = self;

    fault(c, c->known != NULL, "deletes, where none belong");
    judge_reference(c, id);
    fault(c, from <= to, "a delete that ends before it begins");
    fault(c, id >= c->deleted, "deletes are not in order");
    judge_time(c, from);
    judge_time(c, to);
    c->deleted = id;
}

static void judge_exemplar(void *self, const struct logged_exemplar *e)
{
    struct record_check *c = self;

    judge_labels(c, e->series, e->n_series);
    judge_labels(c, e->labels, e->n_labels);
}

static void judge_metadata(void *self, const struct metric_metadata *m)
{
    fault(self, m->family.len > 0, "metadata of no family");
}

const char *verify_record_sense(const uint8_t *sections, size_t len, struct known_series *known)
{
    struct record_check c = {.known = known};
    const struct log_visitor v = {.self = &c,
                                  .series = judge_series,
                                  .sample = judge_sample,
                                  .histogram = judge_histogram,
                                  .deleted = judge_delete,
                                  .exemplar = judge_exemplar,
                                  .metadata = judge_metadata};

    if (!log_record_visit(sections, len, &v))
        return c.why ? c.why : "its sections are not readable to their ends";
    return c.why;
}
