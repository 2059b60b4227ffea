/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "tests/unit/scrape/machine.h"

#define INTERVAL_MS 100

/* Jobs of these tests: interval and timeout, name, further settings, targets. */
#define JOB_EVERY(interval, timeout, name, settings, targets)                                      \
    "- job_name: " name "\n  redis: {}\n  scrape_interval: " interval                              \
    "\n  scrape_timeout: " timeout "\n" settings "  static_configs: [{targets: [" targets "]}]\n"
#define JOB(name, settings, targets) JOB_EVERY("100ms", "100ms", name, settings, targets)
#define SITE(jobs)                   "scrape_configs:\n" jobs

#define SERIES(metric, host) metric "{instance=\"" host ":6379\", job=\"j\"}"

/* ---- ticks --------------------------------------------------------------------------------- */

/* The wall clock of this program can be set; the clock of the timers goes on. */
static _Atomic int64_t clock_set_by;

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int r = (int)syscall(SYS_clock_gettime, id, ret);
    int64_t ns;

    if (id != CLOCK_REALTIME)
        return r;
    ns = ret->tv_sec * NS_PER_S + ret->tv_nsec + atomic_load(&clock_set_by);
    *ret = (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    return r;
}

static void set_clock(int64_t by)
{
    atomic_fetch_add(&clock_set_by, by);
}

/* A fetch, its place relative to the tick that it belongs to, and the stamp of its page. */
struct scraped {
    int64_t off; /* ns behind the tick, or before it */
    unix_ms tick, stamp;
};

/*
 * Has the target scraped once with the clock set between two ticks, so that its timer comes `by`
 * nanoseconds late (or early). Whatever the machine adds stands in ret->off.
 */
static void scrape_off_tick(dur_ms interval, uint64_t hash, int64_t by, struct scraped *ret)
{
    const int64_t step = interval * NS_PER_MS;
    size_t n = count_of(FETCHED, "a:6379");
    unix_ns before, tick;
    struct event fetch;
    struct found *f;

    wait_for(FETCHED, "a:6379", n + 1);
    wait_for_samples(SERIES("up", "a"), n + 1);
    nap((int)interval / 4); /* the next timer is set by now */
    before = clock_unix_ns();
    set_clock(by);
    wait_for_samples(SERIES("up", "a"), n + 2);
    f = samples_of(SERIES("up", "a"), &(size_t){0});
    ret->stamp = f[n + 1].t;
    free(f);
    fetch = nth_of(FETCHED, "a:6379", n + 1);
    tick = scrape_next_tick(before, interval, hash);
    ret->off = fetch.at - tick;
    ret->tick = unix_ms_of_ns(tick);
    must(ret->off > -step && before < tick);
}

#define US (NS_PER_MS / 1000)

/* The tolerance is 1 % of the interval and 2 ms at most. */
static const struct near_case {
    const char *interval;
    dur_ms ms;
    int64_t tolerance, by; /* ns */
    bool near;
} near_cases[] = {
    {"100ms", 100, 1000 * US, 0, true},           {"100ms", 100, 1000 * US, 500 * US, true},
    {"100ms", 100, 1000 * US, -600 * US, true},   {"100ms", 100, 1000 * US, 1900 * US, false},
    {"100ms", 100, 1000 * US, -1900 * US, false}, {"400ms", 400, 2000 * US, 1000 * US, true},
    {"400ms", 400, 2000 * US, -1500 * US, true},  {"400ms", 400, 2000 * US, 2500 * US, false},
};

