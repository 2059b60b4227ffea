/* SPDX-License-Identifier: Apache-2.0 */
/*
 * once - one question to one target, outside of scrape's clock
 */
#include "base/mem.h"
#include "probes/pool_priv.h"
#include "probes/probes.h"

/* A MySQL that hangs holds a thread of the pool that scrapes need, too. */
static const struct probe_kind kinds[] = {
    {"redis", JOB_REDIS, &probe_redis_source, .most = PROBER_MOST},
    {"mysql", JOB_MYSQL, &probe_mysql_source, .most = POOL_THREADS_MAX / 2},
    {"http", JOB_HTTP_CHECK, &probe_http_check_source, .most = PROBER_MOST},
    {"tcp", JOB_TCP_CHECK, &probe_tcp_check_source, .most = PROBER_MOST},
    {"tls", JOB_TCP_CHECK, &probe_tcp_check_source, .most = PROBER_MOST, .tls = true},
    {"spring", JOB_SPRING, &probe_spring_source, .most = PROBER_MOST},
};

const struct probe_kind *probe_kind_at(size_t i)
{
    return i < ARRAY_LEN(kinds) ? &kinds[i] : NULL;
}

const struct probe_kind *probe_kind_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq_c(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

bool probe_kind_has(const struct probe_kind *k, const struct config_scrape *job)
{
    return job->kind == k->kind && (!k->tls || job->tcp_check->tls.enabled);
}

const struct probe_kind *probe_kind_of(const struct config_scrape *job)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (probe_kind_has(&kinds[i], job))
            return &kinds[i];
    return NULL;
}

struct waiting {
    struct loop *loop;
    struct probe_answer *answer;
};

static void on_page(struct str page, enum exposition_format format, const struct err *err,
                    void *arg)
{
    struct waiting *w = arg;

    buf_add_str(&w->answer->page, page);
    if (err)
        w->answer->err = *err;
    loop_stop(w->loop);
}

void probe_once(const struct page_source *source, const struct target *t, dur_ms timeout,
                struct probe_answer *ret)
{
    struct waiting w = {loop_new(), ret};
    mono_ns started = clock_mono_ns();
    void *session = source->open(w.loop, t);

    *ret = (struct probe_answer){0};
    if (source->trace)
        source->trace(session, &ret->trace);
    source->fetch(session, timeout, on_page, &w);
    loop_run(w.loop);
    if (source->failure)
        source->failure(session, &ret->failure);
    source->close(session);
    loop_free(w.loop);
    ret->seconds = (double)(clock_mono_ns() - started) / 1e9;
}

void probe_answer_deinit(struct probe_answer *a)
{
    buf_free(&a->page);
    buf_free(&a->failure);
}
