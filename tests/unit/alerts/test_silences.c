/* SPDX-License-Identifier: Apache-2.0 */
/* Silences: what a change does to an id, what they mute, and that none is lost. */
#include "tests/unit/alerts/world.h"

#define HOUR 3600.0

static const char config[] =
    "route: {receiver: d, group_by: [alertname], group_wait: 1s, group_interval: 10s}\n"
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";

/* "a=b c!=d e=~f g!~h": one matcher a word. */
static size_t matchers_of(const char *text, struct silence_matcher *ret)
{
    struct str rest = str_c(text);
    size_t n = 0;

    while (rest.len > 0) {
        struct str word = str_cut(&rest, ' ');
        size_t at = 0, len;

        while (word.p[at] != '=' && word.p[at] != '!')
            at++;
        len = word.p[at] == '!' || word.p[at + 1] == '~' ? 2 : 1;
        ret[n++] = (struct silence_matcher){str_n(word.p, at),
                                            str_n(word.p + at + len, word.len - at - len),
                                            len == 2 && word.p[at + 1] == '~', word.p[at] == '='};
    }
    return n;
}

static int set(struct world *w, const char *id, const char *matchers, double from, double to,
               char ret[SILENCE_ID_LEN + 1], struct err *err)
{
    struct silence_matcher list[8];
    struct silence_wanted wanted = {
        .id = str_c(id),
        .matchers = list,
        .n_matchers = matchers_of(matchers, list),
        .starts_at = world_time(from),
        .ends_at = world_time(to),
        .created_by = STR("me"),
        .comment = STR("why"),
    };

    w->wake = w->now;
    return alerts_set_silence(w->alerts, &wanted, w->now, ret, err);
}

static void must_set(struct world *w, const char *id, const char *matchers, double from, double to,
                     char ret[SILENCE_ID_LEN + 1])
{
    struct err err = {0};

    if (set(w, id, matchers, from, to, ret, &err) < 0)
        fail_msg("%s", err.msg);
}

static enum silence_state state_of(const struct world *w, const char *id)
{
    return silence_state(alerts_silence(w->alerts, str_c(id)), w->now);
}

static void a_change_keeps_the_id_only_when_the_past_stays_as_it_was(void **state)
{
    static const struct {
        double from, to;      /* of the old one, made at 0 */
        const char *matchers; /* of the change, at 100 */
        double new_from, new_to;
        bool in_place;
        enum silence_state old_state; /* after the change, when not in place */
    } cases[] = {
        {0, 1000, "a=b", 0, 2000, true, 0},                    /* longer */
        {0, 1000, "a=b", 0.5, 150, true, 0},                   /* shorter, start to the second */
        {0, 1000, "a=b", 0, 100, true, 0},                     /* ends now */
        {0, 1000, "a=b", 1, 2000, false, SILENCE_EXPIRED},     /* another start */
        {0, 1000, "a=c", 0, 2000, false, SILENCE_EXPIRED},     /* other matchers */
        {0, 1000, "a=~b", 0, 2000, false, SILENCE_EXPIRED},    /* another operator */
        {0, 1000, "a=b c=d", 0, 2000, false, SILENCE_EXPIRED}, /* one more */
        {500, 1000, "a=b", 600, 2000, true, 0},                /* pending: both ends may move */
        {500, 1000, "a=b", 50, 2000, false, SILENCE_EXPIRED},  /* but not into the past */
        {0, 50, "a=b", 0, 2000, false, SILENCE_EXPIRED},       /* over: a new one */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char first[SILENCE_ID_LEN + 1], second[SILENCE_ID_LEN + 1];
        struct world w;

        world_init(&w, config);
        must_set(&w, "", "a=b", cases[i].from, cases[i].to, first);
        w.now = world_time(100);
        must_set(&w, first, cases[i].matchers, cases[i].new_from, cases[i].new_to, second);
        if ((strcmp(first, second) == 0) != cases[i].in_place)
            fail_msg("case %zu: the id %s", i, cases[i].in_place ? "changed" : "stayed");
        assert_int_equal(world_count(&w, "silence"), cases[i].in_place ? 1 : 2);
        if (!cases[i].in_place) {
            w.now++; /* the end itself still counts */
            assert_int_equal(state_of(&w, first), cases[i].old_state);
        }
        assert_int_equal(alerts_silence(w.alerts, str_c(second))->ends_at,
                         world_time(cases[i].new_to));
        world_deinit(&w);
    }
}