/* False when the machine was too slow to keep the time that the case is about. */
static bool check_stamp(const struct near_case *c, uint64_t hash)
{
    struct scraped got;

    scrape_off_tick(c->ms, hash, c->by, &got);
    if (got.off < c->by - 100 * US || got.off > 10 * NS_PER_MS)
        return false; /* of another tick */
    if (c->near && got.off > c->tolerance)
        return false;
    if (!c->near && c->by < 0 && got.off >= -c->tolerance)
        return false;
    if (c->near) {
        assert_int_equal(got.stamp, got.tick);
    } else {
        assert_int_not_equal(got.stamp, got.tick);
        assert_true(got.stamp >= got.tick + unix_ms_of_ns(c->by));
        assert_true(got.stamp <= got.tick + unix_ms_of_ns(got.off) + 1);
    }
    return true;
}

static void a_scrape_is_stamped_with_its_tick_when_it_is_near(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(near_cases); i++) {
        const struct near_case *c = &near_cases[i];
        CLEANUP(buf_free) struct buf yaml = {0};
        struct target_list *l;
        bool judged = false;

        test_begin(1);
        buf_addf(&yaml, SITE(JOB_EVERY("%s", "%s", "j", "", "a")), c->interval, c->interval);
        l = apply_text(yaml.p);
        for (int attempt = 0; attempt < 20 && !judged; attempt++)
            judged = check_stamp(c, l->targets[0].hash);
        assert_true(judged);
        target_list_unref(l);
        test_end();
    }
}

/* A wall clock that is slowed down lets timers come before their ticks. */
static void no_tick_is_made_twice_and_none_comes_between(void **state)
{
    size_t n;
    struct found *f;

    test_begin(1);
    apply(SITE(JOB("j", "", "a")));
    for (size_t i = 1; i <= 8; i++) {
        wait_for_samples(SERIES("up", "a"), i);
        set_clock(-600 * US);
    }
    f = samples_of(SERIES("up", "a"), &n);
    for (size_t i = 1; i < n; i++)
        assert_true(f[i].t > f[i - 1].t);
    /* Some may be missing, when the machine is busy; none may be added. */
    assert_true(f[n - 1].t - f[0].t >= (unix_ms)(n - 2) * INTERVAL_MS);
    free(f);
    test_end();
}

static void ticks_stay_at_the_hash_when_the_clock_is_set(void **state)
{
    static const int64_t jumps[] = {3600 * NS_PER_S + 37 * NS_PER_MS,
                                    -7200 * NS_PER_S - 61 * NS_PER_MS, 3600 * NS_PER_S};
    struct target_list *l;

    test_begin(1);
    l = apply_text(SITE(JOB("j", "", "a")));
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        size_t n;
        struct event fetch;
        bool on_tick = false;

        wait_for(FETCHED, "a:6379", 1);
        set_clock(jumps[i]);
        n = count_of(FETCHED, "a:6379");
        for (size_t k = 2; k < 20 && !on_tick; k++) { /* the first was set for the clock before */
            wait_for(FETCHED, "a:6379", n + k);
            fetch = nth_of(FETCHED, "a:6379", n + k - 1);
            on_tick = scrape_next_tick(fetch.at - 2 * NS_PER_MS, INTERVAL_MS, l->targets[0].hash) <=
                      fetch.at;
        }
        assert_true(on_tick);
    }
    target_list_unref(l);
    test_end();
}

static void a_tick_whose_page_is_awaited_is_skipped_and_counted(void **state)
{
    double skipped = selfmetric_value("tocsin_scrapes_skipped_total");
    struct event e;

    test_begin(1);
    apply(SITE(JOB("j", "", "hang, a")));
    wait_for(FETCHED, "hang:6379", 1);
    wait_for(FETCHED, "a:6379", 5);
    assert_int_equal(count_of(FETCHED, "hang:6379"), 1);
    assert_int_equal(count_samples(SERIES("up", "hang")), 0);
    assert_true(selfmetric_value("tocsin_scrapes_skipped_total") - skipped >= 2);
    e = last_of(FETCHED, "hang:6379");
    loop_post(e.loop, answer, e.session);
    wait_for(FETCHED, "hang:6379", 2);
    assert_int_equal(count_samples(SERIES("up", "hang")), 1);
    test_end();
}

