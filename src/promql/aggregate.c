/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/aggregate_priv.h"

void note_histogram_ignored(struct eval *e, const struct aggregation *a)
{
    note_info(e, a->node->aggregate.arg, "ignored histogram in %s aggregation",
              promql_aggregate_text(a->node->aggregate.op));
}

static void group_series(struct eval *e, struct aggregation *a)
{
    const struct promql_node *node = a->node;
    struct labels_part part = {.labels = &node->aggregate.grouping,
                               .only = !node->aggregate.without,
                               .drops = PART_DROPS_NAME};
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(e, &part);

    a->group_of = arena_array(e->arena, a->arg->n + 1, sizeof *a->group_of);
    for (size_t i = 0; i < a->arg->n; i++)
        a->group_of[i] = numbering_add(nb, &a->arg->metrics[i]);
    a->n_groups = numbering_count(nb);
    a->groups = arena_array(e->arena, a->n_groups + 1, sizeof *a->groups);
    for (size_t g = 0; g < a->n_groups; g++) {
        const struct metric *first = numbering_first(nb, g);

        a->groups[g].labels = metric_part_labels(e, first, &part);
        a->groups[g].name = first->name == NAME_LATER ? NAME_LATER : NAME_STAYS;
    }
}

int eval_aggregate(struct eval *e, const struct promql_node *node, const struct grid *grid,
                   struct vec **ret, struct err *err)
{
    struct aggregation a = {.node = node, .grid = grid};
    const struct promql_node *param = node->aggregate.param;
    int r = 0;

    if (param && param->type == PROMQL_SCALAR)
        r = eval_scalar(e, param, grid, &a.param, err);
    if (r == 0)
        r = eval_vector(e, node->aggregate.arg, grid, &a.arg, err);
    if (r < 0)
        return r;
    if (node->aggregate.op == AGG_COUNT_VALUES)
        return aggregate_count_values(e, &a, ret, err);
    group_series(e, &a);
    switch (node->aggregate.op) {
    case AGG_TOPK:
    case AGG_BOTTOMK: return aggregate_topk(e, &a, ret, err);
    case AGG_LIMITK: return aggregate_limitk(e, &a, ret, err);
    case AGG_LIMIT_RATIO: return aggregate_limit_ratio(e, &a, ret, err);
    case AGG_QUANTILE: return aggregate_quantile(e, &a, ret, err);
    default: return aggregate_fold(e, &a, ret, err);
    }
}
