/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/regex.h"
#include "promql/functions_table.h"
#include "tests/promqltest/promqltest.h"

#define ONE_MINUTE INT64_C(60000)

/* ---- texts */

static bool text_fits(const struct expectation *e, struct str text)
{
    CLEANUP(regex_freep) struct regex *re = NULL;

    if (e->how == EXPECT_ANY)
        return true;
    if (e->how == EXPECT_TEXT)
        return str_eq(e->text, text);
    return regex_new(e->text, REGEX_SEARCH, &re, NULL) == 0 && regex_match(re, text);
}

static bool annotation_is_expected(const struct expectations *es, struct str text)
{
    for (size_t i = 0; i < es->n; i++)
        if (text_fits(&es->list[i], text))
            return true;
    return false;
}

/* Each expectation met, and no annotation that nobody expected, when any is expected at all. */
static bool notes_fit(const struct eval_block *b, const struct promql_result *result,
                      enum level level, struct buf *report)
{
    static const char *const names[] = {"info", "warning"};
    const struct expectations *es = &b->notes[level];
    size_t seen = 0;
    bool fits = true;

    for (size_t i = 0; i < result->n_annotations; i++) {
        const struct promql_annotation *a = &result->annotations[i];

        if (a->warning != (level == LEVEL_WARN))
            continue;
        seen++;
        if (es->none || (es->n && !annotation_is_expected(es, str_c(a->text)))) {
            buf_addf(report, "  unexpected: %s\n", a->text);
            fits = false;
        }
    }
    for (size_t i = 0; i < es->n; i++) {
        bool met = false;

        for (size_t j = 0; j < result->n_annotations; j++)
            met |= result->annotations[j].warning == (level == LEVEL_WARN) &&
                   text_fits(&es->list[i], str_c(result->annotations[j].text));
        if (met)
            continue;
        buf_addf(report, "  no such %s: " STR_FMT "\n", names[level],
                 STR_ARG(es->list[i].text.len ? es->list[i].text : STR("any")));
        fits = false;
    }
    return fits;
}

/* ---- one evaluation */

static bool failure_fits(const struct eval_block *b, const struct err *err, struct buf *report)
{
    if (text_fits(&b->failure, str_c(err->msg)))
        return true;
    buf_addf(report, "  expected failure: " STR_FMT "\n  got: %s\n", STR_ARG(b->failure.text),
             err->msg);
    return false;
}

static bool outcome_fits(const struct eval_block *b, int r, const struct promql_result *result,
                         const unix_ms *only, const struct err *err, struct buf *report)
{
    bool fits;

    if (r < 0) {
        if (b->fail)
            return failure_fits(b, err, report);
        buf_addf(report, "  failed: %s\n", err->msg);
        return false;
    }
    if (b->fail) {
        buf_add_c(report, "  expected a failure\n");
        return false;
    }
    fits = result_fits(b, result, only, report);
    if (!only) { /* all are told, not the first alone */
        fits = notes_fit(b, result, LEVEL_WARN, report) && fits;
        fits = notes_fit(b, result, LEVEL_INFO, report) && fits;
    }
    if (!fits) {
        buf_add_c(report, "  got:\n");
        print_result(report, result);
    }
    return fits;
}

static bool ask(struct runner *r, const struct eval_block *b, const struct promql_expr *expr,
                unix_ms t, const char *variant, struct buf *report)
{
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct err err = {0};
    int code = promql_instant(expr, memory_reader_port(r->store), &r->options, t, &result, &err);
    struct buf text = {0};
    bool fits = outcome_fits(b, code, result, NULL, &err, &text);

    if (!fits)
        buf_addf(report, "  %s at %lld ms:\n%s", variant, (long long)t, text.p);
    buf_free(&text);
    return fits;
}

static bool ask_range(struct runner *r, const struct eval_block *b, const struct promql_expr *expr,
                      unix_ms start, unix_ms end, dur_ms step, const unix_ms *only,
                      struct buf *report)
{
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct err err = {0};
    int code = promql_range(expr, memory_reader_port(r->store), &r->options, start, end, step,
                            &result, &err);
    struct buf text = {0};
    bool fits = outcome_fits(b, code, result, only, &err, &text);

    if (!fits)
        buf_addf(report, "  %s:\n%s", only ? "as range query" : "range query", text.p);
    buf_free(&text);
    return fits;
}

/* ---- the same question with its time written into it */

static bool depends_on_time(const struct promql_node *node)
{
    static const char *const names[] = {
        "days_in_month", "day_of_month", "day_of_week",    "day_of_year", "hour",     "minute",
        "month",         "year",         "predict_linear", "time",        "timestamp"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (node->kind == NODE_CALL && strcmp(node->call.fn->name, names[i]) == 0)
            return true;
    return false;
}

struct fixing {
    unix_ms t;
    bool impossible;
};

static int fix_time(struct promql_node *node, struct promql_node *const *parents, size_t n_parents,
                    void *arg)
{
    struct fixing *f = arg;
    struct promql_time_shift *shift = node->kind == NODE_VECTOR     ? &node->vector.shift
                                      : node->kind == NODE_SUBQUERY ? &node->subquery.shift
                                                                    : NULL;

    f->impossible |= depends_on_time(node);
    for (size_t i = 0; i < n_parents; i++)
        if (parents[i]->kind == NODE_SUBQUERY)
            return 0; /* it is fixed itself */
    if (shift && shift->at == AT_NONE) {
        shift->at = AT_TIME;
        shift->at_ms = f->t;
    }
    return 0;
}

/* NULL: the question asks for the time itself. */
static struct promql_expr *with_time_written(struct runner *r, const struct eval_block *b,
                                             struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    struct fixing f = {b->start, false};
    struct promql_expr *again = NULL;

    if (promql_parse(b->query, &r->features, &expr, err) < 0)
        return NULL;
    promql_walk(expr->root, fix_time, &f);
    if (f.impossible)
        return NULL;
    promql_print(expr->root, &text);
    if (promql_parse(buf_str(&text), &r->features, &again, err) < 0)
        err_in(err, -EINVAL, "%s", text.p);
    return again;
}

static bool ask_at_other_times(struct runner *r, const struct eval_block *b, struct buf *report)
{
    struct err err = {0};
    CLEANUP(promql_expr_freep) struct promql_expr *expr = with_time_written(r, b, &err);
    unix_ms times[] = {-10 * b->start, 0, b->start / 5, b->start, 10 * b->start};
    bool fits = true;

    if (!expr && err.code == 0)
        return true;
    if (!expr) {
        buf_addf(report, "  with @: %s\n", err.msg);
        return false;
    }
    if (b->start == 0) {
        times[0] = -1000;
        times[2] = 1000;
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        fits = fits && ask(r, b, expr, times[i], "with @", report);
    return fits;
}

bool run_block(struct runner *r, const struct eval_block *b, struct buf *report)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct err err = {0};

    if (promql_parse(b->query, &r->features, &expr, &err) < 0) {
        buf_addf(report, "  %s\n", err.msg);
        return false;
    }
    if (b->range)
        return ask_range(r, b, expr, b->start, b->end, b->step, NULL, report);
    if (!ask(r, b, expr, b->start, "instant", report))
        return false;
    if (!b->fail && !b->ordered && expr->root->type != PROMQL_STRING &&
        !ask_range(r, b, expr, b->start - ONE_MINUTE, b->start + ONE_MINUTE, ONE_MINUTE, &b->start,
                   report))
        return false;
    return ask_at_other_times(r, b, report);
}
