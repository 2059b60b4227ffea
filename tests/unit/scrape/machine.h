/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine - a machine of real threads over a scripted page source and a sink in memory
 *
 * The source stands in for Redis: jobs of these tests carry a `redis:` block. What a target does
 * follows from the first letters of its address, so that it may be told in the configuration:
 *
 *     hang...    answers when test_release() says so
 *     late...    answers within its own loop, LATE_MS later
 *     bad...     fails, each time with other words
 *     gone...    fails with a page that says so
 *     turn...    fails while world.turned_bad, else answers
 *     fail...    answers as a check that failed; flip... while world.turned_bad; vary... for
 *                another reason each time
 *     all else   answers at once
 *
 * A page has `m 1`, `n 1`, and `long_ago 1 1000` with its own time.
 */
#ifndef TOCSIN_TESTS_UNIT_SCRAPE_MACHINE_H
#define TOCSIN_TESTS_UNIT_SCRAPE_MACHINE_H

#include <time.h>

#include "base/thread.h"
#include "model/selfmetrics.h"
#include "scrape/scrape_priv.h"
#include "tests/unit/scrape/sink.h"
#include "tests/unit/targets/setup.h"

#define PATIENCE_NS (30 * NS_PER_S)
#define LATE_MS     30
#define PAGE        "m 1\nn 1\nlong_ago 1 1000\n"

enum event_kind { OPENED, FETCHED, ANSWERED, CLOSED };

struct event {
    enum event_kind kind;
    struct loop *loop;
    char address[40];
    struct session *session;
    unix_ns at;
    dur_ms timeout; /* of FETCHED */
};

struct session {
    struct loop *loop;
    const struct target *target;
    struct loop_timer *timer;
    page_done *done; /* NULL: no fetch under way */
    void *arg;
    int fetches;
};

/* The source has no `self`, so there is one world at a time. */
static struct world {
    struct scrape *scrape;
    atomic_bool turned_bad;

    /* under lock */
    struct lock lock;
    struct sink sink;
    struct event *events;
    size_t n, cap;
} world;