static void a_page_may_take_its_timeout_but_not_the_whole_interval(void **state)
{
    test_begin(1);
    apply(SITE(JOB("j", "", "a") JOB_EVERY("200ms", "50ms", "k", "", "b")));
    wait_for(FETCHED, "a:6379", 1);
    wait_for(FETCHED, "b:6379", 1);
    assert_int_equal(last_of(FETCHED, "a:6379").timeout, 98);
    assert_int_equal(last_of(FETCHED, "b:6379").timeout, 50);
    test_end();
}

/* ---- a new list ---------------------------------------------------------------------------- */

static void equal_targets_go_on_undisturbed(void **state)
{
    struct target_list *first, *second;

    test_begin(2);
    first = apply_text(SITE(JOB("j", "", "a, hang")));
    wait_for_samples(SERIES("up", "a"), 2);
    wait_for(FETCHED, "hang:6379", 1);
    second = apply_text(SITE(JOB("j", "", "hang, b, a"))); /* another order, and one more */
    assert_int_equal(first->refs, 1);                      /* nothing holds the old list */
    assert_int_equal(second->refs, 1);
    target_list_unref(first);
    target_list_unref(second);
    wait_for_samples(SERIES("up", "a"), count_samples(SERIES("up", "a")) + 2);
    wait_for(FETCHED, "b:6379", 1);
    assert_int_equal(count_of(OPENED, "a:6379"), 1);
    assert_int_equal(count_of(CLOSED, NULL), 0); /* a page under way goes on, too */
    assert_int_equal(count_all_markers(), 0);
    test_end();
}

static void keep_discovered(const struct target_status *st, void *arg)
{
    buf_reset(arg);
    label_set_print(st->target->discovered, arg);
}

static void other_discovered_labels_are_shown_and_disturb_nothing(void **state)
{
    CLEANUP(buf_free) struct buf shown = {0};

    test_begin(1);
    apply(SITE("- job_name: j\n  redis: {}\n  scrape_interval: 100ms\n  static_configs:\n"
               "  - {targets: [a], labels: {__meta_rack: r1}}\n"));
    wait_for_samples(SERIES("up", "a"), 1);
    scrape_each(world.scrape, keep_discovered, &shown);
    assert_has(shown.p, "__meta_rack=\"r1\"");
    apply(SITE("- job_name: j\n  redis: {}\n  scrape_interval: 100ms\n  static_configs:\n"
               "  - {targets: [a], labels: {__meta_rack: r2}}\n"));
    scrape_each(world.scrape, keep_discovered, &shown);
    assert_has(shown.p, "__meta_rack=\"r2\"");
    wait_for_samples(SERIES("up", "a"), count_samples(SERIES("up", "a")) + 1);
    assert_int_equal(count_of(OPENED, NULL), 1);
    test_end();
}

static void keep_status(const struct target_status *st, void *arg)
{
    *(struct target_status *)arg = *st;
    ((struct target_status *)arg)->target = NULL; /* it lives for the call only */
    ((struct target_status *)arg)->last_error = NULL;
}

#define DROP_N "  metric_relabel_configs: [{source_labels: [__name__], regex: n, action: drop}]\n"

static void a_target_with_other_settings_inherits_its_series(void **state)
{
    struct target_status st;
    struct event first, second;
    size_t before, n;
    struct found *added;

    test_begin(3);
    apply(SITE(JOB("j", "", "a")));
    wait_for_samples(SERIES("up", "a"), 2);
    first = last_of(FETCHED, "a:6379");
    apply(SITE(JOB("j", DROP_N, "a")));
    settle(first.loop);
    scrape_each(world.scrape, keep_status, &st);
    assert_int_equal(st.health, TARGET_UP); /* known from the target before */
    assert_true(st.last_scrape > 0);
    before = count_samples(SERIES("up", "a"));
    wait_for_samples(SERIES("up", "a"), before + 2);
    second = last_of(FETCHED, "a:6379");
    assert_ptr_equal(second.loop, first.loop);
    assert_int_equal(count_of(OPENED, NULL), 2); /* it may be asked another way now */
    assert_int_equal(count_of(CLOSED, NULL), 1);
    assert_int_equal(count_markers(SERIES("n", "a")), 1); /* new settings hold for old series */
    assert_int_equal(count_all_markers(), 1);
    added = samples_of(SERIES("scrape_series_added", "a"), &n);
    assert_true(added[0].v == 3);
    for (size_t i = 1; i < n; i++)
        assert_true(added[i].v == 0);
    free(added);
    test_end();
}

