/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_scrape - what pages and reloads cost without network and storage, as a table
 *
 *     bench_scrape [series [pages [targets]]]       5000 200 5000
 *
 * First one target whose pages have so many series in the shape of a Java or Go service, into a sink
 * that takes all and keeps nothing: pages whose series were all on the page before, and pages whose
 * series were never seen (as after a restart of everything behind a proxy), each with the end of all
 * series of the page before. Then lists of so many targets, none of which comes to be asked: the
 * first one, the same again, one with other settings, and none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "scrape/scrape.h"

#define VARIANTS 8 /* of a page, so that values change as they do in life */

/* ---- a sink that keeps nothing ------------------------------------------------------------- */

struct null_sink {
    series_ref last;
    size_t rows;
};

static int give_reference(void *self, const struct label_set *labels, series_ref *ret,
                          struct err *err)
{
    *ret = ++((struct null_sink *)self)->last;
    return 0;
}

static int take_rows(void *self, const struct sample_row *rows, size_t n, enum commit_flags flags,
                     enum sample_verdict *verdicts, struct err *err)
{
    ((struct null_sink *)self)->rows += n;
    memset(verdicts, 0, n * sizeof *verdicts);
    return 0;
}

/* ---- targets ------------------------------------------------------------------------------- */

static struct target_list *make_list(size_t n, const char *settings)
{
    struct buf yaml = {0};
    struct config *c = NULL;
    struct err err = {0};
    struct targets *t;
    struct target_list *l;

    buf_addf(&yaml,
             "scrape_configs:\n- job_name: order-biz\n  scrape_interval: 30d\n%s"
             "  static_configs: [{targets: [",
             settings);
    for (size_t i = 0; i < n; i++)
        buf_addf(&yaml, "%s\"10.0.%zu.%zu:8080\"", i ? "," : "", i / 250, i % 250);
    buf_add_c(&yaml, "], labels: {cluster: default}}]\n");
    if (config_parse("bench.yml", buf_str(&yaml), &c, &err) < 0)
        must_failed(err.msg, __FILE__, __LINE__, __func__);
    t = targets_new(c, 0, NULL, NULL);
    l = targets_list(t);
    targets_free(t);
    config_unref(c);
    buf_free(&yaml);
    return l;
}

/* ---- pages --------------------------------------------------------------------------------- */

/* Eleven buckets of a histogram, then counters and gauges; `build` is a label of all. */
static void make_page(struct buf *out, size_t n, unsigned build, unsigned seed)
{
    static const char *const bounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
                                         "0.5",   "1.0",  "2.5",   "5.0",  "+Inf"};

    buf_reset(out);
    for (size_t i = 0; i < n; i++) {
        size_t uri = i / 28;
        unsigned v = (unsigned)i * 2654435761u + seed * 40503u;

        if (i % 28 == 0)
            buf_add_c(out, "# HELP http_server_requests_seconds Duration of requests.\n"
                           "# TYPE http_server_requests_seconds histogram\n");
        if (i % 28 < 11)
            buf_addf(out,
                     "http_server_requests_seconds_bucket{build=\"%u\",method=\"GET\","
                     "status=\"200\",uri=\"/api/orders/%zu\",le=\"%s\"} %u\n",
                     build, uri, bounds[i % 28], v % 100000);
        else
            buf_addf(out,
                     "jvm_memory_pool_%zu_bytes{area=\"heap\",build=\"%u\",id=\"G1 Eden Space "
                     "%zu\"} %.6g\n",
                     i % 28, build, uri, v / 3.0);
    }
}

static void report(const char *what, double ns, size_t bytes, size_t samples)
{
    printf("%-28s %8.1f MB/s %8.1f ns/sample\n", what, (double)bytes / ns * 1e3,
           ns / (double)samples);
}

static void measure_pages(size_t n_series, size_t n_pages, bool known)
{
    struct target_list *l = make_list(1, "");
    struct null_sink sink = {0};
    struct scraper *s = scraper_new(
        &l->targets[0],
        &(struct sample_sink){.self = &sink, .series = give_reference, .commit = take_rows});
    struct buf pages[VARIANTS] = {0};
    struct scrape_outcome o;
    int64_t ns = 0;
    size_t bytes = 0;

    for (unsigned i = 0; i < VARIANTS; i++)
        make_page(&pages[i], n_series, 0, i);
    scraper_take(s, buf_str(&pages[0]), EXPOSITION_TEXT, 0, 0, &o);
    for (unsigned i = 1; i <= n_pages; i++) {
        struct buf *page = &pages[i % VARIANTS];
        mono_ns from;

        if (!known)
            make_page(page, n_series, i, i);
        from = clock_mono_ns();
        scraper_take(s, buf_str(page), EXPOSITION_TEXT, i * INT64_C(15000), 0, &o);
        ns += clock_mono_ns() - from;
        bytes += page->len;
        must(o.err.code == 0 && o.kept == n_series && o.added == (known ? 0 : n_series));
    }
    report(known ? "series seen before" : "series never seen", (double)ns, bytes,
           n_series * n_pages);
    scraper_free(s);
    target_list_unref(l);
    for (size_t i = 0; i < VARIANTS; i++)
        buf_free(&pages[i]);
}

/* ---- reloads ------------------------------------------------------------------------------- */

static void apply(struct scrape *s, const char *what, size_t n, const char *settings)
{
    struct target_list *l = make_list(n, settings);
    mono_ns from = clock_mono_ns();

    scrape_apply(s, l);
    printf("%-28s %8.2f ms\n", what, (double)(clock_mono_ns() - from) / 1e6);
    target_list_unref(l);
}

static void measure_reloads(size_t n)
{
    struct null_sink sink = {0};
    struct scrape *s = scrape_new(&(struct scrape_options){
        .threads = 2,
        .sink = {.self = &sink, .series = give_reference, .commit = take_rows},
        .user_agent = "tocsin/bench"});

    apply(s, "first list", n, "");
    apply(s, "the same list", n, "");
    apply(s, "list with other settings", n, "  sample_limit: 100000\n");
    apply(s, "empty list", 0, "");
    scrape_free(s);
}

int main(int argc, char **argv)
{
    size_t n_series = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000;
    size_t n_pages = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
    size_t n_targets = argc > 3 ? strtoul(argv[3], NULL, 10) : 5000;

    printf("%zu series on each of %zu pages\n", n_series, n_pages);
    measure_pages(n_series, n_pages, true);
    measure_pages(n_series, n_pages, false);
    printf("%zu targets, time of scrape_apply()\n", n_targets);
    measure_reloads(n_targets);
    return 0;
}