static void what_is_no_silence_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *id, *matchers;
        double from, to;
        int code;
        const char *words;
    } cases[] = {
        {"", "", 0, 9, -EINVAL, "invalid silence: at least one matcher required"},
        {"", "a=", 0, 9, -EINVAL,
         "invalid silence: matcher set 0: at least one matcher must not match the empty string"},
        {"", "a=~.*", 0, 9, -EINVAL, "at least one matcher must not match"},
        {"", "a!=b", 0, 9, -EINVAL, "at least one matcher must not match"},
        {"", "=b", 0, 9, -EINVAL,
         "invalid silence: invalid label matcher 0 in set 0: invalid label name \"\""},
        {"", "a=b c=~(", 0, 9, -EINVAL,
         "invalid label matcher 1 in set 0: invalid regular expression \"(\": error parsing regexp"},
        {"", "a=b", 9, 8, -EINVAL, "invalid silence: end time must not be before start time"},
        {"x", "a=b", 0, 9, -ENOENT, "silence not found"},
    };
    struct world w;

    world_init(&w, config);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char id[SILENCE_ID_LEN + 1];
        struct err err = {0};

        assert_int_equal(
            set(&w, cases[i].id, cases[i].matchers, cases[i].from, cases[i].to, id, &err),
            cases[i].code);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("case %zu: %s", i, err.msg);
    }
    assert_int_equal(world_count(&w, "silence"), 0);
    world_deinit(&w);
}

static void one_that_mutes_nothing_by_an_empty_value_alone_is_taken(void **state)
{
    char id[SILENCE_ID_LEN + 1];
    struct world w;

    world_init(&w, config);
    must_set(&w, "", "a!=", 0, 9, id);
    must_set(&w, "", "a= b=c", 0, 9, id);
    assert_int_equal(world_count(&w, "silence"), 2);
    world_deinit(&w);
}

static void an_expired_one_is_over_at_once_and_cannot_expire_again(void **state)
{
    char active[SILENCE_ID_LEN + 1], pending[SILENCE_ID_LEN + 1];
    struct world w;

    world_init(&w, config);
    must_set(&w, "", "a=b", 0, 1000, active);
    must_set(&w, "", "a=c", 500, 1000, pending);
    w.now = world_time(100);
    assert_int_equal(alerts_expire_silence(w.alerts, str_c(active), w.now, NULL), 0);
    assert_int_equal(alerts_expire_silence(w.alerts, str_c(pending), w.now, NULL), 0);
    assert_int_equal(alerts_silence(w.alerts, str_c(pending))->starts_at, w.now);
    w.now = world_time(200);
    assert_int_equal(state_of(&w, active), SILENCE_EXPIRED);
    assert_int_equal(state_of(&w, pending), SILENCE_EXPIRED);
    assert_int_equal(alerts_expire_silence(w.alerts, str_c(active), w.now, NULL), 0);
    assert_int_equal(alerts_silence(w.alerts, str_c(active))->ends_at, world_time(100));
    assert_int_equal(alerts_expire_silence(w.alerts, STR("nobody"), w.now, NULL), -ENOENT);
    world_deinit(&w);
}

/* What it does to messages is in the timelines; here it survives, and a failing disk takes none. */
static void a_silence_survives_a_crash_and_mutes_on(void **state)
{
    char id[SILENCE_ID_LEN + 1];
    struct err err = {0};
    struct world w;

    world_init(&w, config);
    must_set(&w, "", "alertname=~A|B sev=crit", 0, 100, id);
    world_start(&w);
    assert_int_equal(state_of(&w, id), SILENCE_ACTIVE);
    assert_string_equal(alerts_silence(w.alerts, str_c(id))->comment, "why");
    world_post(&w, "alertname=A sev=crit; alertname=B sev=warn; alertname=C sev=crit");
    world_run(&w, world_time(50));
    assert_non_null(strstr(w.lines.p, "1 d/0 {alertname=\"B\"} first notification: B+\n"));
    assert_non_null(strstr(w.lines.p, "1 d/0 {alertname=\"C\"} first notification: C+\n"));
    assert_null(strstr(w.lines.p, " A+"));
    world_run(&w, world_time(120));
    assert_non_null(strstr(w.lines.p, "101 d/0 {alertname=\"A\"} first notification: A+\n"));

    w.fail_writes = -1;
    assert_int_equal(set(&w, "", "a=b", 120, 200, id, &err), -ENOSPC);
    assert_int_equal(set(&w, "", "alertname=C", 120, 200, id, &err), -ENOSPC);
    w.fail_writes = 0;
    assert_int_equal(world_count(&w, "silence"), 1);
    world_deinit(&w);
}

static void a_clock_that_jumps_an_hour_opens_no_silence_and_tells_nothing_twice(void **state)
{
    char id[SILENCE_ID_LEN + 1];
    struct world w;

    for (int back = 0; back < 2; back++) {
        world_init(&w, config);
        world_run(&w, world_time(100));
        must_set(&w, "", "alertname=A", 100, 100 + 3 * HOUR, id);
        world_post(&w, "alertname=A @end=99999; alertname=B @end=99999");
        world_run(&w, world_time(200));
        w.now += (back ? -1 : 1) * (int64_t)HOUR * NS_PER_S;
        w.wake = w.now;
        world_tick(&w);
        assert_int_equal(state_of(&w, id), SILENCE_ACTIVE);
        world_start(&w); /* and so it is after a restart */
        assert_int_equal(state_of(&w, id), SILENCE_ACTIVE);
        world_run(&w, world_time(90 + 3 * HOUR));
        assert_string_equal(w.lines.p, "101 d/0 {alertname=\"B\"} first notification: B+\n");
        world_run(&w, world_time(120 + 3 * HOUR));
        assert_non_null(strstr(w.lines.p, "{alertname=\"A\"} first notification: A+\n"));
        world_deinit(&w);
    }
}

