/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_promql - what questions that stand and the rules that ask them cost, as a table
 *
 *     bench_promql [samples of each series]     100, in a folder of its own in $TMPDIR
 *
 * 20,000 series at one sample every 15 seconds, all in the head. First each kind of question alone,
 * prepared and asked at the newest time: CPU per evaluation, and per node of its expression. Then
 * whole cycles of 1,000 alert rules of one kind in groups of 50, with the storage as the sink of
 * ALERTS and somebody who only counts the alerts: CPU per rule and cycle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "config/config.h"
#include "model/label_set.h"
#include "rules/rules.h"
#include "storage/storage.h"

#define NAMES        20
#define JOBS         50
#define INSTANCES    20
#define N_SERIES     (NAMES * JOBS * INSTANCES)
#define STEP_MS      15000
#define T0           INT64_C(1700006400000)
#define QUESTIONS    200 /* of a kind, on different series, as there are many rules */
#define MEASURE_S    0.5
#define RULES        1000
#define GROUP        50
#define WARM_CYCLES  6 /* `for` is over, state is restored, everybody was told once */
#define TIMED_CYCLES 10

static unix_ms now;
static size_t n_steps; /* that all series have */
static size_t n_posted;

static double cpu_s(void)
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
    return now;
}

/* ---- the data ------------------------------------------------------------------------------ */

static const struct label_set *labels_of(size_t i)
{
    char name[32], job[32], instance[32];
    struct label l[] = {
        {STR("__name__"), STR_NONE}, {STR("cluster"), STR("default")}, {STR("instance"), STR_NONE},
        {STR("job"), STR_NONE},      {STR("namespace"), STR("prod")},
    };

    snprintf(name, sizeof name, "metric_%02zu", i % NAMES);
    snprintf(job, sizeof job, "job-%02zu", i / NAMES / INSTANCES);
    snprintf(instance, sizeof instance, "192.0.2.%zu:9100", i / NAMES % INSTANCES);
    l[0].value = str_c(name);
    l[2].value = str_c(instance);
    l[3].value = str_c(job);
    return label_set_new(l, ARRAY_LEN(l));
}

/* Half of them are counters, half go up and down below 1000. */
static double value_of(size_t i, size_t step)
{
    size_t dice = (i * 2654435761u + step * 40503u) % 1000;

    return i % 2 ? (double)(step * 300 + dice % 300) : (double)dice;
}

static void push_step(struct storage *st, const series_ref *refs, size_t step)
{
    const struct sample_sink *sink = storage_sink(st);
    CLEANUP(mem_freep) struct sample_row *rows = mem_array(N_SERIES, sizeof *rows);
    struct err err;

    now = T0 + (unix_ms)step * STEP_MS;
    for (size_t i = 0; i < N_SERIES; i++)
        rows[i] = (struct sample_row){.ref = refs[i], .t = now, .v = value_of(i, step)};
    must_be(sink->commit(sink->self, rows, N_SERIES, COMMIT_ALL_OR_NOTHING, NULL, &err), &err);
}

static struct storage *fill(const char *dir, size_t n_samples, series_ref *refs)
{
    const struct sample_sink *sink;
    struct storage_options o;
    struct storage *st;
    struct err err;

    storage_options_default(&o);
    o.manual = true;
    o.now = newest;
    must_be(storage_open(dir, &o, &st, NULL, &err), &err);
    sink = storage_sink(st);
    for (size_t i = 0; i < N_SERIES; i++) {
        CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of(i);

        must_be(sink->series(sink->self, labels, &refs[i], &err), &err);
    }
    while (n_steps < n_samples)
        push_step(st, refs, n_steps++);
    return st;
}

/* ---- kinds of questions -------------------------------------------------------------------- */

/* Of printf(): the number of a metric with values below 1000, of a job, of an instance. */
static const struct kind {
    const char *what, *expr;
} kinds[] = {
    {"threshold, one series, quiet",
     "metric_%1$02u{job=\"job-%2$02u\",instance=\"192.0.2.%3$u:9100\"} > 1000"},
    {"threshold, one series, fires",
     "metric_%1$02u{job=\"job-%2$02u\",instance=\"192.0.2.%3$u:9100\"} >= 0"},
    {"threshold, 20 series, quiet", "metric_%1$02u{job=\"job-%2$02u\"} > 1000"},
    {"threshold, 20 series, fires", "metric_%1$02u{job=\"job-%2$02u\"} >= 0"},
    {"absent", "absent(metric_%1$02u{job=\"job-%2$02u\",instance=\"none\"})"},
    {"rate of 5m, one series",
     "rate(metric_01{job=\"job-%2$02u\",instance=\"192.0.2.%3$u:9100\"}[5m]) > 1000"},
    {"rate of 5m, 20 series", "rate(metric_01{job=\"job-%2$02u\"}[5m]) > 1000"},
    {"ratio of two, 20 series each",
     "metric_%1$02u{job=\"job-%2$02u\"} / metric_01{job=\"job-%2$02u\"} > 1000000"},
    {"sum by, 20 series", "sum by (job) (metric_%1$02u{job=\"job-%2$02u\"}) > 1000000"},
};

static void expr_of(const struct kind *k, unsigned i, struct buf *out)
{
    char text[256];

    snprintf(text, sizeof text, k->expr, i % (NAMES / 2) * 2, i % JOBS, i / JOBS % INSTANCES);
    buf_add_c(out, text);
}

