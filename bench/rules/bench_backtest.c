/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_backtest - a week of rules over 1,000 series on stored history, against the query alone
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/crew.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/config.h"
#include "rules/rules.h"
#include "storage/storage.h"

#define N_SERIES 1000
#define STEP_MS  60000
#define RUNS     (7 * 24 * 60)
#define START    INT64_C(1770192720000)

/* Of all threads: other work on the machine does not count. */
static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must_be(int r, const struct err *err)
{
    if (r < 0) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static unix_ms newest(void *arg)
{
    (void)arg;
    return INT64_MAX / 2;
}

/* A daily wave of each series, with some noise that is the same each time. */
static double value_of(size_t series, size_t run)
{
    double wave = sin((double)(run + series * 7) * 2 * M_PI / 1440);
    uint64_t noise = (series * 2654435761u + run * 40503u) * 2246822519u >> 16 & 0xff;

    return round(500 + 300 * wave + (double)noise);
}

static void fill(struct storage *st)
{
    const struct sample_sink *sink = storage_sink(st);
    series_ref refs[N_SERIES];
    struct sample_row rows[N_SERIES];
    struct err err = {0};

    for (size_t i = 0; i < N_SERIES; i++) {
        struct label_builder b = {0};
        char name[16];

        snprintf(name, sizeof name, "i%zu", i);
        label_builder_set(&b, LABEL_NAME, STR("queue_length"));
        label_builder_set(&b, STR("instance"), str_c(name));
        CLEANUP(label_set_unrefp) const struct label_set *labels = label_builder_build(&b);
        label_builder_deinit(&b);
        must_be(sink->series(sink->self, labels, &refs[i], &err), &err);
    }
    for (size_t run = 0; run < RUNS; run++) {
        for (size_t i = 0; i < N_SERIES; i++)
            rows[i] = (struct sample_row){
                .ref = refs[i], .t = START + (unix_ms)run * STEP_MS, .v = value_of(i, run)};
        must_be(sink->commit(sink->self, rows, N_SERIES, COMMIT_ALL_OR_NOTHING, NULL, &err), &err);
    }
}

static double ask_only(const struct backtest_options *o, const char *text)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    double begin;
    struct err err = {0};

    must_be(promql_parse(str_c(text), &o->features, &expr, &err), &err);
    begin = cpu_seconds();
    must_be(promql_range(expr, &o->reader, &o->promql, o->from, o->to, STEP_MS, &result, &err),
            &err);
    return cpu_seconds() - begin;
}

static void measure(const struct backtest_options *o, const char *expr)
{
    CLEANUP(backtest_freep) struct backtest *b = NULL;
    CLEANUP(buf_free) struct buf rule = {0};
    double begin, took, alone;
    struct err err = {0};

    buf_addf(&rule, "{alert: A, expr: '%s', for: 5m, labels: {who: '{{ $labels.instance }}'}}",
             expr);
    alone = ask_only(o, expr);
    begin = cpu_seconds();
    must_be(rules_backtest("bench", buf_str(&rule), o, &b, &err), &err);
    took = cpu_seconds() - begin;
    printf("%-46s %8.3f s %8.3f s %7.2f %8llu\n", expr, took, alone, took / alone,
           (unsigned long long)b->rules[0].fired);
}

int main(void)
{
    static const char *const exprs[] = {
        "queue_length > 1000",        "queue_length > 700",   "queue_length > 0",
        "rate(queue_length[5m]) > 1", "absent(queue_length)",
    };
    char dir[] = "/tmp/tocsin-bench-XXXXXX";
    struct config *config;
    struct storage_options so;
    struct storage *st;
    struct err err = {0};
    struct backtest_options o = {.external_url = "",
                                 .from = START,
                                 .to = START + (RUNS - 1) * (unix_ms)STEP_MS,
                                 .promql.crew = crew_new(thread_cores() - 1)};

    if (!mkdtemp(dir))
        return 1;
    storage_options_default(&so);
    so.manual = true;
    so.now = newest;
    must_be(storage_open(dir, &so, &st, NULL, &err), &err);
    fill(st);
    must_be(config_parse("bench", STR("global: {}\n"), &config, &err), &err);
    o.config = config;
    o.reader = *storage_reader(st);
    printf("%d series, %d runs, with thresholds; seconds of CPU\n%-46s %10s %10s %7s %8s\n",
           N_SERIES, RUNS, "rule", "backtest", "query", "ratio", "fired");
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++)
        measure(&o, exprs[i]);
    config_unref(config);
    storage_close(st, NULL);
    crew_free(o.promql.crew);
    file_remove_tree(dir);
    return 0;
}
