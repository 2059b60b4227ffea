/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count_values(): a group is made by a value too
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/quote.h"
#include "model/sample.h"
#include "promql/aggregate_priv.h"

struct value_group {
    size_t base; /* number of the part of the labels that the value does not touch */
    struct str text;
    struct metric metric;
    struct row row;
};

struct values {
    struct eval *e;
    const struct aggregation *a;
    struct str label;
    bool label_goes; /* `without` its own label: the value is not shown after all */
    struct map map;
    struct value_group **groups;
    size_t n, cap;
    struct buf text;
};

static void values_deinit(struct values *vs)
{
    map_deinit(&vs->map);
    mem_freep(&vs->groups);
    buf_free(&vs->text);
}

struct value_key {
    size_t base;
    struct str text;
};

static bool key_eq(const void *key, const void *value)
{
    const struct value_key *k = key;
    const struct value_group *g = value;

    return k->base == g->base && str_eq(k->text, g->text);
}

static struct value_group *group_new(struct values *vs, const struct value_key *key,
                                     const struct metric *first, const struct labels_part *part)
{
    struct value_group *g = arena_zalloc(vs->e->arena, sizeof *g);
    struct label_builder b;

    label_builder_init(&b, metric_part_labels(vs->e, first, part));
    if (!vs->label_goes)
        label_builder_set(&b, vs->label, key->text);
    g->metric.labels = eval_keep(vs->e, label_builder_build(&b));
    g->metric.name = first->name == NAME_LATER ? NAME_LATER : NAME_STAYS;
    label_builder_deinit(&b);
    g->base = key->base;
    g->text = arena_str(vs->e->arena, key->text);
    g->row = row_new(vs->e, vs->a->grid->n);
    *VEC_PUSH(vs->groups, vs->n, vs->cap) = g;
    return g;
}

static struct value_group *group_of(struct values *vs, size_t base, double v,
                                    const struct histogram *h, const struct metric *first,
                                    const struct labels_part *part)
{
    struct value_key key = {.base = base};
    struct value_group *g;
    uint64_t hash;

    buf_reset(&vs->text);
    if (!vs->label_goes) {
        if (h)
            hist_print(h, &vs->text);
        else
            num_add_f(&vs->text, v);
    }
    key.text = buf_str(&vs->text);
    hash = hash_mix(base, hash_bytes(key.text.p, key.text.len));
    g = map_get(&vs->map, hash, key_eq, &key);
    if (!g) {
        g = group_new(vs, &key, first, part);
        map_add(&vs->map, hash, g);
    }
    return g;
}

/* Neighbouring steps mostly have the same value: its text is made once. */
static int count_row(struct values *vs, const struct row *row, size_t base,
                     const struct metric *metric, const struct labels_part *part, struct err *err)
{
    size_t n = vs->a->grid->n;
    struct value_group *g = NULL;
    const struct histogram *last_h = NULL;
    double last = 0;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        const struct histogram *h = row_hist(row, k);
        double v = row->values[k];
        int r = eval_check(vs->e, 1, err);

        if (r < 0)
            return r;
        if (!g || h != last_h || (!h && double_bits(v) != double_bits(last)))
            g = group_of(vs, base, v, h, metric, part);
        row_set(&g->row, k, row_has(&g->row, k) ? g->row.values[k] + 1 : 1);
        last = v;
        last_h = h;
    }
    return 0;
}

static int count_rows(struct values *vs, const struct labels_part *part, struct err *err)
{
    struct eval *e = vs->e;
    struct vec *arg = vs->a->arg;
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(e, part);
    struct row lent = row_new(e, vs->a->grid->n);

    for (size_t i = 0; i < arg->n; i++) {
        const struct row *row;
        int r = vec_row(e, arg, i, &lent, &row, err);

        if (r == 0)
            r = count_row(vs, row, numbering_add(nb, &arg->metrics[i]), &arg->metrics[i], part,
                          err);
        if (r < 0)
            return r;
    }
    return 0;
}

static struct vec *collect(struct values *vs)
{
    struct vec *v = vec_new(vs->e, vs->a->grid, vs->n);

    v->rows = arena_array(vs->e->arena, vs->n + 1, sizeof *v->rows);
    for (size_t i = 0; i < vs->n; i++) {
        v->metrics[i] = vs->groups[i]->metric;
        v->rows[i] = vs->groups[i]->row;
    }
    return v;
}

/* The labels that make a group, but for the one that the value is written into. */
static struct labels_part base_part(struct eval *e, const struct promql_node *node,
                                    struct str label, struct promql_labels *ret_labels)
{
    const struct promql_labels *grouping = &node->aggregate.grouping;

    ret_labels->names = arena_array(e->arena, grouping->n + 1, sizeof *ret_labels->names);
    ret_labels->n = 0;
    for (size_t i = 0; i < grouping->n; i++)
        if (!str_eq(grouping->names[i], label))
            ret_labels->names[ret_labels->n++] = grouping->names[i];
    if (node->aggregate.without)
        ret_labels->names[ret_labels->n++] = label;
    return (struct labels_part){
        .labels = ret_labels, .only = !node->aggregate.without, .drops = PART_DROPS_NAME};
}

int aggregate_count_values(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err)
{
    struct str label = promql_unparen(a->node->aggregate.param)->string;
    struct values vs = {.e = e, .a = a, .label = label};
    struct promql_labels labels;
    struct labels_part part = base_part(e, a->node, label, &labels);
    int r;

    if (!label_name_is_valid(label)) {
        quote_add_go(&vs.text, label);
        err_set(err, -EINVAL, "invalid label name %s", vs.text.p);
        values_deinit(&vs);
        return -EINVAL;
    }
    vs.label_goes = a->node->aggregate.without &&
                    labels_contain(&a->node->aggregate.grouping, label);
    r = count_rows(&vs, &part, err);
    if (r == 0)
        *ret = collect(&vs);
    values_deinit(&vs);
    return r;
}
