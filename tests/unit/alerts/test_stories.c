/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/alerts/world.h"

#define LONG " @end=999999" /* an end that does not matter in the story */

#define RECEIVER(name) "{name: " name ", webhook_configs: [{url: 'http://192.0.2.1/" name "'}]}"

static const char plain[] =
    "route: {receiver: d, group_by: [job], group_wait: 30s, group_interval: 5m, repeat_interval: 1h}\n"
    "receivers: [" RECEIVER("d") "]\n";

static const char two_webhooks[] =
    "route: {receiver: d, group_by: [job], group_wait: 30s, group_interval: 5m, repeat_interval: 1h}\n"
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/a'},\n"
    "  {url: 'http://192.0.2.1/b', send_resolved: false}]}]\n";

static const char tree[] =
    "route:\n"
    "  {receiver: d, group_by: [job], group_wait: 30s, group_interval: 5m, repeat_interval: 1h, routes: [\n"
    "    {receiver: log, matchers: ['sev=~\".+\"'], group_wait: 1s, continue: true},\n"
    "    {receiver: night, matchers: ['sev=crit'], group_wait: 0s, group_interval: 1m}]}\n"
    "receivers: [" RECEIVER("d") "," RECEIVER("log") "," RECEIVER("night") "]\n";

/* ---- from the first report to the end ------------------------------------------------------ */

static void a_new_alert_is_told_after_group_wait_and_its_end_at_the_next_flush(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=redis-dev" LONG},
        {0, SAVED, "1"},
        {400, POST, "alertname=A job=redis-dev @start=0 @end=400"},
        {629, SAVED, "1"},
        {631, SAVED, "0"},
        {631, LOGGED, "1"},
        {700, POST,
         "alertname=A job=redis-dev @start=700" LONG}, /* its group was gone: group_wait again */
        {2000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"redis-dev\"} first notification: A+\n"
               "630 d/0 {job=\"redis-dev\"} all alerts resolved: A-\n"
               "730 d/0 {job=\"redis-dev\"} first notification: A+\n");
}

static void an_old_alert_opens_its_group_with_a_flush_at_once_but_hastens_no_other(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @start=-31" LONG},
        {1, POST,
         "alertname=B job=y @start=-29" LONG}, /* 1 - 30 is not after its start: it waits */
        {2, POST, "alertname=C job=y @start=-99" LONG},
        {100, END, NULL},
    };

    world_play(plain, acts,
               "0 d/0 {job=\"x\"} first notification: A+\n"
               "31 d/0 {job=\"y\"} first notification: B+ C+\n");
}

static void what_stays_is_repeated_at_the_first_flush_after_repeat_interval(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {8000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "3930 d/0 {job=\"x\"} repeat interval elapsed: A+\n" /* at 3630 just one hour has
                                                                       passed, not more */
               "7830 d/0 {job=\"x\"} repeat interval elapsed: A+\n");
}

static void alerts_that_join_and_end_are_told_with_the_whole_group(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=B job=x" LONG},
        {20, POST, "alertname=A job=x" LONG},
        {100, POST, "alertname=C job=x" LONG "; alertname=D job=y" LONG},
        {400, POST, "alertname=B job=x @start=0 @end=400"},
        {700, POST, "alertname=A job=x @start=20 @end=700; alertname=C job=x @start=100 @end=700"},
        {2000, SAVED, "1"},
        {2000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+ B+\n"
               "130 d/0 {job=\"y\"} first notification: D+\n"
               "330 d/0 {job=\"x\"} new alerts added: A+ B+ C+\n"
               "630 d/0 {job=\"x\"} some alerts resolved: A+ B- C+\n"
               "930 d/0 {job=\"x\"} all alerts resolved: A- C-\n");
}

static void an_alert_that_ended_before_its_first_flush_is_not_told(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {10, POST, "alertname=A job=x @start=0 @end=10"},
        {10, SAVED, "1"},
        {31, SAVED, "0"},
        {31, LOGGED, "0"},
        {1000, END, NULL},
    };

    world_play(plain, acts, "");
}

