/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic and comparison between two vectors
 *
 * Series find each other by the part of their labels that on() or ignoring() tell. The "many" side
 * is the left one, but for group_right. When on the "one" side no two series share a part and no
 * two results would share a label set, whatever the step, then each result is one pair of series
 * and is computed when it is asked for. Otherwise which series meet depends on the step.
 */
#include <errno.h>
#include <string.h>

#include "promql/binary_priv.h"

struct match {
    const struct operation *op;
    const struct promql_matching *matching;
    const struct grid *grid;
    struct vec *many, *one;
    bool swapped; /* many is the right side */
    struct labels_part part;
    size_t n_parts;
    size_t *many_part, *one_part; /* of each series: number of its part */
    size_t *first_one;            /* of each part: a series of the one side, or SIZE_MAX */
    size_t *next_one;             /* the next one of the same part */
    struct row lent_many, lent_one;
};

/* ---- labels of the result */

static void keep_only(struct label_builder *b, const struct label_set *from,
                      const struct promql_labels *labels)
{
    for (size_t i = 0; i < label_set_count(from); i++) {
        struct str name = label_set_at(from, i).name;

        if (!labels_contain(labels, name))
            label_builder_del(b, name);
    }
}

static void drop_reserved(struct label_builder *b)
{
    label_builder_del(b, LABEL_NAME);
    label_builder_del(b, STR("__type__"));
    label_builder_del(b, STR("__unit__"));
}

static struct metric result_metric(struct eval *e, const struct match *m, const struct metric *many,
                                   const struct metric *one)
{
    const struct label_set *labels = metric_labels(e, many);
    bool is_comparison = promql_op_is_comparison(m->op->op), delayed = e->opts.delayed_name_removal;
    struct metric result = {.name = many->name == NAME_LATER ? NAME_LATER : NAME_STAYS};
    struct label_builder b;

    label_builder_init(&b, labels);
    if (!is_comparison || (m->op->return_bool && !delayed))
        drop_reserved(&b);
    else if (m->op->return_bool)
        result.name = NAME_LATER;
    if (m->matching->card == CARD_ONE_TO_ONE) {
        if (m->matching->on)
            keep_only(&b, labels, &m->matching->labels);
        else
            for (size_t i = 0; i < m->matching->labels.n; i++)
                label_builder_del(&b, m->matching->labels.names[i]);
    }
    for (size_t i = 0; i < m->matching->include.n; i++) {
        struct str name = m->matching->include.names[i];

        label_builder_set(&b, name, metric_get(one, name));
    }
    result.labels = eval_keep(e, label_builder_build(&b));
    label_builder_deinit(&b);
    return result;
}

/* ---- who meets whom */

static void number_parts(struct eval *e, struct match *m)
{
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(e, &m->part);
    size_t n_one = m->one->n;

    m->many_part = arena_array(e->arena, m->many->n + 1, sizeof *m->many_part);
    m->one_part = arena_array(e->arena, n_one + 1, sizeof *m->one_part);
    m->next_one = arena_array(e->arena, n_one + 1, sizeof *m->next_one);
    for (size_t j = 0; j < n_one; j++)
        m->one_part[j] = numbering_add(nb, &m->one->metrics[j]);
    for (size_t i = 0; i < m->many->n; i++)
        m->many_part[i] = numbering_add(nb, &m->many->metrics[i]);
    m->n_parts = numbering_count(nb);
    m->first_one = arena_array(e->arena, m->n_parts + 1, sizeof *m->first_one);
    for (size_t p = 0; p < m->n_parts; p++)
        m->first_one[p] = SIZE_MAX;
    for (size_t j = n_one; j-- > 0;) {
        m->next_one[j] = m->first_one[m->one_part[j]];
        m->first_one[m->one_part[j]] = j;
    }
}

static void combine(struct eval *e, struct match *m, const struct row *many, const struct row *one,
                    struct row *out)
{
    if (m->swapped)
        combine_rows(e, m->op, one, many, m->grid->n, out);
    else
        combine_rows(e, m->op, many, one, m->grid->n, out);
}

/* ---- each result is one pair of series */

struct pairs {
    struct match *m;
    size_t *many, *one; /* of each result */
};

static int pairs_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct pairs *p = v->self;
    struct match *m = p->m;
    const struct row *many, *one;
    int r = vec_row(e, m->many, p->many[i], &m->lent_many, &many, err);

    if (r == 0)
        r = vec_row(e, m->one, p->one[i], &m->lent_one, &one, err);
    if (r == 0)
        combine(e, m, many, one, row);
    return r;
}

