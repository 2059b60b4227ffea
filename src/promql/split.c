/* SPDX-License-Identifier: Apache-2.0 */
/*
 * split - a range query over several threads, each with a part of the steps
 *
 * What a step answers does not depend on other steps, so that each part is an evaluation of its own
 * with the bits that a single one would have: additions within a step keep their order. What goes
 * wrong in a part (a limit of which it has its share only, labels that meet) is decided by one
 * evaluation of the whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/label_set.h"
#include "promql/query_priv.h"

#define PARTS_MAX      8
#define STEPS_PER_PART 64 /* with fewer a thread costs more than it saves */

struct part {
    struct promql_query query;
    const struct series_reader *reader;
    struct grid grid;
    unix_ms start, end; /* of the whole, for @ start() and @ end() */
    struct promql_result *result;
    struct err err;
    int status;
    struct crew_job job;
};

/* ---- whether */

/* Subqueries read far beyond their part. Series whose labels change, or that have several names,
 * may meet at steps of different parts, which only the whole can tell. */
static int look_at(struct promql_node *node, struct promql_node *const *parents, size_t n_parents,
                   void *arg)
{
    bool *fits = arg;

    if (node->kind == NODE_SUBQUERY || (node->kind == NODE_VECTOR && node->vector.name.len == 0))
        *fits = false;
    if (node->kind == NODE_AGGREGATE && node->aggregate.op == AGG_COUNT_VALUES)
        *fits = false; /* which of its series comes first is seen by topk() among equals */
    if (node->kind == NODE_CALL &&
        (node->call.fn->id == FN_LABEL_REPLACE || node->call.fn->id == FN_LABEL_JOIN ||
         node->call.fn->id == FN_INFO))
        *fits = false;
    return 0;
}

static bool can_be_split(const struct promql_query *q)
{
    bool fits = !q->opts.delayed_name_removal && !q->opts.per_step_stats &&
                q->expr->root->type == PROMQL_VECTOR && !q->expr->root->step_invariant;

    if (fits)
        promql_walk(q->expr->root, look_at, &fits);
    return fits;
}

/* ---- one result of several */

static size_t least(const struct part *parts, unsigned n, const size_t *next)
{
    size_t best = n;

    for (size_t p = 0; p < n; p++) {
        const struct promql_result *r = parts[p].result;

        if (next[p] < r->n &&
            (best == n || label_set_cmp(r->series[next[p]].labels,
                                        parts[best].result->series[next[best]].labels) < 0))
            best = p;
    }
    return best;
}

static void append(struct promql_result *to, struct promql_series *s, double *values,
                   unix_ms *times, const struct histogram **h, const struct promql_series *from)
{
    memcpy(values + s->n, from->values, from->n * sizeof *values);
    if (times)
        memcpy(times + s->n, from->times, from->n * sizeof *times);
    for (size_t k = 0; h && from->histograms && k < from->n; k++)
        if (from->histograms[k])
            h[s->n + k] = hist_copy(&to->arena, from->histograms[k]);
    s->n += from->n;
}

/* Joins the points of one series; `times` are those of all steps. */
static void join(struct promql_result *to, const struct promql_series *const *pieces, size_t n,
                 const unix_ms *all_times, size_t n_steps)
{
    struct promql_series *s = &to->series[to->n++];
    const struct histogram **h = NULL;
    unix_ms *times = NULL;
    double *values;
    size_t points = 0;
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        points += pieces[i]->n;
        any |= pieces[i]->histograms != NULL;
    }
    values = arena_alloc(&to->arena, points * sizeof *values);
    if (points < n_steps)
        times = arena_alloc(&to->arena, points * sizeof *times);
    if (any)
        h = arena_array(&to->arena, points, sizeof *h);
    *s = (struct promql_series){.labels = label_set_ref(pieces[0]->labels)};
    for (size_t i = 0; i < n; i++)
        append(to, s, values, times, h, pieces[i]);
    s->values = values;
    s->times = times ? times : all_times;
    s->histograms = h;
}

static void add_notes(struct promql_result *to, const struct promql_result *from, size_t *cap)
{
    for (size_t i = 0; i < from->n_annotations; i++) {
        const struct promql_annotation *a = &from->annotations[i];
        bool known = false;

        for (size_t k = 0; k < to->n_annotations; k++)
            known |= strcmp(to->annotations[k].text, a->text) == 0 &&
                     to->annotations[k].warning == a->warning &&
                     to->annotations[k].line == a->line && to->annotations[k].col == a->col;
        if (known)
            continue;
        must(to->n_annotations < *cap);
        to->annotations[to->n_annotations] = *a;
        to->annotations[to->n_annotations++].text = arena_str(&to->arena, str_c(a->text)).p;
    }
}