static void an_alert_of_which_nothing_is_heard_ends_with_its_time(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x"}, /* without an end: 5 minutes from each report */
        {200, POST, "alertname=A job=x"},
        {2000, SAVED, "0"},
        {2000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "630 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void an_end_that_is_reported_again_and_again_is_told_once(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=x" LONG},
        {100, POST, "alertname=A job=x @start=0 @end=100"},
        {331, SAVED, "1"},
        {340, POST, "alertname=A job=x @start=0 @end=100"},
        {340, SAVED, "1"},
        {400, POST, "alertname=C job=x" LONG}, /* makes the log forget that the end of A was told */
        {640, POST, "alertname=A job=x @start=0 @end=100"},
        {1000, POST, "alertname=A job=x @start=0 @end=100"}, /* after a sweep */
        {1500, POST, "alertname=A job=x @start=1500" LONG},  /* begins anew */
        {2000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+ B+\n"
               "330 d/0 {job=\"x\"} some alerts resolved: A- B+\n"
               "630 d/0 {job=\"x\"} new alerts added: B+ C+\n"
               "1530 d/0 {job=\"x\"} new alerts added: A+ B+ C+\n");
}

/* ---- receivers and routes ------------------------------------------------------------------ */

static void an_integration_that_wants_no_ends_sees_none(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=x" LONG},
        {100, POST, "alertname=A job=x @start=0 @end=100"},
        {400, POST, "alertname=C job=x" LONG},
        {700, POST, "alertname=B job=x @start=0 @end=700; alertname=C job=x @start=400 @end=700"},
        {1000, POST, "alertname=B job=x @start=1000" LONG}, /* the log knows that nothing fired */
        {1100, END, NULL},
    };

    world_play(two_webhooks, acts,
               "30 d/0 {job=\"x\"} first notification: A+ B+\n"
               "30 d/1 {job=\"x\"} first notification: A+ B+\n"
               "330 d/0 {job=\"x\"} some alerts resolved: A- B+\n"
               "630 d/0 {job=\"x\"} new alerts added: B+ C+\n"
               "630 d/1 {job=\"x\"} new alerts added: B+ C+\n"
               "930 d/0 {job=\"x\"} all alerts resolved: B- C-\n"
               "1030 d/0 {job=\"x\"} first notification: B+\n"
               "1030 d/1 {job=\"x\"} first notification: B+\n");
}

static void an_alert_goes_to_every_route_it_continues_to_each_with_its_own_timers(void **state)
{
    static const struct act acts[] = {
        {0, POST,
         "alertname=A job=x sev=crit" LONG "; alertname=B job=x sev=warn" LONG
         "; alertname=C job=x" LONG},
        {50, POST, "alertname=A job=x sev=crit @start=0 @end=50"},
        {61, SAVED, "3"}, /* told at night, still in the group of log */
        {302, SAVED, "2"},
        {400, END, NULL},
    };

    world_play(tree, acts,
               "0 night/0 {job=\"x\"} first notification: A+\n"
               "1 log/0 {job=\"x\"} first notification: A+ B+\n"
               "30 d/0 {job=\"x\"} first notification: C+\n"
               "60 night/0 {job=\"x\"} all alerts resolved: A-\n"
               "301 log/0 {job=\"x\"} some alerts resolved: A- B+\n");
}

static void look_at_group_by(struct world *w, const struct notification *n)
{
    buf_add_c(&w->lines, n->group_key);
    for (size_t i = 0; i < n->n_group_by; i++)
        buf_addf(&w->lines, " " STR_FMT, STR_ARG(n->group_by[i]));
    buf_add_byte(&w->lines, '\n');
}

