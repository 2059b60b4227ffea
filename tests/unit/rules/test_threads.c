/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers, a reload and somebody who looks in, all at once. Meant for the thread sanitizer; without
 * it the test still sees runs that are lost, doubled or mixed.
 */
#include "tests/unit/rules/world.h"

#include <sched.h>
#include <stdatomic.h>

#include "base/must.h"
#include "base/thread.h"

#define WORKERS 3
#define GROUPS  8
#define SECONDS 40

struct site {
    struct world w;
    struct lock lock; /* around the ports, which are made for one thread */
    _Atomic unix_ns now;
    _Atomic unix_ns seen[WORKERS]; /* by each worker */
    atomic_uint n_workers;
    atomic_bool stop;
    atomic_size_t views;
    size_t posts;
};

/* ---- the ports, one caller at a time */

static int site_series(void *self, const struct label_set *labels, series_ref *ret, struct err *err)
{
    struct site *s = self;

    WITH_LOCK(&s->lock);
    return world_series(&s->w, labels, ret, err);
}

static int site_commit(void *self, const struct sample_row *rows, size_t n, enum commit_flags flags,
                       enum sample_verdict *verdicts, struct err *err)
{
    struct site *s = self;
    int r;

    WITH_LOCK(&s->lock);
    r = world_commit(&s->w, rows, n, flags, verdicts, err);
    for (size_t i = 0; i < n; i++)
        must(verdicts[i] == SAMPLE_STORED);
    return r;
}

static int site_post(void *self, const struct alert *const *alerts, size_t n, unix_ns now,
                     struct err *err)
{
    struct site *s = self;

    WITH_LOCK(&s->lock);
    s->posts += n;
    return 0;
}

static struct site *site_of_reader(struct memory_reader *m)
{
    return CONTAINER_OF(CONTAINER_OF(m, struct world, store), struct site, w);
}

static int site_select(void *self, const struct matcher *const *matchers, size_t n, unix_ms from,
                       unix_ms to, struct selection **ret, struct err *err)
{
    WITH_LOCK(&site_of_reader(self)->lock);
    return memory_select(self, matchers, n, from, to, ret, err);
}

static int site_read(const struct selection *selection, size_t i, unix_ms from, unix_ms to,
                     struct columns *ret, struct err *err)
{
    struct memory_reader *m = ((const struct memory_selection *)selection)->reader;

    WITH_LOCK(&site_of_reader(m)->lock);
    return memory_read(selection, i, from, to, ret, err);
}

/* ---- who does what */

static void work(void *arg)
{
    struct site *s = arg;
    unsigned me = atomic_fetch_add(&s->n_workers, 1);

    while (!s->stop) {
        unix_ns now = s->now;

        s->seen[me] = now;
        if (rules_tick(s->w.rules, now) > now)
            sched_yield();
    }
}

/* A worker that is descheduled may come late by a step, but not by so many that it would look like a
 * clock that was set back. */
static bool everybody_is_here(struct site *s)
{
    for (int i = 0; i < WORKERS; i++)
        if (s->seen[i] < s->now)
            return false;
    return true;
}

static void look_at(const struct rule_group_view *g, void *arg)
{
    struct site *s = arg;

    for (size_t i = 0; i < g->n_rules; i++) {
        const struct rule_view *v = &g->rules[i];
        enum rule_state highest = RULE_INACTIVE;

        must(v->last_error[0] == '\0');
        for (size_t k = 0; k < v->n_alerts; k++) {
            must(label_set_count(v->alerts[k].labels) > 0 && v->alerts[k].annotations);
            if (v->alerts[k].state > highest)
                highest = v->alerts[k].state;
        }
        must(v->state == highest);
    }
    s->views++;
}

static void look(void *arg)
{
    struct site *s = arg;

    while (!s->stop) {
        rules_each_group(s->w.rules, look_at, s);
        sched_yield();
    }
}

static void add_rules(struct buf *out, int variant)
{
    buf_reset(out);
    buf_add_c(out, "groups:\n");
    for (int i = 0; i < GROUPS; i++)
        buf_addf(
            out,
            "- name: g%d\n  interval: 1s\n  rules:\n"
            "  - {record: fixed%d, expr: time()}\n"
            "  - {alert: A%d, expr: 'vector(time()) %% 4 < 2', annotations: {a: '{{ $value }} %d'}}\n",
            i, i, i, i % 2 ? variant : 0);
}

/* Every group ran every second, once, whether it was reloaded or not. */
static void assert_each_second_once(struct site *s)
{
    size_t checked = 0;

    for (size_t i = 0; i < s->w.store.n; i++) {
        const struct memory_series *m = s->w.store.series[i];

        if (!str_has_prefix(label_set_get(m->labels, LABEL_NAME), STR("fixed")))
            continue;
        assert_in_range(m->n, SECONDS - 1, SECONDS + 1);
        for (size_t k = 1; k < m->n; k++)
            assert_int_equal(m->samples[k].t - m->samples[k - 1].t, 1000);
        checked++;
    }
    assert_int_equal(checked, GROUPS);
}

static void find_oldest(const struct rule_group_view *g, void *arg)
{
    unix_ns *oldest = arg;

    if (g->last_evaluation < *oldest)
        *oldest = g->last_evaluation;
}

/* Every group has run within the last second: the clock may go on. */
static bool everything_ran(struct site *s)
{
    unix_ns oldest = INT64_MAX;

    rules_each_group(s->w.rules, find_oldest, &oldest);
    return oldest > s->now - NS_PER_S;
}

static void workers_reloads_and_views_do_not_disturb_each_other(void **state)
{
    static struct site s;
    struct thread workers[WORKERS], viewer;
    CLEANUP(buf_free) struct buf rules = {0};

    lock_init(&s.lock);
    add_rules(&rules, 0);
    world_init_with(&s.w, WORLD_CONFIG, rules.p);
    s.w.quiet = true;
    rules_free(s.w.rules);
    s.w.options.samples = (struct sample_sink){&s, site_series, site_commit};
    s.w.options.alerts = (struct alert_sink){&s, site_post};
    s.w.options.reader.select = site_select;
    s.w.store.port.read = site_read;
    s.w.options.reader.read = site_read;
    assert_int_equal(rules_new(&s.w.options, s.w.config, s.w.now, &s.w.rules, NULL), 0);
    s.now = s.w.now;
    for (size_t i = 0; i < WORKERS; i++)
        thread_start(&workers[i], "rules", work, &s);
    thread_start(&viewer, "view", look, &s);
    for (int step = 1; step <= 2 * SECONDS; step++) {
        s.now = s.w.now + step * NS_PER_S / 2;
        if (step % 4 == 0) {
            add_rules(&rules, step);
            world_write("rules.yml", rules.p);
            assert_int_equal(rules_reload(s.w.rules, s.w.config, s.now, NULL), 0);
        }
        while (!everybody_is_here(&s) || (step >= 2 && !everything_ran(&s)))
            sched_yield();
        sched_yield();
    }
    s.stop = true;
    for (size_t i = 0; i < WORKERS; i++)
        thread_join(&workers[i]);
    thread_join(&viewer);
    assert_each_second_once(&s);
    assert_true(s.views > 0);
    assert_true(s.posts > 0);
    world_deinit(&s.w);
    lock_deinit(&s.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_reloads_and_views_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
