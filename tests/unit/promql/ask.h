/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - asks the evaluator about series written as text, and gives the answer as text
 *
 *     struct memory_reader m = {0};
 *     ask_load(&m, 60000, "up{job=\"a\"} 1 1 0\n"
 *                         "up{job=\"b\"} 1");
 *     ask_instant(&m, NULL, "sum(up)", 60000)  ->  "{} 1\n"
 *
 * A result has a line for each series: labels, then values, in range results each with "@" and its
 * time in seconds; after them annotations with their places. An error is "error: " and its words.
 * What is returned lives until the next question.
 */
#ifndef TOCSIN_TESTS_UNIT_PROMQL_ASK_H
#define TOCSIN_TESTS_UNIT_PROMQL_ASK_H

#include "tests/unit/tocsin_cmocka.h"

#include "base/num.h"
#include "promql/promql.h"
#include "tests/support/memory_reader.h"

static struct buf ask_text;

__attribute__((unused)) static void ask_load(struct memory_reader *m, dur_ms step,
                                             const char *lines)
{
    struct str rest = str_c(lines);

    while (rest.len) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        struct series_desc *d = NULL;
        struct err err = {0};

        if (line.len == 0)
            continue;
        if (series_desc_parse(line, &d, &err) < 0)
            fail_msg("%s", err.msg);
        for (size_t k = 0; k < d->n; k++)
            if (!d->values[k].omitted)
                memory_reader_add(m, d->metric, (unix_ms)k * step, d->values[k].v,
                                  d->values[k].histogram);
        series_desc_free(d);
    }
}

static void ask_print(const struct promql_result *result)
{
    bool with_times = result->type == PROMQL_MATRIX;

    if (result->type == PROMQL_STRING)
        buf_addf(&ask_text, STR_FMT "\n", STR_ARG(result->text));
    for (size_t i = 0; i < result->n; i++) {
        const struct promql_series *s = &result->series[i];

        if (result->type != PROMQL_SCALAR)
            label_set_print(s->labels, &ask_text);
        for (size_t k = 0; k < s->n; k++) {
            if (result->type != PROMQL_SCALAR)
                buf_add_byte(&ask_text, ' ');
            if (s->histograms && s->histograms[k])
                hist_print(s->histograms[k], &ask_text);
            else
                num_add_short(&ask_text, s->values[k]);
            if (with_times)
                buf_addf(&ask_text, "@%g", (double)s->times[k] / 1000);
        }
        buf_add_byte(&ask_text, '\n');
    }
    for (size_t i = 0; i < result->n_annotations; i++) {
        const struct promql_annotation *a = &result->annotations[i];

        buf_addf(&ask_text, "%s (%u:%u)\n", a->text, a->line, a->col);
    }
}

static const char *ask(struct memory_reader *m, const struct promql_options *opts,
                       const char *query, bool range, unix_ms start, unix_ms end, dur_ms step)
{
    struct promql_features features = {true, true};
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct err err = {0};
    int r = promql_parse(str_c(query), &features, &expr, &err);

    buf_reset(&ask_text);
    buf_add_c(&ask_text, "");
    if (r == 0)
        r = range ? promql_range(expr, memory_reader_port(m), opts, start, end, step, &result, &err)
                  : promql_instant(expr, memory_reader_port(m), opts, start, &result, &err);
    if (r < 0)
        buf_addf(&ask_text, "error: %s", err.msg);
    else
        ask_print(result);
    return buf_str(&ask_text).p;
}

__attribute__((unused)) static const char *ask_instant(struct memory_reader *m,
                                                       const struct promql_options *opts,
                                                       const char *query, unix_ms t)
{
    return ask(m, opts, query, false, t, t, 0);
}

__attribute__((unused)) static const char *ask_range(struct memory_reader *m,
                                                     const struct promql_options *opts,
                                                     const char *query, unix_ms start, unix_ms end,
                                                     dur_ms step)
{
    return ask(m, opts, query, true, start, end, step);
}

struct ask_case {
    const char *query;
    unix_ms at;
    const char *answer;
};

/* Asks one instant query after the other over the same series, loaded with a step of a minute. */
__attribute__((unused)) static void ask_cases(const char *series, const struct ask_case *cases,
                                              size_t n)
{
    struct memory_reader m = {0};

    ask_load(&m, 60000, series);
    for (size_t i = 0; i < n; i++) {
        const char *answer = ask_instant(&m, NULL, cases[i].query, cases[i].at);

        if (strcmp(answer, cases[i].answer) != 0)
            print_error("%s at %lld\n", cases[i].query, (long long)cases[i].at);
        assert_string_equal(answer, cases[i].answer);
    }
    memory_reader_clear(&m);
}

__attribute__((unused)) static int ask_forget(void **state)
{
    buf_free(&ask_text);
    return 0;
}

#endif