static void a_target_with_another_interval_inherits_too(void **state)
{
    test_begin(2);
    apply(SITE(JOB("j", "", "a")));
    wait_for_samples(SERIES("up", "a"), 2);
    apply(SITE(JOB_EVERY("50ms", "50ms", "j", "", "a")));
    wait_for_samples(SERIES("up", "a"), count_samples(SERIES("up", "a")) + 2);
    assert_int_equal(last_of(FETCHED, "a:6379").timeout, 49);
    assert_int_equal(count_all_markers(), 0);
    test_end();
}

static void targets_that_vanish_end_with_markers_behind_their_last_samples(void **state)
{
    static const char *const ending[] = {
        SERIES("m", "a"),
        SERIES("n", "a"),
        SERIES("up", "a"),
        SERIES("scrape_duration_seconds", "a"),
        SERIES("scrape_samples_scraped", "a"),
        SERIES("scrape_samples_post_metric_relabeling", "a"),
        SERIES("scrape_series_added", "a"),
    };

    test_begin(2);
    apply(SITE(JOB("j", "", "a, b") JOB_EVERY("1h", "1m", "slow", "", "c")));
    wait_for_samples(SERIES("up", "a"), 2);
    apply(SITE(JOB("j", "", "b")));
    wait_for_samples(SERIES("up", "b"), count_samples(SERIES("up", "b")) + 2);
    wait_for(CLOSED, "a:6379", 1);
    wait_for(CLOSED, "c:6379", 1);
    settle(last_of(CLOSED, "a:6379").loop);
    settle(last_of(CLOSED, "c:6379").loop);
    for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
        size_t n;
        struct found *f = samples_of(ending[i], &n);

        assert_true(n >= 3);
        assert_true(f[n - 1].stale);
        assert_true(f[n - 1].t > f[n - 2].t);
        assert_false(f[n - 2].stale);
        free(f);
    }
    /* None for what has its own time, for what goes on, and for what was never scraped. */
    assert_int_equal(count_all_markers(), ARRAY_LEN(ending));
    test_end();
}

/* The sample of a tick may bear a time a little ahead of the clock, and the clock may be set back.
 */
static void the_end_of_a_target_is_behind_its_last_sample_even_when_that_lies_ahead(void **state)
{
    struct target_list *l = list_of(SITE(JOB_EVERY("1h", "1m", "j", "", "a")), NULL);
    struct sample_sink sink;
    struct scrape_outcome o;
    struct loop *loop = loop_new();
    struct watch *w;
    unix_ms ahead = clock_unix_ms() + 5000;
    struct found *f;
    size_t n;

    world = (struct world){0};
    lock_init(&world.lock);
    sink = sink_port(&world.sink);
    w = watch_new(watched_target_new(&l->targets[0], l->config), loop, &world.lock, &scripted,
                  &sink, false);
    target_list_unref(l);
    watch_begin(w);
    scraper_take(w->scraper, STR(PAGE), EXPOSITION_TEXT, ahead, 0, &o);
    w->status.last_scrape = ahead;
    watch_end(w);
    assert_int_equal(count_markers(SERIES("up", "a")), 1);
    f = samples_of(SERIES("up", "a"), &n);
    assert_int_equal(f[n - 1].t, ahead + 1);
    free(f);
    loop_free(loop);
    sink_free(&world.sink);
    free(world.events);
    lock_deinit(&world.lock);
}

