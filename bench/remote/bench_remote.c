/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_remote - what remote write costs without HTTP, as a table
 *
 *     bench_remote [series [rounds [threads]]]       100000 30 1
 *
 * Requests have the live shape of Prometheus: 2000 series, one sample of each, about a dozen labels.
 * They are made in memory first. Each round sends one sample of all series; round 0, in which series
 * are made, is told apart. First into a sink that takes all and keeps nothing, then into storage in a
 * new folder below $TMPDIR.
 */
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/pb.h"
#include "base/thread.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "model/sample.h"
#include "remote/remote.h"
#include "storage/storage.h"

#define PER_REQUEST   2000
#define STEP_MS       15000
#define TARGET_SERIES 500
#define T0            INT64_C(1700006400000)

struct plan {
    size_t n_series, n_rounds, n_threads;
    size_t n_requests;       /* of a round */
    struct buf **bodies;     /* [round][request] */
    size_t raw_bytes, bytes; /* of all, decompressed and as sent */
};

/* ---- messages ------------------------------------------------------------------------------ */

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_byte(out, (char)(v | 0x80));
    buf_add_byte(out, (char)v);
}

static void put_text(struct buf *out, unsigned number, struct str s)
{
    put_varint(out, PB_KEY(number, PB_BYTES));
    put_varint(out, s.len);
    buf_add_str(out, s);
}

static void put_label(struct buf *series, const char *name, const char *value)
{
    struct buf label = {0};

    put_text(&label, 1, str_c(name));
    put_text(&label, 2, str_c(value));
    put_text(series, 1, buf_str(&label));
    buf_free(&label);
}

static void put_labels(struct buf *series, size_t i)
{
    static const char *const jobs[] = {"redis-dev", "mysql-prod", "order-biz", "stock-biz",
                                       "user-biz"};
    size_t target = i / TARGET_SERIES, k = i % TARGET_SERIES;
    char text[64];

    put_label(series, "__name__",
              k % 28 < 11 ? "http_request_duration_seconds_bucket" : "app_queue_depth");
    put_label(series, "cluster", "default");
    snprintf(text, sizeof text, "10.0.%zu.%zu:9100", target / 250, target % 250);
    put_label(series, "instance", text);
    put_label(series, "job", jobs[target % 5]);
    snprintf(text, sizeof text, "%zu", k % 28);
    put_label(series, "le", text);
    put_label(series, "method", "GET");
    put_label(series, "namespace", "prod");
    snprintf(text, sizeof text, "node-%02zu", target % 16);
    put_label(series, "node", text);
    snprintf(text, sizeof text, "/api/v1/resource-%zu", k / 28);
    put_label(series, "path", text);
    snprintf(text, sizeof text, "%s-7c9f%03zx-%05zu", jobs[target % 5], target & 0xfff, target);
    put_label(series, "pod", text);
    put_label(series, "rev", "r0");
    put_label(series, "service", jobs[target % 5]);
}

static void put_sample(struct buf *series, double v, int64_t t)
{
    CLEANUP(buf_free) struct buf sample = {0};
    uint64_t bits = double_bits(v);

    put_varint(&sample, PB_KEY(1, PB_FIXED64));
    for (unsigned i = 0; i < 8; i++)
        buf_add_byte(&sample, (char)(bits >> (8 * i)));
    put_varint(&sample, PB_KEY(2, PB_VARINT));
    put_varint(&sample, (uint64_t)t);
    put_text(series, 2, buf_str(&sample));
}

static void make_request(struct plan *p, size_t round, size_t request, struct buf *ret)
{
    CLEANUP(buf_free) struct buf message = {0}, series = {0};
    size_t from = request * PER_REQUEST, to = from + PER_REQUEST, n;

    for (size_t i = from; i < to && i < p->n_series; i++) {
        buf_reset(&series);
        put_labels(&series, i);
        put_sample(&series, (double)(i % 97 + round * (i % 7)), T0 + (int64_t)round * STEP_MS);
        put_text(&message, 1, buf_str(&series));
    }
    n = snappy_max_compressed_length(message.len);
    must(snappy_compress(message.p, message.len, buf_room(ret, n), &n) == SNAPPY_OK);
    ret->len = n;
    p->raw_bytes += message.len;
    p->bytes += n;
}

static void make_all(struct plan *p)
{
    p->n_requests = (p->n_series + PER_REQUEST - 1) / PER_REQUEST;
    p->bodies = mem_array(p->n_rounds, sizeof *p->bodies);
    for (size_t r = 0; r < p->n_rounds; r++) {
        p->bodies[r] = mem_array(p->n_requests, sizeof **p->bodies);
        for (size_t i = 0; i < p->n_requests; i++)
            make_request(p, r, i, &p->bodies[r][i]);
    }
}

