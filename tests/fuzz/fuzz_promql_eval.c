/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any expression over a few series of all kinds: whatever parses is evaluated, as instant and as
 * range query, without a fault of memory, and what comes out keeps the promises of promql.h.
 */
#include <errno.h>
#include <math.h>

#include "promql/promql.h"
#include "tests/support/memory_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP  INT64_C(60000)
#define STEPS 5

static const char *const series[] = {
    "up{job=\"a\",instance=\"1\"} 1 1 stale _ 1 1",
    "up{job=\"a\",instance=\"2\"} 0 NaN 1 -Inf +Inf 1",
    "up{job=\"b\",instance=\"1\"} _ 1e308 1e308 -1 0 5",
    "c_total{job=\"a\",instance=\"1\"} 0+7x3 0 3",
    "c_total{job=\"b\",instance=\"1\",le=\"1\"} 5 4 3 2 1 0",
    "x_bucket{le=\"0.5\",job=\"a\"} 0+1x5",
    "x_bucket{le=\"+Inf\",job=\"a\"} 0+2x5",
    "x_bucket{le=\"1\",job=\"a\"} 2 1 2 1 2 NaN",
    "h{job=\"a\"} {{schema:1 sum:5 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 2] n_buckets:[1]}}x5",
    "h{job=\"b\"} {{sum:NaN count:9 buckets:[1 2 1]}} 1 {{count:1}} stale {{schema:-2 buckets:[3]}}",
    "h{job=\"c\"} {{schema:-53 count:2 custom_values:[1 2] buckets:[1 1]}}x2 {{schema:-53 count:1}}x2",
    "target_info{job=\"a\",instance=\"1\",os=\"linux\"} 1 1 1 stale",
};

static struct memory_reader *samples(void)
{
    static struct memory_reader m;
    struct series_desc *d = NULL;

    for (size_t i = 0; m.n < ARRAY_LEN(series) && i < ARRAY_LEN(series); i++) {
        must(series_desc_parse(str_c(series[i]), &d, NULL) == 0);
        for (size_t k = 0; k < d->n; k++)
            if (!d->values[k].omitted)
                memory_reader_add(&m, d->metric, (unix_ms)k * STEP, d->values[k].v,
                                  d->values[k].histogram);
        series_desc_free(d);
    }
    return &m;
}

static void must_be_well_formed(const struct promql_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct promql_series *s = &r->series[i];

        must(s->labels && s->n > 0);
        for (size_t k = 1; k < s->n; k++)
            must(s->times[k - 1] < s->times[k]);
        if (r->type == PROMQL_MATRIX && i > 0)
            must(label_set_cmp(r->series[i - 1].labels, s->labels) < 0);
    }
}

static const struct promql_series *find(const struct promql_result *r, const struct label_set *ls)
{
    for (size_t i = 0; i < r->n; i++)
        if (label_set_eq(r->series[i].labels, ls))
            return &r->series[i];
    return NULL;
}

static bool same_value(const struct promql_series *a, size_t i, const struct promql_series *b,
                       size_t j)
{
    const struct histogram *ha = a->histograms ? a->histograms[i] : NULL;
    const struct histogram *hb = b->histograms ? b->histograms[j] : NULL;

    if (ha && hb)
        return hist_equal(ha, hb);
    return !ha && !hb &&
           (a->values[i] == b->values[j] || (isnan(a->values[i]) && isnan(b->values[j])));
}

static void must_agree(const struct promql_result *range, const struct promql_result *instant,
                       unix_ms t)
{
    size_t points = 0;

    for (size_t i = 0; i < range->n; i++) {
        const struct promql_series *s = &range->series[i], *other = find(instant, s->labels);

        for (size_t k = 0; k < s->n; k++) {
            if (s->times[k] != t)
                continue;
            points++;
            must(other && same_value(s, k, other, 0));
        }
    }
    must(points == instant->n);
}

/* @ start() and @ end() tell a range query something else than an instant query. */
static int knows_its_range(struct promql_node *node, struct promql_node *const *parents,
                           size_t n_parents, void *arg)
{
    const struct promql_time_shift *shift = node->kind == NODE_VECTOR     ? &node->vector.shift
                                            : node->kind == NODE_SUBQUERY ? &node->subquery.shift
                                                                          : NULL;

    return shift && (shift->at == AT_START || shift->at == AT_END);
}

static void evaluate(const struct promql_expr *expr, const struct promql_options *opts)
{
    const struct series_reader *port = memory_reader_port(samples());
    struct promql_result *range = NULL, *instant = NULL;
    struct err err = {0};
    int r = promql_range(expr, port, opts, 0, (STEPS - 1) * STEP, STEP, &range, &err);

    must(r == 0 || err.msg[0]);
    if (r == 0)
        must_be_well_formed(range);
    for (int k = 0; k < STEPS; k++) {
        int ri = promql_instant(expr, port, opts, k * STEP, &instant, &err);

        must(ri == 0 || err.msg[0]);
        if (ri == 0)
            must_be_well_formed(instant);
        if (r == 0 && ri != -ETIMEDOUT && !promql_walk(expr->root, knows_its_range, NULL)) {
            must(ri == 0);
            must_agree(range, instant, k * STEP);
        }
        promql_result_free(instant);
        instant = NULL;
    }
    promql_result_free(range);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct promql_features features = {true, true};
    struct promql_options opts = {.max_samples = 20000, .timeout = 1000, .max_bytes = 64u << 20};
    struct promql_expr *expr = NULL;

    if (size == 0)
        return 0;
    opts.delayed_name_removal = data[0] & 1;
    opts.type_and_unit_labels = data[0] & 2;
    if (promql_parse(str_n((const char *)data + 1, size - 1), &features, &expr, NULL) == 0)
        evaluate(expr, &opts);
    promql_expr_free(expr);
    return 0;
}