/* ---- many ---------------------------------------------------------------------------------- */

#define MANY 60

/* MANY targets of job j: prefix0, prefix1 ... */
static char *many(const char *prefix, const char *settings)
{
    struct buf b = {0};

    buf_addf(&b,
             "scrape_configs:\n- job_name: j\n  redis: {}\n  scrape_interval: 100ms\n%s"
             "  static_configs: [{targets: [",
             settings);
    for (int i = 0; i < MANY; i++)
        buf_addf(&b, "%s%s%d", i ? ", " : "", prefix, i);
    buf_add_c(&b, "]}]\n");
    return buf_take(&b);
}

static void apply_many(const char *prefix, const char *settings)
{
    CLEANUP(mem_freep) char *yaml = many(prefix, settings);

    apply(yaml);
}

/* Each target has met one loop only. Returns how many loops there were. */
static size_t check_loops(void)
{
    WITH_LOCK(&world.lock);
    struct loop *loops[8] = {0};
    size_t n = 0;

    for (size_t i = 0; i < world.n; i++) {
        size_t k = 0;

        while (k < n && loops[k] != world.events[i].loop)
            k++;
        if (k == n)
            loops[n++] = world.events[i].loop;
        for (k = 0; k < i; k++)
            if (strcmp(world.events[k].address, world.events[i].address) == 0)
                assert_ptr_equal(world.events[k].loop, world.events[i].loop);
    }
    return n;
}

struct census {
    size_t n, up;
    bool in_order;
};

static void count_target(const struct target_status *st, void *arg)
{
    struct census *c = arg;
    char address[40];

    snprintf(address, sizeof address, "t%zu:6379", c->n++);
    c->in_order = c->in_order && strcmp(st->target->address, address) == 0;
    c->up += st->health == TARGET_UP && st->last_scrape > 0 && strcmp(st->last_error, "") == 0;
}

static void many_targets_are_scraped_on_several_loops_each_on_its_own(void **state)
{
    struct census c = {.in_order = true};

    test_begin(3);
    apply_many("t", "");
    for (int i = 0; i < MANY; i++) {
        char series[64];

        snprintf(series, sizeof series, "up{instance=\"t%d:6379\", job=\"j\"}", i);
        wait_for_samples(series, 2);
    }
    scrape_each(world.scrape, count_target, &c);
    assert_int_equal(c.n, MANY);
    assert_int_equal(c.up, MANY);
    assert_true(c.in_order);
    assert_int_equal(check_loops(), 3);
    test_end();
}

/* On every loop, all that ends is closed before anything of the new list is opened. */
static void ends_come_before_beginnings_on_every_loop(void **state)
{
    test_begin(3);
    apply_many("t", "");
    wait_for(OPENED, NULL, MANY);
    apply_many("u", "");
    wait_for(OPENED, NULL, 2 * MANY);
    assert_int_equal(count_of(CLOSED, NULL), MANY);
    lock_take(&world.lock);
    for (size_t i = 0; i < world.n; i++)
        for (size_t k = i + 1; k < world.n; k++)
            assert_false(world.events[i].kind == OPENED && world.events[i].address[0] == 'u' &&
                         world.events[k].kind == CLOSED &&
                         world.events[k].loop == world.events[i].loop);
    lock_give(&world.lock);
    test_end();
}

/* ---- all at once --------------------------------------------------------------------------- */

static atomic_bool looking;

static void touch(const struct target_status *st, void *arg)
{
    *(size_t *)arg += label_set_count(st->target->discovered) + strlen(st->last_error) +
                      strlen(st->target->job->job_name);
}

static void look_again_and_again(void *arg)
{
    while (atomic_load(&looking)) {
        scrape_each(world.scrape, touch, arg);
        nap(1);
    }
}