static void a_notification_names_the_labels_that_its_route_groups_by(void **state)
{
    static const char config[] =
        "route: {receiver: d, group_by: [zone, alertname], group_wait: 0s, routes: [\n"
        "  {matchers: ['all=\"1\"'], group_by: ['...']}, {matchers: ['none=\"1\"'], group_by: []}]}\n"
        "receivers: [" RECEIVER("d") "]\n";
    struct world w;

    world_init(&w, config);
    w.seen = look_at_group_by;
    world_post(&w, "alertname=A job=x" LONG);
    world_run(&w, w.now);
    world_post(&w, "alertname=A job=x all=1" LONG);
    world_run(&w, w.now);
    world_post(&w, "alertname=A job=x none=1" LONG);
    world_run(&w, w.now);
    world_post(&w, "alertname=a\"\\\t\u3000\u8b66\xff zone=z" LONG);
    world_run(&w, w.now);
    assert_string_equal(
        w.lines.p,
        "{}:{alertname=\"A\"} zone alertname\n" /* in the order of the file, absent ones too */
        "{}/{all=\"1\"}:{alertname=\"A\", all=\"1\", job=\"x\"} alertname all job\n"
        "{}/{none=\"1\"}:{}\n"
        "{}:{alertname=\"a\\\"\\\\\\t\\u3000\u8b66\\xff\", zone=\"z\"} zone alertname\n");
    world_deinit(&w);
}

static void look_at_alerts(struct world *w, const struct notification *n)
{
    for (size_t i = 0; i < n->n_alerts; i++) {
        const struct alert *al = n->alerts[i];

        label_set_print(al->labels, &w->lines);
        buf_addf(&w->lines, " %lld\n",
                 al->ends_at == UNIX_NS_ZERO ? -1 : (long long)((al->ends_at - T0) / NS_PER_S));
    }
}

static void alerts_of_a_message_are_in_order_and_firing_ones_show_no_end(void **state)
{
    static const char config[] = "route: {receiver: d, group_wait: 1s, group_interval: 1m}\n"
                                 "receivers: [" RECEIVER("d") "]\n";
    struct world w;

    world_init(&w, config);
    w.seen = look_at_alerts;
    world_post(&w, "b=1 a=2" LONG "; a=1 b=2 c=3" LONG "; z=1" LONG "; y=1" LONG "; instance=b" LONG
                   "; instance=a" LONG "; job=b a=1" LONG "; job=a instance=b" LONG "; job=a" LONG
                   "; a=2 c=1 @start=0 @end=0.5");
    world_run(&w, world_time(1));
    assert_string_equal(w.lines.p, "{instance=\"b\", job=\"a\"} -1\n"
                                   "{job=\"a\"} -1\n"
                                   "{a=\"1\", job=\"b\"} -1\n"
                                   "{instance=\"a\"} -1\n"
                                   "{instance=\"b\"} -1\n"
                                   "{z=\"1\"} -1\n" /* the set that lacks y comes first */
                                   "{y=\"1\"} -1\n"
                                   "{a=\"2\", c=\"1\"} 0\n"
                                   "{a=\"2\", b=\"1\"} -1\n"
                                   "{a=\"1\", b=\"2\", c=\"3\"} -1\n");
    world_deinit(&w);
}

static void without_an_alertmanager_part_alerts_are_held_until_they_end(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, SAVED, "1"},
        {200, POST, "alertname=A job=x @start=0 @end=200"},
        {400, SAVED, "0"},
        {400, END, NULL},
    };

    world_play("global: {resolve_timeout: 5m}\n", acts, "");
}

/* ---- reload, clock ------------------------------------------------------------------------- */

static void a_reload_starts_the_timers_anew_and_repeats_nothing(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, RELOAD, plain},
        {110, POST, "alertname=B job=x" LONG},
        {500, RELOAD, two_webhooks}, /* the second integration has not heard of anything */
        {600, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "400 d/0 {job=\"x\"} new alerts added: A+ B+\n"
               "500 d/1 {job=\"x\"} first notification: A+ B+\n");
}

static void an_end_that_was_told_stays_told_over_a_reload(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, POST, "alertname=A job=x @start=0 @end=100"},
        {400, RELOAD, tree},
        {410, POST, "alertname=A job=x @start=0 @end=100"},
        {410, SAVED, "0"},
        {420, POST, "alertname=A job=x @start=420" LONG},
        {500, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "330 d/0 {job=\"x\"} all alerts resolved: A-\n"
               "450 d/0 {job=\"x\"} first notification: A+\n");
}