/* Could the pair that a series of the many side is in differ from step to step? */
static bool depends_on_step(struct eval *e, const struct match *m)
{
    unsigned char *taken = arena_array(e->arena, m->n_parts + 1, 1);

    for (size_t j = 0; j < m->one->n; j++)
        if (m->next_one[j] != SIZE_MAX)
            return true;
    if (m->matching->card != CARD_ONE_TO_ONE)
        return false;
    for (size_t i = 0; i < m->many->n; i++)
        if (m->first_one[m->many_part[i]] != SIZE_MAX && taken[m->many_part[i]]++)
            return true;
    return false;
}

static bool all_different(struct eval *e, const struct metric *metrics, size_t n)
{
    static const struct promql_labels none = {0};
    static const struct labels_part whole = {.labels = &none};
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(e, &whole);

    for (size_t i = 0; i < n; i++)
        numbering_add(nb, &metrics[i]);
    return numbering_count(nb) == n;
}

/* NULL: two results have the same labels. */
static struct vec *match_pairs(struct eval *e, struct match *m)
{
    struct pairs *p = arena_zalloc(e->arena, sizeof *p);
    struct vec *v = vec_new(e, m->grid, m->many->n);
    size_t n = 0;

    p->m = m;
    p->many = arena_array(e->arena, m->many->n + 1, sizeof *p->many);
    p->one = arena_array(e->arena, m->many->n + 1, sizeof *p->one);
    for (size_t i = 0; i < m->many->n; i++) {
        size_t j = m->first_one[m->many_part[i]];

        if (j == SIZE_MAX)
            continue;
        p->many[n] = i;
        p->one[n] = j;
        v->metrics[n++] = result_metric(e, m, &m->many->metrics[i], &m->one->metrics[j]);
    }
    v->n = n;
    v->fill = pairs_fill;
    v->self = p;
    if (m->matching->card != CARD_ONE_TO_ONE && !all_different(e, v->metrics, n))
        return NULL;
    return v;
}

/* ---- pairs by step */

struct result {
    struct metric metric;
    size_t part;
    struct row row;
};

struct by_step {
    struct match *m;
    uint64_t *any_many;     /* steps at which the many side has any value */
    uint64_t **matched;     /* of each part: steps at which a result was made (one to one) */
    struct numbering *seen; /* of results, by labels */
    struct result **results;
};

/* A step at which the many side is empty does not ask what the other looks like. */
static int refuse_doubles(struct eval *e, struct by_step *s, struct err *err)
{
    struct match *m = s->m;
    size_t *holder = arena_array(e->arena, m->n_parts + 1, sizeof *holder);
    struct row any = {.present = s->any_many};

    for (size_t k = row_next(&any, m->grid->n, 0); k < m->grid->n;
         k = row_next(&any, m->grid->n, k + 1)) {
        memset(holder, 0, m->n_parts * sizeof *holder);
        for (size_t j = 0; j < m->one->n; j++) {
            size_t *h = &holder[m->one_part[j]];
            struct labels_part shown = {
                .labels = &m->matching->labels, .only = m->matching->on, .drops = PART_DROPS_NAME};
            CLEANUP(buf_free) struct buf b = {0};

            if (!row_has(&m->one->rows[j], k))
                continue;
            if (*h == 0) {
                *h = j + 1;
                continue;
            }
            metric_print(e, &(struct metric){metric_part_labels(e, &m->one->metrics[j], &shown), 0},
                         &b);
            buf_addf(&b, " on the %s hand-side of the operation: [", m->swapped ? "left" : "right");
            metric_print(e, &m->one->metrics[j], &b);
            buf_add_c(&b, ", ");
            metric_print(e, &m->one->metrics[*h - 1], &b);
            return err_set(
                err, -EINVAL,
                "found duplicate series for the match group %s];many-to-many matching not "
                "allowed: matching labels must be unique on one side",
                b.p);
        }
    }
    return 0;
}

static bool overlap(const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t w = 0; w < ROW_WORDS(n); w++)
        if (a[w] & b[w])
            return true;
    return false;
}

static int note_matched(struct eval *e, struct by_step *s, size_t part, const struct row *row,
                        struct err *err)
{
    size_t n = s->m->grid->n;

    if (s->m->matching->card != CARD_ONE_TO_ONE)
        return 0;
    if (!s->matched[part])
        s->matched[part] = arena_array(e->arena, ROW_WORDS(n), sizeof **s->matched);
    if (overlap(s->matched[part], row->present, n))
        return err_set(err, -EINVAL,
                       "multiple matches for labels: many-to-one matching must be explicit "
                       "(group_left/group_right)");
    for (size_t w = 0; w < ROW_WORDS(n); w++)
        s->matched[part][w] |= row->present[w];
    return 0;
}

