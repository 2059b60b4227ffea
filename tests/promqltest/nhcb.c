/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic histograms (X_bucket by le, X_count, X_sum) of a load block as native ones with custom
 * buckets
 */
#include <math.h>

#include "base/num.h"
#include "tests/promqltest/promqltest.h"

enum part { PART_NONE, PART_BUCKET, PART_COUNT, PART_SUM };

struct piece {
    enum part part;
    double le;
    const struct series_desc *desc;
    const struct label_set *base; /* of the histogram: X without le */
};

struct pieces {
    struct piece *list;
    size_t n, cap;
};

static enum part part_of(const struct label_set *ls, struct str *ret_name)
{
    static const struct {
        const char *suffix;
        enum part part;
    } suffixes[] = {{"_bucket", PART_BUCKET}, {"_count", PART_COUNT}, {"_sum", PART_SUM}};
    struct str name = label_set_get(ls, LABEL_NAME);

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        struct str suffix = str_c(suffixes[i].suffix);

        if (!str_has_suffix(name, suffix))
            continue;
        *ret_name = str_n(name.p, name.len - suffix.len);
        return suffixes[i].part;
    }
    return PART_NONE;
}

static void add_piece(struct pieces *ps, const struct series_desc *desc)
{
    struct piece piece = {.desc = desc};
    struct label_builder b;
    struct str name;

    piece.part = part_of(desc->metric, &name);
    if (piece.part == PART_NONE)
        return;
    if (piece.part == PART_BUCKET &&
        !num_parse_double(label_set_get(desc->metric, STR("le")), &piece.le))
        return;
    label_builder_init(&b, desc->metric);
    label_builder_set(&b, LABEL_NAME, name);
    label_builder_del(&b, STR("le"));
    piece.base = label_builder_build(&b);
    label_builder_deinit(&b);
    *VEC_PUSH(ps->list, ps->n, ps->cap) = piece;
}

static int by_base_and_le(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    int order = label_set_cmp(x->base, y->base);

    return order ? order : (x->le > y->le) - (x->le < y->le);
}

static bool value_at(const struct piece *p, size_t k, double *ret)
{
    if (k >= p->desc->n || p->desc->values[k].omitted || p->desc->values[k].histogram)
        return false;
    *ret = p->desc->values[k].v;
    return true;
}

/* The histogram that pieces[0..n) make at step k; false: none of them has a value there. */
static bool histogram_at(const struct piece *pieces, size_t n, size_t k, double *bounds,
                         double *counts, struct histogram *h)
{
    double v, below = 0, count = NAN;
    bool any = false;

    *h = (struct histogram){
        .schema = HISTOGRAM_CUSTOM_SCHEMA, .positive = counts, .bounds = bounds};
    for (size_t i = 0; i < n; i++) {
        if (!value_at(&pieces[i], k, &v))
            continue;
        any = true;
        if (pieces[i].part == PART_SUM)
            h->sum = v;
        if (pieces[i].part == PART_COUNT)
            count = v;
        if (pieces[i].part != PART_BUCKET)
            continue;
        if (h->n_positive > 0 && h->n_bounds >= h->n_positive &&
            bounds[h->n_positive - 1] == pieces[i].le)
            continue; /* the same bound in another notation */
        if (!isinf(pieces[i].le))
            bounds[h->n_bounds++] = pieces[i].le;
        else
            count = v;
        counts[h->n_positive++] = v - below;
        below = v;
    }
    if (h->n_positive == h->n_bounds)
        counts[h->n_positive++] = isnan(count) ? 0 : count - below;
    h->count = isnan(count) ? below : count;
    return any;
}

static void store_histograms(struct memory_reader *store, const struct piece *pieces, size_t n,
                             dur_ms step)
{
    double *bounds = mem_array(n + 1, sizeof *bounds), *counts = mem_array(n + 1, sizeof *counts);
    size_t steps = 0;

    for (size_t i = 0; i < n; i++)
        if (pieces[i].desc->n > steps)
            steps = pieces[i].desc->n;
    for (size_t k = 0; k < steps; k++) {
        struct histogram_span span = {0};
        struct histogram h;

        if (!histogram_at(pieces, n, k, bounds, counts, &h))
            continue;
        span.length = h.n_positive;
        h.positive_spans = &span;
        h.n_positive_spans = 1;
        memory_reader_add(store, pieces[0].base, (unix_ms)k * step, NAN, &h);
    }
    free(bounds);
    free(counts);
}

void load_native(struct memory_reader *store, struct series_desc *const *descs, size_t n,
                 dur_ms step)
{
    struct pieces ps = {0};

    for (size_t i = 0; i < n; i++)
        add_piece(&ps, descs[i]);
    if (ps.n)
        qsort(ps.list, ps.n, sizeof *ps.list, by_base_and_le);
    for (size_t i = 0, end; i < ps.n; i = end) {
        bool buckets = false;

        for (end = i; end < ps.n && label_set_eq(ps.list[end].base, ps.list[i].base); end++)
            buckets |= ps.list[end].part == PART_BUCKET;
        if (buckets)
            store_histograms(store, ps.list + i, end - i, step);
    }
    for (size_t i = 0; i < ps.n; i++)
        label_set_unref(ps.list[i].base);
    free(ps.list);
}