static void lists_may_follow_in_quick_succession_while_others_look(void **state)
{
    static const char *const settings[] = {"", DROP_N, "  sample_limit: 9\n"};
    struct thread looker;
    size_t touched = 0, n;
    struct found *f;

    test_begin(3);
    atomic_store(&looking, true);
    thread_start(&looker, "looker", look_again_and_again, &touched);
    for (int i = 0; i < 30; i++) {
        apply_many(i % 4 == 3 ? "bad" : i % 4 == 2 ? "late" : "t", settings[i % 3]);
        if (i % 5 == 0)
            nap(60);
    }
    apply_many("t", "");
    wait_for_samples("up{instance=\"t7:6379\", job=\"j\"}",
                     count_samples("up{instance=\"t7:6379\", job=\"j\"}") + 2);
    atomic_store(&looking, false);
    thread_join(&looker);
    assert_true(touched > 0);
    assert_int_equal(count_of(OPENED, NULL) - count_of(CLOSED, NULL), MANY);
    f = samples_of("up{instance=\"bad3:6379\", job=\"j\"}", &n);
    if (n) /* what had begun has ended */
        assert_true(f[n - 1].stale);
    free(f);
    f = samples_of("up{instance=\"t7:6379\", job=\"j\"}", &n);
    assert_false(f[n - 1].stale);
    for (size_t i = 1; i < n; i++)
        assert_true(f[i].t > f[i - 1].t);
    free(f);
    test_end();
}

static void the_machine_may_be_freed_while_pages_are_under_way(void **state)
{
    size_t answers, commits;

    test_begin(3);
    apply_many("late", "");
    wait_for(ANSWERED, NULL, 5);
    apply(SITE(JOB("j", "", "hang1, hang2, hang3, hang4, hang5")));
    for (int i = 1; i <= 5; i++) {
        char address[16];

        snprintf(address, sizeof address, "hang%d:6379", i);
        wait_for(FETCHED, address, 1);
    }
    answers = count_of(ANSWERED, NULL);
    commits = world.sink.commits;
    scrape_free(world.scrape);
    world.scrape = NULL;
    assert_int_equal(count_of(CLOSED, NULL), count_of(OPENED, NULL));
    assert_int_equal(count_of(ANSWERED, NULL), answers);
    assert_int_equal(world.sink.commits, commits); /* and nothing is marked stale */
    test_end();
}

static void a_machine_without_targets_begins_and_ends(void **state)
{
    struct census c = {0};

    test_begin(2);
    scrape_each(world.scrape, count_target, &c);
    apply("scrape_configs: []\n");
    apply("scrape_configs: []\n");
    scrape_each(world.scrape, count_target, &c);
    assert_int_equal(c.n, 0);
    test_end();
    scrape_free(NULL);
}

/* ---- health -------------------------------------------------------------------------------- */

struct words {
    enum target_health health;
    char error[128];
};

static void keep_words_of(const struct target_status *st, void *arg)
{
    struct words *w = arg;

    w->health = st->health;
    snprintf(w->error, sizeof w->error, "%s", st->last_error);
}

static void a_page_with_an_error_is_stored_and_the_target_is_down(void **state)
{
    struct words w;
    struct found *f;
    size_t n;

    test_begin(1);
    apply(SITE(JOB("j", "", "gone")));
    scrape_each(world.scrape, keep_words_of, &w);
    assert_int_equal(w.health, TARGET_UNKNOWN);
    assert_string_equal(w.error, "");
    wait_for_samples(SERIES("redis_up", "gone"), 1);
    settle(last_of(FETCHED, "gone:6379").loop);
    scrape_each(world.scrape, keep_words_of, &w);
    assert_int_equal(w.health, TARGET_DOWN);
    assert_string_equal(w.error, "gone");
    f = samples_of(SERIES("up", "gone"), &n);
    assert_true(n >= 1 && f[0].v == 0);
    free(f);
    test_end();
}