/* Lays the values of one pair into the result of its labels. */
static int add_pair(struct eval *e, struct by_step *s, size_t i, size_t j, const struct row *row,
                    struct err *err)
{
    struct match *m = s->m;
    size_t n = m->grid->n, part = m->many_part[i], id;
    struct result *result = arena_zalloc(e->arena, sizeof *result);
    int r = note_matched(e, s, part, row, err);

    if (r < 0)
        return r;
    result->metric = result_metric(e, m, &m->many->metrics[i], &m->one->metrics[j]);
    id = numbering_add(s->seen, &result->metric);
    if (!s->results[id]) {
        result->part = part;
        result->row = row_new(e, n);
        row_copy(e, &result->row, row, n);
        s->results[id] = result;
        return 0;
    }
    result = s->results[id];
    if (overlap(result->row.present, row->present, n))
        return err_set(
            err, -EINVAL,
            result->part == part
                ? "multiple matches for labels: grouping labels must ensure unique matches"
                : "vector cannot contain metrics with the same labelset");
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        if (row_hist(row, k))
            row_set_hist(e, &result->row, n, k, row->hists[k]);
        else
            row_set(&result->row, k, row->values[k]);
    }
    return 0;
}

static int add_pairs(struct eval *e, struct by_step *s, struct err *err)
{
    struct match *m = s->m;
    struct row row = row_new(e, m->grid->n);

    for (size_t i = 0; i < m->many->n; i++) {
        for (size_t j = m->first_one[m->many_part[i]]; j != SIZE_MAX; j = m->next_one[j]) {
            int r;

            combine(e, m, &m->many->rows[i], &m->one->rows[j], &row);
            r = eval_check(e, m->grid->n, err);
            if (r == 0 && !row_is_empty(&row, m->grid->n))
                r = add_pair(e, s, i, j, &row, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int match_by_step(struct eval *e, struct match *m, struct vec **ret, struct err *err)
{
    static const struct promql_labels none = {0};
    static const struct labels_part whole = {.labels = &none};
    CLEANUP(numbering_freep) struct numbering *seen = numbering_new(e, &whole);
    struct by_step s = {.m = m, .seen = seen};
    size_t pairs = 0, words = ROW_WORDS(m->grid->n);
    struct vec *v;
    int r = vec_compute(e, m->many, err);

    if (r == 0)
        r = vec_compute(e, m->one, err);
    if (r < 0)
        return r;
    s.any_many = arena_array(e->arena, words, sizeof *s.any_many);
    for (size_t i = 0; i < m->many->n; i++)
        for (size_t w = 0; w < words; w++)
            s.any_many[w] |= m->many->rows[i].present[w];
    r = refuse_doubles(e, &s, err);
    for (size_t i = 0; i < m->many->n; i++)
        for (size_t j = m->first_one[m->many_part[i]]; j != SIZE_MAX; j = m->next_one[j])
            pairs++;
    s.matched = arena_array(e->arena, m->n_parts + 1, sizeof *s.matched);
    s.results = arena_array(e->arena, pairs + 1, sizeof *s.results);
    if (r == 0)
        r = add_pairs(e, &s, err);
    if (r < 0)
        return r;
    v = vec_new(e, m->grid, numbering_count(seen));
    v->rows = arena_array(e->arena, v->n + 1, sizeof *v->rows);
    for (size_t i = 0; i < v->n; i++) {
        v->metrics[i] = s.results[i]->metric;
        v->rows[i] = s.results[i]->row;
    }
    *ret = v;
    return 0;
}

int binary_match(struct eval *e, const struct operation *op, const struct grid *grid,
                 struct vec *lhs, struct vec *rhs, struct vec **ret, struct err *err)
{
    const struct promql_matching *matching = &op->node->binary.matching;
    bool swapped = matching->card == CARD_ONE_TO_MANY;
    struct operation *kept = arena_alloc(e->arena, sizeof *kept);
    struct match *m = arena_zalloc(e->arena, sizeof *m);
    int r = 0;

    *kept = *op;
    *m = (struct match){
        .op = kept,
        .matching = matching,
        .grid = grid,
        .many = swapped ? rhs : lhs,
        .one = swapped ? lhs : rhs,
        .swapped = swapped,
        .part = {.labels = &matching->labels, .only = matching->on, .drops = PART_DROPS_RESERVED},
        .lent_many = row_new(e, grid->n),
        .lent_one = row_new(e, grid->n),
    };
    number_parts(e, m);
    if (matching->card != CARD_ONE_TO_ONE)
        r = vec_compute(e, m->one, err); /* its rows are asked for again and again */
    if (r < 0)
        return r;
    *ret = depends_on_step(e, m) ? NULL : match_pairs(e, m);
    return *ret ? 0 : match_by_step(e, m, ret, err);
}