static int count_node(struct promql_node *node, struct promql_node *const *parents,
                      size_t n_parents, void *arg)
{
    ++*(size_t *)arg;
    return 0;
}

static void ask(const struct series_reader *reader, struct promql_query *const *qs)
{
    struct err err;

    for (size_t i = 0; i < QUESTIONS; i++) {
        CLEANUP(promql_result_freep) struct promql_result *result = NULL;

        must_be(promql_query_instant(qs[i], reader, now, &result, &err), &err);
    }
}

static void measure_questions(struct storage *st, const struct kind *k)
{
    struct promql_expr *exprs[QUESTIONS];
    struct promql_query *qs[QUESTIONS];
    size_t rounds = 0, nodes = 0;
    double begin, spent;
    struct err err;

    for (unsigned i = 0; i < QUESTIONS; i++) {
        CLEANUP(buf_free) struct buf text = {0};

        expr_of(k, i, &text);
        must_be(promql_parse(buf_str(&text), NULL, &exprs[i], &err), &err);
        qs[i] = promql_prepare(exprs[i], NULL);
    }
    promql_walk(exprs[0]->root, count_node, &nodes);
    ask(storage_reader(st), qs);
    begin = cpu_s();
    do {
        ask(storage_reader(st), qs);
        rounds++;
    } while ((spent = cpu_s() - begin) < MEASURE_S);
    spent *= 1e6 / (double)(rounds * QUESTIONS);
    printf("%-36s %10.2f %10.2f\n", k->what, spent, spent / (double)nodes);
    for (size_t i = 0; i < QUESTIONS; i++) {
        promql_query_free(qs[i]);
        promql_expr_free(exprs[i]);
    }
}

/* ---- cycles of rules ----------------------------------------------------------------------- */

static int count_alerts(void *self, const struct alert *const *alerts, size_t n, unix_ns t,
                        struct err *err)
{
    n_posted += n;
    return 0;
}

static void write_rules(const struct kind *k, const char *path)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct err err;

    buf_add_c(&text, "groups:\n");
    for (unsigned i = 0; i < RULES; i++) {
        if (i % GROUP == 0)
            buf_addf(&text, "- name: g%u\n  interval: 15s\n  rules:\n", i / GROUP);
        buf_addf(&text, "  - alert: Rule%u\n    for: 30s\n    labels: {severity: warning}\n", i);
        buf_add_c(&text, "    annotations:\n      message: a rule\n"
                         "      summary: '{{ $labels.instance }} is {{ $value }}'\n    expr: '");
        expr_of(k, i, &text);
        buf_add_c(&text, "'\n");
    }
    must_be(file_write_atomic(path, buf_str(&text), &err), &err);
}

/* Before each cycle there is a new sample of everything; what that costs is not counted. */
static double run_cycles(struct storage *st, const series_ref *refs, struct rules *r, unix_ns *due,
                         size_t n)
{
    double spent = 0, begin;

    for (size_t i = 0; i < n; i++) {
        push_step(st, refs, n_steps++);
        begin = cpu_s();
        while (*due < unix_ns_of_ms(now + STEP_MS))
            *due = rules_tick(r, *due);
        spent += cpu_s() - begin;
    }
    return spent;
}

static void measure_rules(struct storage *st, const series_ref *refs, const struct kind *k,
                          const char *dir)
{
    CLEANUP(config_unrefp) struct config *config = NULL;
    CLEANUP(buf_free) struct buf text = {0}, path = {0};
    struct rules_options o = {.reader = *storage_reader(st),
                              .samples = *storage_sink(st),
                              .alerts = {.post = count_alerts},
                              .external_url = "http://tocsin.example",
                              .lookback = PROMQL_LOOKBACK_MS,
                              .resend_delay = 60000,
                              .for_grace_period = 600000,
                              .for_outage_tolerance = 3600000};
    unix_ns due = unix_ns_of_ms(now);
    double spent;
    struct rules *r;
    struct err err;

    buf_addf(&path, "%s/rules.yml", dir);
    write_rules(k, path.p);
    buf_addf(&text, "rule_files: ['%s']\n", path.p);
    must_be(config_parse("bench.yml", buf_str(&text), &config, &err), &err);
    must_be(rules_new(&o, config, due, &r, &err), &err);
    run_cycles(st, refs, r, &due, WARM_CYCLES);
    n_posted = 0;
    spent = run_cycles(st, refs, r, &due, TIMED_CYCLES);
    printf("%-36s %10.2f %10zu\n", k->what, spent * 1e6 / (RULES * TIMED_CYCLES), n_posted);
    fflush(stdout);
    rules_free(r);
}

int main(int argc, char **argv)
{
    CLEANUP(mem_freep) series_ref *refs = mem_array(N_SERIES, sizeof *refs);
    size_t n_samples = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
    char dir[256], tsdb[300];
    struct storage *st;
    struct err err;

    snprintf(dir, sizeof dir, "%s/bench-promql-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    must(mkdtemp(dir) != NULL);
    snprintf(tsdb, sizeof tsdb, "%s/tsdb", dir);
    st = fill(tsdb, n_samples, refs);
    printf("%-36s %10s %10s\n", "standing question, newest time", "us", "us/node");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        measure_questions(st, &kinds[i]);
    printf("\n%-36s %10s %10s\n", "alert rule, whole cycle", "us/rule", "alerts told");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        measure_rules(st, refs, &kinds[i], dir);
    must_be(storage_close(st, &err), &err);
    file_remove_tree(dir);
    return 0;
}