static void count(const struct silence *s, void *arg)
{
    ++*(size_t *)arg;
}

static size_t kept(const struct world *w)
{
    size_t n = 0;

    alerts_each_silence(w->alerts, count, &n);
    return n;
}

static void one_that_is_over_is_forgotten_after_five_days(void **state)
{
    char id[SILENCE_ID_LEN + 1];
    struct world w;

    world_init(&w, config);
    must_set(&w, "", "alertname=A", 0, 100, id);
    must_set(&w, "", "alertname=~A", 0, 1000 * HOUR, id);
    world_post(&w, "alertname=A @end=9999999");
    world_run(&w, world_time(119 * HOUR));
    assert_int_equal(kept(&w), 2);
    world_run(&w, world_time(121 * HOUR));
    assert_int_equal(kept(&w), 1);
    assert_int_equal(world_count(&w, "silence"), 1);
    assert_null(w.lines.p); /* the other one still mutes */
    world_deinit(&w);
}

/* Without the index and the memory of what matches, this would be 50 million patterns a flush. */
static void a_thousand_silences_and_many_alerts_are_matched_once(void **state)
{
    enum { SILENCES = 1000, ALERTS = 20000, BATCH = 16 };
    char id[SILENCE_ID_LEN + 1];
    struct buf text = {0};
    struct world w;
    mono_ns began;

    world_init(&w, config);
    for (int i = 0; i < SILENCES; i++) {
        buf_reset(&text);
        buf_addf(&text, i % 10 ? "alertname=A%d n=~x%d.*" : "n=~never%d|x%d", i, i);
        must_set(&w, "", text.p, 0, 100000, id);
    }
    for (int i = 0; i < ALERTS; i += BATCH) {
        buf_reset(&text);
        for (int k = i; k < i + BATCH; k++)
            buf_addf(&text, "%salertname=A%d n=x%d @end=99999", k > i ? "; " : "", k % 2000, k);
        world_post(&w, text.p);
    }
    began = clock_mono_ns();
    world_run(&w, world_time(100));
    print_message("# %d alerts, %d silences, 10 flushes each: %.0f ms\n", ALERTS, SILENCES,
                  (double)(clock_mono_ns() - began) / 1e6);
    assert_true(clock_mono_ns() - began < 20 * NS_PER_S);
    buf_free(&text);
    world_deinit(&w);
}

static void times_mute_before_silences_and_after_inhibition(void **state)
{
    static const char timed[] =
        "route:\n"
        "  receiver: d\n"
        "  group_by: [alertname]\n"
        "  group_wait: 1s\n"
        "  group_interval: 10s\n"
        "  routes:\n"
        "  - {matchers: ['t=m'], mute_time_intervals: [hour]}\n"
        "  - {matchers: ['t=a'], active_time_intervals: [never, hour]}\n"
        "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n"
        "time_intervals:\n"
        /* T0 is 08:11:28 UTC, 16:11:28 in Shanghai */
        "- {name: hour, time_intervals: [{times: [{start_time: '16:12', end_time: '16:13'}],\n"
        "   location: Asia/Shanghai}]}\n"
        "- {name: never, time_intervals: [{years: []}]}\n";
    static const struct act acts[] = {
        {0, POST, "alertname=A t=a @end=999; alertname=N @end=999"},
        {35, POST, "alertname=M t=m @end=999"},
        {120, END, NULL},
    };

    world_play(timed, acts,
               "1 d/0 {alertname=\"N\"} first notification: N+\n"
               "41 d/0 {alertname=\"A\"} first notification: A+\n"
               "96 d/0 {alertname=\"M\"} first notification: M+\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_keeps_the_id_only_when_the_past_stays_as_it_was),
        cmocka_unit_test(what_is_no_silence_is_refused_with_the_reason),
        cmocka_unit_test(one_that_mutes_nothing_by_an_empty_value_alone_is_taken),
        cmocka_unit_test(an_expired_one_is_over_at_once_and_cannot_expire_again),
        cmocka_unit_test(a_silence_survives_a_crash_and_mutes_on),
        cmocka_unit_test(a_clock_that_jumps_an_hour_opens_no_silence_and_tells_nothing_twice),
        cmocka_unit_test(one_that_is_over_is_forgotten_after_five_days),
        cmocka_unit_test(a_thousand_silences_and_many_alerts_are_matched_once),
        cmocka_unit_test(times_mute_before_silences_and_after_inhibition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