static void a_refused_target_is_down_without_being_asked(void **state)
{
    struct words w;
    size_t n;
    struct found *f;
    size_t before;

    test_begin(1);
    apply(SITE(JOB("j", "", "a")));
    wait_for_samples(SERIES("m", "a"), 1);
    apply(SITE(JOB("j", "  target_limit: 1\n", "a, b")));
    wait_for(CLOSED, "a:6379", 1);
    settle(last_of(CLOSED, "a:6379").loop);
    before = count_of(FETCHED, NULL);
    wait_for_samples(SERIES("up", "b"), 2);
    wait_for_samples(SERIES("up", "a"), count_samples(SERIES("up", "a")) + 2);
    assert_int_equal(count_of(FETCHED, NULL), before);
    scrape_each(world.scrape, keep_words_of, &w);
    assert_int_equal(w.health, TARGET_DOWN);
    assert_string_equal(w.error, "target_limit exceeded (number of targets: 2, limit: 1)");
    f = samples_of(SERIES("up", "b"), &n);
    assert_true(f[0].v == 0);
    free(f);
    assert_int_equal(count_markers(SERIES("m", "a")), 1); /* the series of its last page end */
    test_end();
}

/* Standard error goes to a file until captured(). */
static struct {
    char path[40];
    int before;
} capture;