static inline void nap(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* ---- the page source ----------------------------------------------------------------------- */

static inline void happened(enum event_kind kind, struct session *s, dur_ms timeout)
{
    WITH_LOCK(&world.lock);
    struct event *e = VEC_PUSH(world.events, world.n, world.cap);

    e->kind = kind;
    e->loop = s->loop;
    e->session = s;
    e->at = clock_unix_ns();
    e->timeout = timeout;
    snprintf(e->address, sizeof e->address, "%s", s->target->address);
}

static inline bool behaves(const struct session *s, const char *how)
{
    return str_has_prefix(str_c(s->target->address), str_c(how));
}

static inline void answer(void *session)
{
    struct session *s = session;
    struct err err = {0};
    struct str page = STR(PAGE);

    if (!s->done)
        return;
    if (behaves(s, "bad") || (behaves(s, "turn") && atomic_load(&world.turned_bad))) {
        err_set(&err, -EIO, "failure %d", s->fetches);
        page = STR_NONE;
    } else if (behaves(s, "gone")) {
        err_set(&err, -ETIMEDOUT, "gone");
        page = STR("redis_up 0\n");
    }
    happened(ANSWERED, s, 0);
    TAKE(s->done)(page, EXPOSITION_TEXT, err.code ? &err : NULL, s->arg);
}

static inline void *open_session(struct loop *l, const struct target *t)
{
    struct session *s = mem_zalloc(sizeof *s);

    MUST_BE_ON(l);
    s->loop = l;
    s->target = t;
    s->timer = loop_timer_new(l, answer, s);
    happened(OPENED, s, 0);
    return s;
}

static inline void fetch_page(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct session *s = session;

    must(!s->done); /* one at a time */
    s->done = done;
    s->arg = arg;
    s->fetches++;
    happened(FETCHED, s, timeout);
    if (behaves(s, "late"))
        loop_timer_after(s->timer, LATE_MS);
    else if (!behaves(s, "hang"))
        answer(s);
}

static inline void close_session(void *session)
{
    struct session *s = session;

    happened(CLOSED, s, 0);
    loop_timer_free(s->timer);
    free(s);
}

/* As of a check. */
static inline void tell_failure(const void *session, struct buf *out)
{
    if (behaves(session, "fail") || (behaves(session, "flip") && atomic_load(&world.turned_bad)))
        buf_add_c(out, "connect to nowhere");
    if (behaves(session, "vary"))
        buf_addf(out, "reason %d", ((const struct session *)session)->fetches);
}

static const struct page_source scripted = {
    .open = open_session, .fetch = fetch_page, .close = close_session, .failure = tell_failure};

/* ---- the sink ------------------------------------------------------------------------------ */

static inline int ask_locked(void *self, const struct label_set *labels, series_ref *ret,
                             struct err *err)
{
    WITH_LOCK(&world.lock);
    return sink_ask(self, labels, ret, err);
}

static inline int commit_locked(void *self, const struct sample_row *rows, size_t n,
                                enum commit_flags flags, enum sample_verdict *verdicts,
                                struct err *err)
{
    WITH_LOCK(&world.lock);
    return sink_commit(self, rows, n, flags, verdicts, err);
}

/* ---- the world ----------------------------------------------------------------------------- */

static inline void test_begin(int threads)
{
    world = (struct world){0};
    lock_init(&world.lock);
    world.scrape = scrape_new(&(struct scrape_options){
        .threads = threads,
        .sink = {.self = &world.sink, .series = ask_locked, .commit = commit_locked},
        .sources = {[JOB_REDIS] = &scripted},
        .user_agent = "tocsin/test"});
}

static inline void test_end(void)
{
    scrape_free(world.scrape);
    sink_free(&world.sink);
    free(world.events);
    lock_deinit(&world.lock);
}

static inline struct target_list *apply_text(const char *yaml)
{
    struct target_list *l = list_of(yaml, NULL);

    scrape_apply(world.scrape, l);
    return l;
}

static inline void apply(const char *yaml)
{
    target_list_unref(apply_text(yaml));
}

static inline size_t count_of(enum event_kind kind, const char *address)
{
    WITH_LOCK(&world.lock);
    size_t n = 0;

    for (size_t i = 0; i < world.n; i++)
        n += world.events[i].kind == kind &&
             (!address || strcmp(world.events[i].address, address) == 0);
    return n;
}

static inline void wait_for(enum event_kind kind, const char *address, size_t n)
{
    mono_ns until = clock_mono_ns() + PATIENCE_NS;

    while (count_of(kind, address) < n) {
        if (clock_mono_ns() > until)
            fail_msg("waited in vain for %zu of kind %d of %s", n, (int)kind,
                     address ? address : "any");
        nap(2);
    }
}

/* The i-th event of that kind, from 0. */
static inline struct event nth_of(enum event_kind kind, const char *address, size_t i)
{
    WITH_LOCK(&world.lock);
    for (size_t k = 0; k < world.n; k++)
        if (world.events[k].kind == kind && strcmp(world.events[k].address, address) == 0 &&
            i-- == 0)
            return world.events[k];
    must_failed("such an event was waited for", __FILE__, __LINE__, __func__);
}

static inline struct event last_of(enum event_kind kind, const char *address)
{
    return nth_of(kind, address, count_of(kind, address) - 1);
}

/* ---- samples ------------------------------------------------------------------------------- */

struct found {
    bool stale;
    double v;
    unix_ms t;
};

/* All samples of a series so far, oldest first; to be freed. */
static inline struct found *samples_of(const char *series, size_t *ret_n)
{
    WITH_LOCK(&world.lock);
    struct str rest = buf_str(&world.sink.stored);
    struct found *all = NULL;
    size_t cap = 0;

    *ret_n = 0;
    while (rest.len) {
        struct str line = str_cut(&rest, '\n');
        size_t len = strlen(series);
        struct found *f;
        const char *at;

        if (!str_has_prefix(line, str_c(series)) || line.p[len] != ' ')
            continue;
        f = VEC_PUSH(all, *ret_n, cap);
        f->stale = line.p[len + 1] == 's';
        f->v = f->stale ? 0 : strtod(line.p + len + 1, NULL);
        at = memchr(line.p + len, '@', line.len - len);
        f->t = strtoll(at + 1, NULL, 10);
    }
    return all;
}

static inline size_t count_samples(const char *series)
{
    size_t n;

    free(samples_of(series, &n));
    return n;
}

static inline void wait_for_samples(const char *series, size_t n)
{
    mono_ns until = clock_mono_ns() + PATIENCE_NS;

    while (count_samples(series) < n) {
        if (clock_mono_ns() > until)
            fail_msg("waited in vain for %zu samples of %s", n, series);
        nap(2);
    }
}

static inline size_t count_markers(const char *series)
{
    size_t n, markers = 0;
    struct found *f = samples_of(series, &n);

    for (size_t i = 0; i < n; i++)
        markers += f[i].stale;
    free(f);
    return markers;
}

/* Markers of any series. */
static inline size_t count_all_markers(void)
{
    WITH_LOCK(&world.lock);
    struct str rest = buf_str(&world.sink.stored);
    size_t n = 0;

    while (rest.len) {
        struct str line = str_cut(&rest, '\n');

        n += str_find(line, STR("} stale @")) < line.len;
    }
    return n;
}

/* ---- the rest ------------------------------------------------------------------------------ */

/* Waits until a loop has done all that was posted to it. */
struct barrier {
    atomic_bool passed;
};

static inline void pass(void *arg)
{
    atomic_store(&((struct barrier *)arg)->passed, true);
}

static inline void settle(struct loop *l)
{
    struct barrier b = {0};

    loop_post(l, pass, &b);
    while (!atomic_load(&b.passed))
        nap(1);
}

static inline double selfmetric_value(const char *name)
{
    CLEANUP(buf_free) struct buf text = {0}, key = {0};
    const char *at;

    selfmetrics_write(&text);
    buf_addf(&key, "\n%s ", name);
    at = strstr(text.p, key.p);
    must(at);
    return strtod(at + key.len, NULL);
}

#endif