static void add_stats(struct promql_stats *to, const struct promql_stats *from)
{
    to->samples_read += from->samples_read;
    to->series_read = from->series_read > to->series_read ? from->series_read : to->series_read;
    to->samples_peak += from->samples_peak;
    to->bytes_peak += from->bytes_peak;
    /* The parts ran side by side. */
    to->total = from->total > to->total ? from->total : to->total;
    to->select = from->select > to->select ? from->select : to->select;
    to->sort = from->sort > to->sort ? from->sort : to->sort;
}

static struct promql_result *merge(const struct part *parts, unsigned n, const struct grid *whole)
{
    struct promql_result *to = mem_zalloc(sizeof *to);
    const struct promql_series *pieces[PARTS_MAX];
    size_t next[PARTS_MAX] = {0}, series = 0, notes = 0, first;
    unix_ms *times;

    arena_init(&to->arena, 0);
    for (unsigned p = 0; p < n; p++) {
        series += parts[p].result->n;
        notes += parts[p].result->n_annotations;
    }
    to->type = PROMQL_MATRIX;
    to->time = whole->start;
    to->series = arena_array(&to->arena, series + 1, sizeof *to->series);
    to->annotations = arena_array(&to->arena, notes + 1, sizeof *to->annotations);
    times = arena_alloc(&to->arena, whole->n * sizeof *times);
    for (size_t k = 0; k < whole->n; k++)
        times[k] = grid_at(whole, k);
    while ((first = least(parts, n, next)) < n) {
        const struct label_set *labels = parts[first].result->series[next[first]].labels;
        size_t n_pieces = 0;

        for (size_t p = 0; p < n; p++) {
            const struct promql_result *r = parts[p].result;

            if (next[p] < r->n && label_set_eq(r->series[next[p]].labels, labels))
                pieces[n_pieces++] = &r->series[next[p]++];
        }
        join(to, pieces, n_pieces, times, whole->n);
    }
    for (unsigned p = 0; p < n; p++) {
        add_notes(to, parts[p].result, &notes);
        add_stats(&to->stats, &parts[p].result->stats);
    }
    return to;
}

/* ---- running */

static void run_part(void *arg)
{
    struct part *p = arg;

    p->status = query_run(&p->query, p->reader, &p->grid, p->start, p->end, false, &p->result,
                          &p->err);
}

static void part_init(struct part *p, struct promql_query *q, const struct series_reader *reader,
                      const struct grid *whole, unix_ms end, unsigned i, unsigned n)
{
    struct promql_options opts = q->opts;
    size_t from = whole->n * i / n, to = whole->n * (i + 1) / n;

    opts.max_samples = opts.max_samples / n + 1;
    opts.max_bytes = opts.max_bytes / n + 1;
    query_init(&p->query, q->expr, &opts);
    p->reader = reader;
    p->grid = (struct grid){grid_at(whole, from), whole->step, to - from};
    p->start = whole->start;
    p->end = end;
}

/* Something that one evaluation of the whole would not come upon sooner. */
static bool is_final(int status)
{
    return status == -ETIMEDOUT || status == -ECANCELED;
}

bool query_run_split(struct promql_query *q, const struct series_reader *reader,
                     const struct grid *whole, unix_ms end, struct promql_result **ret,
                     int *ret_status, struct err *err)
{
    struct crew *crew = q->opts.crew;
    unsigned wanted = (unsigned)(whole->n / STEPS_PER_PART), helpers, n;
    struct part parts[PARTS_MAX] = {0};
    bool done = true;

    if (!crew || wanted < 2 || !can_be_split(q))
        return false;
    helpers = crew_take(crew, (wanted < PARTS_MAX ? wanted : PARTS_MAX) - 1);
    if (helpers == 0)
        return false;
    n = helpers + 1;
    for (unsigned i = 0; i < n; i++)
        part_init(&parts[i], q, reader, whole, end, i, n);
    for (unsigned i = 1; i < n; i++)
        crew_run(crew, &parts[i].job, run_part, &parts[i]);
    run_part(&parts[0]);
    for (unsigned i = 1; i < n; i++)
        crew_join(crew, &parts[i].job);
    *ret_status = 0;
    for (unsigned i = 0; i < n && done && *ret_status == 0; i++)
        if (parts[i].status < 0) {
            done = is_final(parts[i].status);
            *ret_status = err_set(err, parts[i].status, "%s", parts[i].err.msg);
        }
    if (done && *ret_status == 0)
        *ret = merge(parts, n, whole);
    for (unsigned i = 0; i < n; i++) {
        promql_result_free(parts[i].result);
        query_deinit(&parts[i].query);
    }
    return done;
}
