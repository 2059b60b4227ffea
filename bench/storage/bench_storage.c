/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_storage - what storage costs, as a table
 *
 *     bench_storage [series [samples of each]]     20000 1440, in a folder of its own in $TMPDIR
 *     bench_storage decode                         sealed chunks, one core
 *     bench_storage churn [series [minutes]]       100000 180: 2 % of the series are others each minute
 *
 * Series look like those of micro-services (counters, gauges, histogram buckets, two fifths idle),
 * at one sample every 15 seconds. Phases: series made and 16 samples each in scrape shape; starts
 * as after kill -9, from the log alone and from the image; the rest of the samples, 20 of a series
 * at a time; what the head and the folder have come to; blocks and what they cost on disk; reading
 * all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/label_set.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/storage.h"

#define TARGET_SERIES 1000
#define STEP_MS       15000
#define YOUNG         16
#define RUN           20
#define T0            INT64_C(1700006400000)

enum shape { COUNTER, GAUGE, BUCKET, RATIO, SHAPES };

struct gen {
    uint64_t dice;
    double value;
    double rate;
    enum shape shape;
    bool idle;
};

static struct gen *gens;
static series_ref *refs;
static size_t n_series;

static uint64_t roll(uint64_t *s)
{
    uint64_t x = *s += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static double unit(uint64_t *s)
{
    return (double)(roll(s) >> 11) * 0x1p-53;
}

static void gen_init(struct gen *g, size_t i)
{
    *g = (struct gen){.dice = i * 7919 + 1,
                      .shape = i % 28 < 11   ? BUCKET
                               : i % 28 < 20 ? COUNTER
                               : i % 28 < 25 ? GAUGE
                                             : RATIO};
    g->idle = i / 28 % 5 == 1 || i / 28 % 5 == 3;
    g->rate = 0.2 + 30.0 / (double)(1 + i / 28 % 17);
    g->value = floor(unit(&g->dice) * 100000);
}

static double gen_next(struct gen *g)
{
    double u = unit(&g->dice);

    if (g->idle)
        return g->value;
    switch (g->shape) {
    case COUNTER: g->value += floor(g->rate * 15 * (0.85 + 0.3 * u)); break;
    case BUCKET: g->value += floor(g->rate * 3 * u); break;
    case GAUGE: g->value = fabs(g->value + floor((2 * u - 1) * 90)); break;
    default: g->value = floor(fabs(g->value + (2 * u - 1) * 15)); return g->value / 1000;
    }
    return g->value;
}

static double now_s(void)
{
    return (double)clock_mono_ns() / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static size_t resident(void)
{
    unsigned long size = 0, rss = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f) {
        if (fscanf(f, "%lu %lu", &size, &rss) != 2)
            rss = 0;
        fclose(f);
    }
    return rss * (size_t)sysconf(_SC_PAGESIZE);
}

static void row(const char *what, double value, const char *unit_text)
{
    printf("%-52s %14.3f  %s\n", what, value, unit_text);
    fflush(stdout);
}

static struct label_set *labels_of(size_t i, enum shape shape)
{
    static const char *const jobs[] = {"redis-dev", "mysql-prod", "order-biz", "stock-biz",
                                       "user-biz"};
    static const char *const names[] = {"http_request_duration_seconds_bucket",
                                        "http_requests_total", "app_queue_depth",
                                        "app_pool_usage_ratio"};
    size_t target = i / TARGET_SERIES, k = i % TARGET_SERIES;
    char instance[32], pod[48], node[16], path[48], le[16], code[16];
    struct label l[] = {
        {STR("__name__"), str_c(names[shape])},
        {STR("job"), str_c(jobs[target % 5])},
        {STR("instance"), STR_NONE},
        {STR("pod"), STR_NONE},
        {STR("node"), STR_NONE},
        {STR("namespace"), STR("prod")},
        {STR("cluster"), STR("default")},
        {STR("path"), STR_NONE},
        {STR("le"), STR_NONE},
        {STR("code"), STR_NONE},
    };

    snprintf(instance, sizeof instance, "10.0.%zu.%zu:9100", target / 250, target % 250);
    snprintf(pod, sizeof pod, "%s-7c9f%03zx-%05zu", jobs[target % 5], target & 0xfff, target);
    snprintf(node, sizeof node, "node-%02zu", target % 16);
    snprintf(path, sizeof path, "/api/v1/resource-%zu", k / 28);
    snprintf(le, sizeof le, "%zu", k % 28);
    snprintf(code, sizeof code, "%zu", 200 + k % 5);
    l[2].value = str_c(instance);
    l[3].value = str_c(pod);
    l[4].value = str_c(node);
    l[7].value = str_c(path);
    l[8].value = str_c(le);
    l[9].value = str_c(code);
    return label_set_new(l, ARRAY_LEN(l));
}

static void must_be(int r, const struct err *err)
{
    if (r < 0) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static struct storage *open_it(const char *dir)
{
    struct storage_options o;
    struct storage *st;
    struct buf report = {0};
    struct err err;

    storage_options_default(&o);
    o.manual = true;
    must_be(storage_open(dir, &o, &st, &report, &err), &err);
    if (report.len)
        fputs(report.p, stdout);
    buf_free(&report);
    return st;
}

static void make_series(struct storage *st)
{
    const struct sample_sink *sink = storage_sink(st);
    struct err err;

    for (size_t i = 0; i < n_series; i++) {
        CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of(i, gens[i].shape);

        must_be(sink->series(sink->self, labels, &refs[i], &err), &err);
    }
}

/* Returns the seconds that commits took. */
static double push(struct storage *st, size_t first, size_t n, size_t run)
{
    const struct sample_sink *sink = storage_sink(st);
    size_t series = run == 1 ? TARGET_SERIES : 100;
    struct sample_row *rows = mem_array(series * run, sizeof *rows);
    double spent = 0;
    struct err err;

    for (size_t step = first; step < first + n; step += run)
        for (size_t i = 0; i < n_series; i += series) {
            size_t k = 0;
            double begin;

            for (size_t j = i; j < i + series && j < n_series; j++)
                for (size_t s = step; s < step + run && s < first + n; s++)
                    rows[k++] = (struct sample_row){refs[j], T0 + (unix_ms)s * STEP_MS,
                                                    gen_next(&gens[j]), NULL};
            begin = now_s();
            must_be(sink->commit(sink->self, rows, k, COMMIT_ALL_OR_NOTHING, NULL, &err), &err);
            spent += now_s() - begin;
            if (i % (series * 64) == 0 && run > 1)
                must_be(storage_tick(st, &err), &err);
        }
    free(rows);
    return spent;
}

static void read_all(struct storage *st, unix_ms from, unix_ms to)
{
    const struct series_reader *reader = storage_reader(st);
    struct matcher *m;
    struct selection *s;
    struct columns c = {0};
    struct err err;
    double begin, selected, done;
    uint64_t samples = 0;

    must_be(matcher_new(MATCH_EQ, STR("cluster"), STR("default"), &m, &err), &err);
    begin = now_s();
    must_be(reader->select(reader->self, (const struct matcher *const *)&m, 1, from, to, &s, &err),
            &err);
    selected = now_s();
    for (size_t i = 0; i < s->n; i++) {
        must_be(reader->read(s, i, from, to, &c, &err), &err);
        samples += c.n;
    }
    done = now_s();
    row("select all, microseconds per series", (selected - begin) * 1e6 / (double)s->n, "us");
    row("read all, millions of samples per second", (double)samples / (done - selected) / 1e6,
        "M/s");
    reader->release(s);
    columns_deinit(&c);
    matcher_free(m);
}

/* ---- decoding of sealed chunks ------------------------------------------------------------- */

#define DECODE_ROUNDS 400000 /* of a chunk of FRAME_MAX samples: 51 million samples */

enum chunk_shape { CONSTANT, REGULAR, NOISY_WHOLE, NOISY_DECIMAL, MEASURED, CHUNK_SHAPES };

static double chunk_value(enum chunk_shape shape, size_t i, uint64_t *dice)
{
    switch (shape) {
    case CONSTANT: return 4711;
    case REGULAR: return 1e6 + (double)i * 75;
    case NOISY_WHOLE: return 500000 + floor(unit(dice) * 4000);
    case NOISY_DECIMAL: return floor(unit(dice) * 100000) / 1000;
    default: return unit(dice);
    }
}

/* Times and values of a chunk as the head seals it, decoded into the same place again and again. */
static void decode(enum chunk_shape shape, bool jitter)
{
    static const char *const names[] = {"constant", "equal increments", "noisy, whole",
                                        "noisy, three decimals", "noisy, all bits"};
    double values[FRAME_MAX], out[FRAME_MAX], begin;
    unix_ms times[FRAME_MAX], out_times[FRAME_MAX];
    struct buf column = {0};
    uint64_t dice = 7;
    char what[80];

    for (size_t i = 0; i < FRAME_MAX; i++) {
        times[i] = T0 + (unix_ms)i * STEP_MS + (jitter ? (unix_ms)(roll(&dice) % 5) : 0);
        values[i] = chunk_value(shape, i, &dice);
    }
    column_put_times(times, FRAME_MAX, &column);
    column_put_values(values, FRAME_MAX, &column);
    begin = cpu_s();
    for (size_t i = 0; i < DECODE_ROUNDS; i++) {
        struct wire w = wire_of(column.p, column.len);

        must(column_get_times(&w, times[0], FRAME_MAX, out_times));
        must(column_get_values(&w, FRAME_MAX, out));
    }
    snprintf(what, sizeof what, "decode %s, %s, millions a second", names[shape],
             jitter ? "times +-2 ms" : "regular times");
    row(what, (double)DECODE_ROUNDS * FRAME_MAX / (cpu_s() - begin) / 1e6, "M/s");
    must(memcmp(out, values, sizeof out) == 0 && memcmp(out_times, times, sizeof times) == 0);
    buf_free(&column);
}

static int decode_all(void)
{
    for (enum chunk_shape shape = CONSTANT; shape < CHUNK_SHAPES; shape++)
        for (int jitter = 0; jitter < 2; jitter++)
            decode(shape, jitter);
    return 0;
}

/* ---- churn --------------------------------------------------------------------------------- */

#define CHURN_PER_MINUTE 50 /* one in so many is replaced */
#define STEPS_PER_MINUTE (60000 / STEP_MS)
#define CHURN_ROW        10 /* minutes */

/* The series at place i ends with a marker; another one, which nobody has seen yet, takes it. */
static void replace(struct storage *st, size_t i, size_t serial, unix_ms t)
{
    const struct sample_sink *sink = storage_sink(st);
    struct sample_row end = {refs[i], t, stale_nan(), NULL};
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of(serial, gens[i].shape);
    struct err err;

    must_be(sink->commit(sink->self, &end, 1, COMMIT_SKIP_BAD, NULL, &err), &err);
    must_be(sink->series(sink->self, labels, &refs[i], &err), &err);
}

static void commit_step(struct storage *st, size_t step)
{
    const struct sample_sink *sink = storage_sink(st);
    struct sample_row rows[TARGET_SERIES];
    struct err err;

    for (size_t i = 0; i < n_series; i += TARGET_SERIES) {
        size_t k = 0;

        for (size_t j = i; j < i + TARGET_SERIES && j < n_series; j++)
            rows[k++] = (struct sample_row){refs[j], T0 + (unix_ms)step * STEP_MS,
                                            gen_next(&gens[j]), NULL};
        must_be(sink->commit(sink->self, rows, k, COMMIT_ALL_OR_NOTHING, NULL, &err), &err);
    }
}

static void churn(struct storage *st, size_t minutes)
{
    size_t serial = n_series, next = 0, base = resident();
    struct storage_stats stats;
    struct err err;
    char what[80];

    make_series(st);
    for (size_t minute = 1; minute <= minutes; minute++) {
        size_t first = (minute - 1) * STEPS_PER_MINUTE;

        for (size_t k = 0; minute > 1 && k < n_series / CHURN_PER_MINUTE; k++) {
            replace(st, next, serial++, T0 + (unix_ms)first * STEP_MS - 1);
            next = (next + 1) % n_series;
        }
        for (size_t step = first; step < first + STEPS_PER_MINUTE; step++)
            commit_step(st, step);
        must_be(storage_tick(st, &err), &err);
        if (minute % CHURN_ROW != 0)
            continue;
        storage_stats(st, &stats);
        snprintf(what, sizeof what, "minute %zu: %.0f series in the head, %zu blocks, resident",
                 minute, (double)stats.series, (size_t)stats.blocks);
        row(what, (double)(resident() - base) / 1048576, "MiB");
    }
}

int main(int argc, char **argv)
{
    bool churns = argc > 1 && strcmp(argv[1], "churn") == 0;
    size_t n_samples;
    char dir[256], copy[300], command[1000];
    struct storage_stats stats;
    struct storage *st, *other;
    double begin, cpu, spent;
    size_t base;
    struct err err;

    if (argc == 2 && strcmp(argv[1], "decode") == 0)
        return decode_all();
    if (churns) {
        argc--;
        argv++;
    }
    n_series = argc > 1 ? strtoul(argv[1], NULL, 10) : churns ? 100000 : 20000;
    n_samples = argc > 2 ? strtoul(argv[2], NULL, 10) : churns ? 180 : 1440; /* or minutes */
    snprintf(dir, sizeof dir, "%s/bench-storage-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    must(mkdtemp(dir) != NULL);
    gens = mem_array(n_series, sizeof *gens);
    refs = mem_array(n_series, sizeof *refs);
    for (size_t i = 0; i < n_series; i++)
        gen_init(&gens[i], i);
    st = open_it(dir);
    if (churns) {
        churn(st, n_samples);
        must_be(storage_close(st, &err), &err);
        snprintf(command, sizeof command, "rm -rf '%s'", dir);
        return system(command);
    }
    base = resident();

    begin = now_s();
    make_series(st);
    row("make series, microseconds per series", (now_s() - begin) * 1e6 / (double)n_series, "us");
    spent = push(st, 0, YOUNG, 1);
    row("append, scrape shape, millions of samples per second",
        (double)(n_series * YOUNG) / spent / 1e6, "M/s");
    row("memory per young series", (double)(resident() - base) / (double)n_series, "bytes");
    storage_stats(st, &stats);
    row("log, bytes per young series", (double)stats.log_bytes / (double)n_series, "bytes");

    snprintf(copy, sizeof copy, "%s.copy", dir);
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", copy, dir, copy);
    must(system(command) == 0);
    begin = now_s();
    other = open_it(copy);
    row("start from the log alone", now_s() - begin, "s");
    begin = now_s();
    must_be(storage_close(other, &err), &err);
    row("close: the image written and synced", now_s() - begin, "s");
    must_be(storage_tick(st, &err), &err);
    must(system(command) == 0);
    begin = now_s();
    other = open_it(copy);
    row("start from the image", now_s() - begin, "s");
    must_be(storage_close(other, &err), &err);

    cpu = cpu_s();
    begin = now_s();
    if (n_samples > YOUNG) {
        spent = push(st, YOUNG, n_samples - YOUNG, RUN);
        row("append, backfill shape, millions of samples per second",
            (double)(n_series * (n_samples - YOUNG)) / spent / 1e6, "M/s");
        row("  with blocks and images, CPU-s per million samples",
            (cpu_s() - cpu) / (double)(n_series * n_samples) * 1e6, "s");
    }
    must_be(storage_tick(st, &err), &err);
    row("memory per aged series", (double)(resident() - base) / (double)n_series, "bytes");
    storage_stats(st, &stats);
    row("folder as it is, bytes per sample",
        (double)(stats.log_bytes + stats.image_bytes + stats.block_bytes) /
            ((double)n_series * (double)n_samples),
        "bytes");
    row("  of it log", (double)stats.log_bytes / (double)n_series, "bytes per series");
    row("  of it image", (double)stats.image_bytes / (double)n_series, "bytes per series");
    row("head, samples per series", (double)stats.samples / (double)n_series, "");
    row("head, bytes per series by its own count", (double)stats.head_bytes / (double)n_series,
        "bytes");
    if (stats.blocks > 0)
        row("blocks, bytes per sample",
            (double)stats.block_bytes /
                ((double)n_series * (double)n_samples - (double)stats.samples),
            "bytes");
    row("blocks", (double)stats.blocks, "");
    read_all(st, INT64_MIN, INT64_MAX);
    read_all(st, INT64_MIN, INT64_MAX);
    must_be(storage_close(st, &err), &err);
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", copy, dir);
    must(system(command) == 0);
    free(gens);
    free(refs);
    return 0;
}
