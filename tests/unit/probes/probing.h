/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probing - one target asked by the Redis probe on a loop that runs while an answer is awaited
 */
#ifndef TOCSIN_TESTS_UNIT_PROBES_PROBING_H
#define TOCSIN_TESTS_UNIT_PROBES_PROBING_H

#include "base/num.h"
#include "probes/probes.h"
#include "tests/unit/probes/page_value.h"

struct probing {
    struct loop *loop;
    struct config_scrape job;
    struct target target;
    char *address;
    void *session;
    struct buf page; /* of the last fetch */
    struct err err;  /* code 0: it came without one */
    int times;       /* fetches that were answered */
};

static inline void probing_start(struct probing *p, const struct config_redis *redis,
                                 const char *address)
{
    *p = (struct probing){.loop = loop_new(),
                          .job = {.kind = JOB_REDIS, .redis = *redis},
                          .address = str_dup(str_c(address))};
    p->target = (struct target){.job = &p->job, .address = p->address};
    p->session = probe_redis_source.open(p->loop, &p->target);
}

static inline void probing_stop(struct probing *p)
{
    if (p->session)
        probe_redis_source.close(p->session);
    loop_free(p->loop);
    buf_free(&p->page);
    free(p->address);
}

static inline void probing_done(struct str page, enum exposition_format format,
                                const struct err *err, void *arg)
{
    struct probing *p = arg;

    buf_reset(&p->page);
    buf_add_c(&p->page, "\n"); /* every line has one before it */
    buf_add_str(&p->page, page);
    p->err = err ? *err : (struct err){0};
    p->times++;
    loop_stop(p->loop);
}

static inline void probing_fetch(struct probing *p, dur_ms timeout)
{
    probe_redis_source.fetch(p->session, timeout, probing_done, p);
    loop_run(p->loop);
}

static inline void assert_series(const struct probing *p, const char *series, double want)
{
    double got;

    if (!page_value(buf_str(&p->page), series, &got))
        fail_msg("no %s in%s", series, p->page.p);
    if (got != want)
        fail_msg("%s is %g, not %g", series, got, want);
}

static inline void assert_no_series(const struct probing *p, const char *begin)
{
    CLEANUP(buf_free) struct buf key = {0};

    buf_addf(&key, "\n%s", begin);
    if (str_find(buf_str(&p->page), buf_str(&key)) < p->page.len)
        fail_msg("%s stands in%s", begin, p->page.p);
}

static inline void assert_up(const struct probing *p)
{
    if (p->err.code)
        fail_msg("%s", p->err.msg);
    assert_series(p, "redis_up", 1);
    assert_series(p, "redis_exporter_last_scrape_error{err=\"\"}", 0);
}

/* Down for a reason with these words, told by the err and on the page alike. */
static inline void assert_down(const struct probing *p, const char *words)
{
    CLEANUP(buf_free) struct buf series = {0};

    if (!p->err.code)
        fail_msg("it is up, expected: %s", words);
    if (!strstr(p->err.msg, words))
        fail_msg("expected \"%s\" in \"%s\"", words, p->err.msg);
    assert_series(p, "redis_up", 0);
    buf_add_c(&series, "redis_exporter_last_scrape_error{err=\"");
    for (const char *c = p->err.msg; *c; c++)
        buf_addf(&series, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    buf_add_c(&series, "\"}");
    assert_series(p, series.p, 1);
    assert_no_series(p, "redis_memory_used_bytes");
}

#endif
