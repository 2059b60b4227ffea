/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/explain.h"

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- writing down -------------------------------------------------------------------------- */

struct promql_plan_node *explain_begin(struct eval *e, const struct promql_node *node,
                                       const struct grid *grid, mono_ns *ret_began)
{
    struct explain *x = e->explain;
    struct promql_plan_node *p;

    if (!x || node->kind == NODE_PAREN)
        return NULL;
    p = arena_zalloc(x->arena, sizeof *p);
    *VEC_PUSH(x->nodes, x->n, x->cap) = p;
    p->node = node;
    p->depth = x->depth++;
    p->steps = node->step_invariant && grid->n > 1 ? 1 : grid->n;
    *ret_began = clock_mono_ns();
    return p;
}

void explain_shared(struct promql_plan_node *p)
{
    if (p)
        p->shared = true;
}

void explain_end(struct eval *e, struct promql_plan_node *p, mono_ns began)
{
    if (!p)
        return;
    p->took += clock_mono_ns() - began;
    e->explain->depth--;
}

struct metered {
    struct promql_plan_node *plan;
    struct vec *vec;
    struct ranges *ranges;
};

static int metered_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct metered *m = v->self;
    mono_ns began = clock_mono_ns();
    int r = vec_fill_row(e, m->vec, i, row, err);

    if (r == 0)
        m->plan->values += row_count(row, v->grid->n);
    m->plan->took += clock_mono_ns() - began;
    return r;
}

struct vec *explain_vector(struct eval *e, struct promql_plan_node *p, mono_ns began, struct vec *v)
{
    struct metered *m;
    struct vec *outer;

    if (!p)
        return v;
    explain_end(e, p, began);
    p->series = v->n;
    if (v->rows) {
        for (size_t i = 0; i < v->n; i++)
            p->values += row_count(&v->rows[i], v->grid->n);
        return v;
    }
    m = arena_zalloc(e->arena, sizeof *m);
    m->plan = p;
    m->vec = v;
    outer = arena_zalloc(e->arena, sizeof *outer);
    *outer = *v;
    outer->fill = metered_fill;
    outer->self = m;
    return outer;
}

static int metered_load(struct eval *e, struct ranges *r, size_t i, struct err *err)
{
    struct metered *m = r->self;
    mono_ns began = clock_mono_ns();
    int status = m->ranges->load(e, m->ranges, i, err);

    r->track = m->ranges->track;
    if (status == 0)
        m->plan->values += r->track.n + r->track.nh;
    m->plan->took += clock_mono_ns() - began;
    return status;
}

struct ranges *explain_ranges(struct eval *e, struct promql_plan_node *p, mono_ns began,
                              struct ranges *r)
{
    struct metered *m;
    struct ranges *outer;

    if (!p)
        return r;
    explain_end(e, p, began);
    p->series = r->n;
    m = arena_zalloc(e->arena, sizeof *m);
    m->plan = p;
    m->ranges = r;
    outer = arena_zalloc(e->arena, sizeof *outer);
    *outer = *r;
    outer->load = metered_load;
    outer->self = m;
    return outer;
}

/* ---- showing ------------------------------------------------------------------------------- */

static const char *kind_text(const struct promql_node *node)
{
    switch (node->kind) {
    case NODE_NUMBER: return "number";
    case NODE_STRING: return "string";
    case NODE_UNARY: return "sign";
    case NODE_BINARY: return "operator";
    case NODE_AGGREGATE: return "aggregation";
    case NODE_CALL: return "function";
    case NODE_VECTOR: return "selector";
    case NODE_MATRIX: return "range selector";
    case NODE_SUBQUERY: return "subquery";
    default: return "expression";
    }
}

/* The time of a node without that of its children. */
static mono_ns own_time(const struct promql_result *r, size_t i)
{
    mono_ns own = r->plan[i]->took;

    for (size_t k = i + 1; k < r->n_plan && r->plan[k]->depth > r->plan[i]->depth; k++)
        if (r->plan[k]->depth == r->plan[i]->depth + 1)
            own -= r->plan[k]->took;
    return own > 0 ? own : 0;
}

static void add_seconds(struct json_writer *w, const char *key, mono_ns t)
{
    char text[32];

    snprintf(text, sizeof text, "%.9f", (double)t / (double)NS_PER_S);
    json_key_c(w, key);
    json_raw(w, str_c(text));
}

static void add_node(struct json_writer *w, const struct promql_result *r, size_t i)
{
    const struct promql_plan_node *p = r->plan[i];
    CLEANUP(buf_free) struct buf text = {0};

    promql_print(p->node, &text);
    json_object_begin(w);
    json_kv_i64(w, "depth", p->depth);
    json_kv_c(w, "kind", kind_text(p->node));
    json_key_c(w, "expr");
    json_str(w, buf_str(&text));
    json_kv_i64(w, "steps", (int64_t)p->steps);
    json_kv_i64(w, "series", (int64_t)p->series);
    json_kv_i64(w, "values", (int64_t)p->values);
    if (p->shared)
        json_kv_bool(w, "shared", true);
    add_seconds(w, "seconds", p->took);
    add_seconds(w, "ownSeconds", own_time(r, i));
    json_object_end(w);
}

void promql_plan_json(const struct promql_result *r, struct json_writer *w)
{
    json_object_begin(w);
    json_kv_c(w, "resultType", promql_type_name(r->type));
    json_kv_i64(w, "resultSeries", (int64_t)r->n);
    json_kv_i64(w, "series", (int64_t)r->stats.series_read);
    json_kv_i64(w, "samples", (int64_t)r->stats.samples_read);
    json_kv_i64(w, "peakSamples", (int64_t)r->stats.samples_peak);
    json_kv_i64(w, "peakBytes", (int64_t)r->stats.bytes_peak);
    add_seconds(w, "seconds", r->stats.total);
    json_key_c(w, "nodes");
    json_array_begin(w);
    for (size_t i = 0; i < r->n_plan; i++)
        add_node(w, r, i);
    json_array_end(w);
    json_object_end(w);
}