/* ---- pushing ------------------------------------------------------------------------------- */

struct pusher {
    const struct plan *plan;
    struct remote_write *write;
    size_t number, from, to; /* rounds */
    struct thread thread;
};

/* Sends every n-th request of each round, so that samples of a series come in order. */
static void push(void *arg)
{
    const struct pusher *p = arg;

    for (size_t r = p->from; r < p->to; r++)
        for (size_t i = p->number; i < p->plan->n_requests; i += p->plan->n_threads) {
            struct remote_write_request request = {.body = buf_str(&p->plan->bodies[r][i])};
            struct remote_write_answer a;

            remote_write_take(p->write, &request, &a);
            if (a.status != 204) {
                fprintf(stderr, "%d %s\n", a.status, a.text.p);
                exit(1);
            }
            remote_write_answer_deinit(&a);
        }
}

static double cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void time_rounds(const struct plan *p, struct remote_write *w, size_t from, size_t to,
                        const char *what)
{
    struct pusher *pushers = mem_array(p->n_threads, sizeof *pushers);
    mono_ns start = clock_mono_ns();
    double cpu = cpu_seconds(), seconds, samples = (double)((to - from) * p->n_series);

    for (size_t i = 0; i < p->n_threads; i++) {
        pushers[i] = (struct pusher){.plan = p, .write = w, .number = i, .from = from, .to = to};
        thread_start(&pushers[i].thread, "push", push, &pushers[i]);
    }
    for (size_t i = 0; i < p->n_threads; i++)
        thread_join(&pushers[i].thread);
    seconds = (double)(clock_mono_ns() - start) / 1e9;
    cpu = cpu_seconds() - cpu;
    printf("%-28s %10.0f samples/s  %7.1f ns of CPU a sample\n", what, samples / seconds,
           cpu * 1e9 / samples);
    fflush(stdout);
    free(pushers);
}

/* ---- into nothing -------------------------------------------------------------------------- */

static int ask_nobody(void *self, const struct label_set *labels, series_ref *ret, struct err *err)
{
    *ret = label_set_hash(labels) | 1;
    return 0;
}

static int keep_nothing(void *self, const struct sample_row *rows, size_t n,
                        enum commit_flags flags, enum sample_verdict *verdicts, struct err *err)
{
    return 0;
}

static void run_null(const struct plan *p)
{
    static const struct sample_sink nobody = {NULL, ask_nobody, keep_nothing};
    CLEANUP(remote_write_freep) struct remote_write *w = remote_write_new(&nobody);

    time_rounds(p, w, 0, 1, "nothing: new series");
    time_rounds(p, w, 1, p->n_rounds, "nothing: known series");
}

/* ---- into storage -------------------------------------------------------------------------- */

static unix_ms end_of_time(void *arg)
{
    return INT64_MAX / 2;
}

static void run_storage(const struct plan *p)
{
    char folder[256], command[300];
    const char *tmp = getenv("TMPDIR");
    struct storage_options o;
    struct storage *st;
    struct remote_write *w;
    struct err err = {0};

    snprintf(folder, sizeof folder, "%s/bench_remote.XXXXXX", tmp ? tmp : "/tmp");
    must(mkdtemp(folder));
    storage_options_default(&o);
    o.now = end_of_time;
    if (storage_open(folder, &o, &st, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    w = remote_write_new(storage_sink(st));
    time_rounds(p, w, 0, 1, "storage: new series");
    time_rounds(p, w, 1, p->n_rounds, "storage: known series");
    remote_write_free(w);
    storage_close(st, &err);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    must(system(command) == 0);
}

static size_t argument(int argc, char **argv, int i, size_t standard)
{
    size_t v = argc > i ? strtoul(argv[i], NULL, 10) : standard;

    return v ? v : standard;
}

int main(int argc, char **argv)
{
    struct plan p = {.n_series = argument(argc, argv, 1, 100000),
                     .n_rounds = argument(argc, argv, 2, 30),
                     .n_threads = argument(argc, argv, 3, 1)};

    make_all(&p);
    printf("%zu series, %zu rounds, %zu threads, %.0f bytes a sample, %.0f compressed\n",
           p.n_series, p.n_rounds, p.n_threads,
           (double)p.raw_bytes / (double)(p.n_series * p.n_rounds),
           (double)p.bytes / (double)(p.n_series * p.n_rounds));
    run_null(&p);
    run_storage(&p);
    return 0;
}