static void capture_log(void)
{
    int file;

    strcpy(capture.path, "/tmp/tocsin-test-scrape.XXXXXX");
    file = mkstemp(capture.path);
    assert_true(file >= 0);
    capture.before = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

static void captured(struct buf *out)
{
    dup2(capture.before, STDERR_FILENO);
    close(capture.before);
    assert_int_equal(file_read(capture.path, 1 << 20, out, NULL), 0);
    unlink(capture.path);
}

static size_t count_in(const struct buf *text, const char *part)
{
    size_t n = 0;

    for (const char *at = text->p; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void going_down_and_coming_back_is_told_once(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};

    capture_log();
    log_configure(LOG_INFO, LOG_LOGFMT);
    test_begin(1);
    apply(SITE(JOB("j", "", "bad, turn, a")));
    wait_for(ANSWERED, "turn:6379", 2);
    atomic_store(&world.turned_bad, true);
    wait_for(ANSWERED, "turn:6379", count_of(ANSWERED, "turn:6379") + 3);
    apply(SITE(JOB("j", "  sample_limit: 100\n", "bad, turn, a"))); /* an heir is no news */
    wait_for(ANSWERED, "turn:6379", count_of(ANSWERED, "turn:6379") + 2);
    wait_for(ANSWERED, "bad:6379", count_of(ANSWERED, "bad:6379") + 2);
    atomic_store(&world.turned_bad, false);
    wait_for(ANSWERED, "turn:6379", count_of(ANSWERED, "turn:6379") + 3);
    test_end();
    log_configure(LOG_ERROR, LOG_LOGFMT);
    captured(&text);
    assert_int_equal(count_in(&text, " target_down "), 2);
    assert_int_equal(count_in(&text, "target_down job=j target=redis://bad:6379 "
                                     "error=\"failure 1\"\n"),
                     1);
    assert_int_equal(count_in(&text, "target_down job=j target=redis://turn:6379 error=\"fail"), 1);
    assert_int_equal(count_in(&text, " target_up "), 1);
    assert_int_equal(count_in(&text, "target_up job=j target=redis://turn:6379\n"), 1);
}

static void note_state(const struct target_status *st, void *arg)
{
    if (str_has_prefix(str_c(st->target->address), STR("f")))
        buf_addf(arg, "%s:%d:%s ", st->target->address, st->health, st->last_error);
}

static void a_check_that_fails_is_up_with_the_reason_and_told_once(void **state)
{
    CLEANUP(buf_free) struct buf text = {0}, states = {0};

    capture_log();
    log_configure(LOG_INFO, LOG_LOGFMT);
    test_begin(1);
    apply(SITE(JOB("j", "", "fail, flip, vary, a")));
    wait_for(ANSWERED, "fail:6379", 3);
    wait_for(ANSWERED, "vary:6379", 3);
    wait_for(ANSWERED, "flip:6379", 3);
    atomic_store(&world.turned_bad, true);
    wait_for(ANSWERED, "flip:6379", count_of(ANSWERED, "flip:6379") + 3);
    scrape_each(world.scrape, note_state, &states);
    assert_string_equal(states.p, "fail:6379:1:connect to nowhere flip:6379:1:connect to nowhere ");
    apply(SITE(JOB("j", "  sample_limit: 100\n", "fail, flip, vary, a"))); /* an heir is no news */
    wait_for(ANSWERED, "fail:6379", count_of(ANSWERED, "fail:6379") + 2);
    atomic_store(&world.turned_bad, false);
    wait_for(ANSWERED, "flip:6379", count_of(ANSWERED, "flip:6379") + 3);
    buf_reset(&states);
    scrape_each(world.scrape, note_state, &states);
    assert_string_equal(states.p, "fail:6379:1:connect to nowhere flip:6379:1: ");
    test_end();
    log_configure(LOG_ERROR, LOG_LOGFMT);
    captured(&text);
    assert_int_equal(count_in(&text, "check_failed job=j target=redis://fail:6379 "
                                     "reason=\"connect to nowhere\"\n"),
                     1);
    assert_int_equal(count_in(&text, "check_failed job=j target=redis://flip:6379 "), 1);
    assert_int_equal(count_in(&text, "target=redis://vary:6379 reason=\"reason 1\"\n"), 1);
    assert_int_equal(count_in(&text, "target=redis://vary:6379 reason=\"reason 2\"\n"), 1);
    assert_int_equal(count_in(&text, "check_passed job=j target=redis://flip:6379\n"), 1);
    assert_int_equal(count_in(&text, " check_passed "), 1);
    assert_int_equal(count_in(&text, " target_"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scrape_is_stamped_with_its_tick_when_it_is_near),
        cmocka_unit_test(no_tick_is_made_twice_and_none_comes_between),
        cmocka_unit_test(ticks_stay_at_the_hash_when_the_clock_is_set),
        cmocka_unit_test(a_tick_whose_page_is_awaited_is_skipped_and_counted),
        cmocka_unit_test(a_page_may_take_its_timeout_but_not_the_whole_interval),
        cmocka_unit_test(equal_targets_go_on_undisturbed),
        cmocka_unit_test(other_discovered_labels_are_shown_and_disturb_nothing),
        cmocka_unit_test(a_target_with_other_settings_inherits_its_series),
        cmocka_unit_test(a_target_with_another_interval_inherits_too),
        cmocka_unit_test(targets_that_vanish_end_with_markers_behind_their_last_samples),
        cmocka_unit_test(the_end_of_a_target_is_behind_its_last_sample_even_when_that_lies_ahead),
        cmocka_unit_test(many_targets_are_scraped_on_several_loops_each_on_its_own),
        cmocka_unit_test(ends_come_before_beginnings_on_every_loop),
        cmocka_unit_test(lists_may_follow_in_quick_succession_while_others_look),
        cmocka_unit_test(the_machine_may_be_freed_while_pages_are_under_way),
        cmocka_unit_test(a_machine_without_targets_begins_and_ends),
        cmocka_unit_test(a_page_with_an_error_is_stored_and_the_target_is_down),
        cmocka_unit_test(a_refused_target_is_down_without_being_asked),
        cmocka_unit_test(going_down_and_coming_back_is_told_once),
        cmocka_unit_test(a_check_that_fails_is_up_with_the_reason_and_told_once),
    };

    log_configure(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