static void when_the_clock_goes_back_no_wait_becomes_longer(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {50, POST, "alertname=B job=x" LONG},
        {100, CLOCK, "-3600"}, /* the next flush was to be at 330 */
        {-3490, POST, "alertname=C job=x" LONG},
        {-3000, POST, "alertname=C job=x @start=-3490" LONG},
        {-3000, CLOCK, "-5"}, /* less than the noise: nothing moves */
        {900, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "-3500 d/0 {job=\"x\"} new alerts added: A+ B+\n"
               "-3200 d/0 {job=\"x\"} new alerts added: A+ B+ C+\n"
               "700 d/0 {job=\"x\"} repeat interval elapsed: A+ B+ C+\n");
}

static void when_the_clock_goes_back_repetitions_come_no_later(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, CLOCK, "-3600"},
        {500, END, NULL},
    };

    world_play(
        plain, acts,
        "30 d/0 {job=\"x\"} first notification: A+\n"
        "400 d/0 {job=\"x\"} repeat interval elapsed: A+\n"); /* at 100 just one hour since -3500 */
}

static void when_the_clock_goes_back_an_end_stays_an_end_and_a_new_one_is_heard(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=x" LONG},
        {50, POST, "alertname=A job=x @start=0 @end=50"},
        {60, CLOCK, "-3600"},
        {-3530, POST, "alertname=B job=x @start=-4000 @end=-3530"},
        {-3000, SAVED, "0"},
        {-3000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+ B+\n"
               "-3540 d/0 {job=\"x\"} some alerts resolved: A- B+\n"
               "-3240 d/0 {job=\"x\"} all alerts resolved: B-\n");
}

static void when_the_clock_goes_back_a_day_sweeps_go_on(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {10, POST, "alertname=A job=x @start=0 @end=10; alertname=B job=x" LONG},
        {50, POST, "alertname=B job=x @start=10 @end=50"},
        {400, CLOCK, "-86400"},
        {-80000, LOGGED, "1"}, /* expires 2 h after 330 of the day after */
        {-77000, LOGGED, "0"},
        {-77000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A- B+\n"
               "330 d/0 {job=\"x\"} all alerts resolved: B-\n");
}

static void when_the_clock_leaps_ahead_what_is_due_is_told_once(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {10, CLOCK, "7200"},
        {7300, POST, "alertname=B job=x" LONG},
        {8000, END, NULL},
    };

    world_play(plain, acts,
               "7210 d/0 {job=\"x\"} first notification: A+\n"
               "7510 d/0 {job=\"x\"} new alerts added: A+ B+\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_alert_is_told_after_group_wait_and_its_end_at_the_next_flush),
        cmocka_unit_test(an_old_alert_opens_its_group_with_a_flush_at_once_but_hastens_no_other),
        cmocka_unit_test(what_stays_is_repeated_at_the_first_flush_after_repeat_interval),
        cmocka_unit_test(alerts_that_join_and_end_are_told_with_the_whole_group),
        cmocka_unit_test(an_alert_that_ended_before_its_first_flush_is_not_told),
        cmocka_unit_test(an_alert_of_which_nothing_is_heard_ends_with_its_time),
        cmocka_unit_test(an_end_that_is_reported_again_and_again_is_told_once),
        cmocka_unit_test(an_integration_that_wants_no_ends_sees_none),
        cmocka_unit_test(an_alert_goes_to_every_route_it_continues_to_each_with_its_own_timers),
        cmocka_unit_test(a_notification_names_the_labels_that_its_route_groups_by),
        cmocka_unit_test(alerts_of_a_message_are_in_order_and_firing_ones_show_no_end),
        cmocka_unit_test(without_an_alertmanager_part_alerts_are_held_until_they_end),
        cmocka_unit_test(a_reload_starts_the_timers_anew_and_repeats_nothing),
        cmocka_unit_test(an_end_that_was_told_stays_told_over_a_reload),
        cmocka_unit_test(when_the_clock_goes_back_no_wait_becomes_longer),
        cmocka_unit_test(when_the_clock_goes_back_repetitions_come_no_later),
        cmocka_unit_test(when_the_clock_goes_back_an_end_stays_an_end_and_a_new_one_is_heard),
        cmocka_unit_test(when_the_clock_goes_back_a_day_sweeps_go_on),
        cmocka_unit_test(when_the_clock_leaps_ahead_what_is_due_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
