/* SPDX-License-Identifier: Apache-2.0 */
/*
 * and, or, unless: which values there are is decided by which there are on the other side
 */
#include <string.h>

#include "promql/binary_priv.h"

/* For each part of labels the steps at which any series of one side has a value. */
struct presence {
    struct labels_part part;
    struct numbering *nb; /* parts of that side */
    struct vec *side;
    uint64_t *words; /* of part p from p * ROW_WORDS(n) on */
};

static int presence_of(struct eval *e, struct presence *p, struct err *err)
{
    size_t n = p->side->grid->n, words = ROW_WORDS(n);
    size_t *ids = arena_array(e->arena, p->side->n + 1, sizeof *ids);
    struct row lent = row_new(e, n);

    for (size_t i = 0; i < p->side->n; i++)
        ids[i] = numbering_add(p->nb, &p->side->metrics[i]);
    p->words = arena_array(e->arena, (numbering_count(p->nb) + 1) * words, sizeof *p->words);
    for (size_t i = 0; i < p->side->n; i++) {
        const struct row *row;
        int r = vec_row(e, p->side, i, &lent, &row, err);

        if (r == 0)
            r = eval_check(e, n, err);
        if (r < 0)
            return r;
        for (size_t w = 0; w < words; w++)
            p->words[ids[i] * words + w] |= row->present[w];
    }
    return 0;
}

/* ---- and, unless: the left side, less what the right side does not allow */

struct filter {
    struct vec *arg;
    const uint64_t **allowed; /* of each series; NULL: no step */
    bool inverse;             /* unless */
};

static int filter_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct filter *f = v->self;
    int r = vec_fill_row(e, f->arg, i, row, err);

    for (size_t w = 0; r == 0 && w < ROW_WORDS(v->grid->n); w++) {
        uint64_t there = f->allowed[i] ? f->allowed[i][w] : 0;

        row->present[w] &= f->inverse ? ~there : there;
    }
    return r;
}

static struct vec *filtered(struct eval *e, struct vec *arg, const struct presence *p, bool inverse)
{
    struct filter *f = arena_zalloc(e->arena, sizeof *f);
    size_t words = ROW_WORDS(arg->grid->n);

    f->arg = arg;
    f->inverse = inverse;
    f->allowed = arena_array(e->arena, arg->n + 1, sizeof *f->allowed);
    for (size_t i = 0; i < arg->n; i++) {
        size_t id = numbering_find(p->nb, &arg->metrics[i]);

        if (id != SIZE_MAX)
            f->allowed[i] = p->words + id * words;
    }
    return vec_over(e, arg, filter_fill, f);
}

/* ---- or: one side after the other */

struct chain {
    struct vec *first, *second;
};

static int chain_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct chain *c = v->self;

    if (i < c->first->n)
        return vec_fill_row(e, c->first, i, row, err);
    return vec_fill_row(e, c->second, i - c->first->n, row, err);
}

static struct vec *chained(struct eval *e, struct vec *first, struct vec *second)
{
    struct chain *c = arena_zalloc(e->arena, sizeof *c);
    struct vec *v = vec_new(e, first->grid, first->n + second->n);

    *c = (struct chain){first, second};
    for (size_t i = 0; i < v->n; i++)
        v->metrics[i] = i < first->n ? first->metrics[i] : second->metrics[i - first->n];
    v->fill = chain_fill;
    v->self = c;
    return v;
}

int binary_set(struct eval *e, const struct promql_node *node, const struct grid *grid,
               struct vec *lhs, struct vec *rhs, struct vec **ret, struct err *err)
{
    const struct promql_matching *matching = &node->binary.matching;
    bool is_or = node->binary.op == OP_OR;
    struct presence p = {
        .part = {.labels = &matching->labels, .only = matching->on, .drops = PART_DROPS_RESERVED},
        .side = is_or ? lhs : rhs,
    };
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(e, &p.part);
    int r = 0;

    p.nb = nb;
    if (is_or)
        r = vec_compute(e, lhs, err); /* looked at twice: for its presence and for the result */
    if (r == 0)
        r = presence_of(e, &p, err);
    if (r < 0)
        return r;
    if (!is_or) {
        *ret = filtered(e, lhs, &p, node->binary.op == OP_UNLESS);
        return 0;
    }
    *ret = chained(e, lhs, filtered(e, rhs, &p, true));
    return vec_unclash(e, *ret, CLASH_MERGE, err);
}
