/* SPDX-License-Identifier: Apache-2.0 */
/* What survives a restart, a crash at a bad moment, and a disk that is full. */
#include "tests/unit/alerts/world.h"

#include "model/selfmetrics.h"

#define LONG " @end=999999"

static const char plain[] =
    "route: {receiver: d, group_by: [job], group_wait: 30s, group_interval: 5m, repeat_interval: 1h}\n"
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";

/* ---- restart ------------------------------------------------------------------------------- */

static void a_restart_forgets_no_alert_and_repeats_nothing(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, RESTART, NULL},
        {110, POST, "alertname=B job=x" LONG "; alertname=C job=y" LONG},
        {120, RESTART,
         NULL}, /* C waits again; the group of A and B is old enough for a flush at once */
        {430, POST, "alertname=A job=x @start=0 @end=430"},
        {440, RESTART, NULL},
        {441, SAVED, "2"},
        {500, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "120 d/0 {job=\"x\"} new alerts added: A+ B+\n"
               "150 d/0 {job=\"y\"} first notification: C+\n"
               "440 d/0 {job=\"x\"} some alerts resolved: A- B+\n");
}

static void after_a_restart_one_old_alert_hastens_its_group(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {110, POST,
         "alertname=B job=x" LONG "; alertname=C job=x" LONG "; alertname=D job=x" LONG
         "; alertname=E job=x" LONG "; alertname=F job=x" LONG "; alertname=G job=x" LONG},
        {120, RESTART, NULL},
        {200, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "120 d/0 {job=\"x\"} new alerts added: A+ B+ C+ D+ E+ F+ G+\n");
}

static void after_a_restart_a_firing_alert_has_time_to_be_reported(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @end=100; alertname=B job=x @end=100"},
        {50, POST, "alertname=A job=x @start=0 @end=150; alertname=B job=x @start=0 @end=150"},
        {60, CLOCK, "240"}, /* we were down from 60 to 300 */
        {300, RESTART, NULL},
        {400, POST, "alertname=B job=x @start=0 @end=9999"},
        {1500, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+ B+\n"
               "600 d/0 {job=\"x\"} some alerts resolved: A- B+\n"); /* resolve_timeout after 300 */
}

static void an_end_that_is_near_is_put_off_at_a_restart(void **state)
{
    static const char often[] =
        "route: {receiver: d, group_by: [job], group_interval: 1m, repeat_interval: 1h}\n"
        "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @end=100"},
        {50, POST, "alertname=A job=x @start=0 @end=500"}, /* in memory only */
        {99, RESTART, NULL},
        {350, POST, "alertname=A job=x @start=0 @end=900"},
        {1000, END, NULL},
    };

    world_play(often, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "939 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void after_a_restart_with_the_clock_set_back_a_repetition_is_not_put_off(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {49, FAIL_WRITES, "-1"}, /* so that the one that sees the clock go back writes nothing */
        {50, CLOCK, "-7200"},
        {-7150, FAIL_WRITES, "0"},
        {-7150, RESTART, NULL},
        {-3000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "-3520 d/0 {job=\"x\"} repeat interval elapsed: A+\n");
}

static void an_end_that_was_reported_stays_an_end_over_a_restart(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {40, POST, "alertname=A job=x @start=0 @end=40"},
        {50, RESTART, NULL},
        {60, SAVED, "0"},
        {100, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "50 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void after_a_restart_with_the_clock_set_back_ends_and_repetitions_hold(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=x" LONG},
        {40, POST, "alertname=A job=x @start=0 @end=40"},
        {45, RESTART, NULL}, /* told at 45 */
        {46, POST, "alertname=C job=y" LONG},
        {47, POST, "alertname=C job=y @start=46 @end=47"},
        {48, POST, "alertname=B job=x @start=0 @end=48"},
        {49, FAIL_WRITES, "-1"}, /* so that nothing is seen of the clock before the restart */
        {49, FAIL_PUTS, "-1"},
        {50, CLOCK, "-7200"},
        {-7150, FAIL_WRITES, "0"},
        {-7150, FAIL_PUTS, "0"},
        {-7150, RESTART, NULL},
        {-7000, SAVED, "0"},
        {-7000, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+ B+\n"
               "45 d/0 {job=\"x\"} some alerts resolved: A- B+\n"
               "-7120 d/0 {job=\"x\"} all alerts resolved: B-\n");
}

/* ---- what is written when ------------------------------------------------------------------ */

static void a_refresh_that_only_moves_the_end_is_not_written(void **state)
{
    struct world w;
    size_t writes;

    world_init(&w, plain);
    world_post(&w, "alertname=A job=x @start=0 @end=100; alertname=B job=x @start=0 @end=100");
    assert_int_equal(w.writes, 1);
    assert_int_equal(w.ops, 2);
    world_post(&w, "alertname=A job=x @start=0 @end=200; alertname=B job=x @start=0 @end=200");
    assert_int_equal(w.writes, 1);
    world_post(
        &w, "alertname=A job=x @start=0 @end=300 @note=more; alertname=B job=x @start=0 @end=300");
    assert_int_equal(w.writes, 1); /* A has other annotations: later */
    world_run(&w, world_time(40));
    writes = w.writes;
    assert_int_equal(writes, 2); /* the log */
    world_post(&w, "alertname=A job=x @start=0 @end=40");
    assert_int_equal(w.writes, 3);
    world_post(&w, "alertname=A job=x @start=0 @end=40");
    assert_int_equal(w.writes, 3);
    w.now = world_time(45);
    world_post(&w, "alertname=A job=x @start=0 @end=45"); /* a later end */
    assert_int_equal(w.writes, 4);
    world_post(&w, "alertname=A job=x @start=0 @end=900"); /* fires again */
    assert_int_equal(w.writes, 5);
    w.now = world_time(50);
    world_post(&w, "alertname=A job=x @start=45 @end=900"); /* the starts are merged, 0 stays */
    assert_int_equal(w.writes, 5);
    world_post(&w, "alertname=A job=x @start=950 @end=990");
    assert_int_equal(w.writes, 6);
    world_deinit(&w);
}

/* Whether a record of an alert says `text`. */
static bool is_saved(const struct world *w, const char *text)
{
    const struct kept *k;

    for (size_t i = 0; (k = map_next(&w->records, &i));)
        if (strcmp(k->table, "alert") == 0 && memmem(k->value.p, k->value.len, text, strlen(text)))
            return true;
    return false;
}

static void new_texts_of_firing_alerts_are_written_together_within_minutes(void **state)
{
    struct world w;
    size_t writes, ops;

    world_init(&w, plain);
    world_post(&w, "alertname=A job=x @note=one" LONG "; alertname=B job=x @note=one" LONG
                   "; alertname=C job=x @note=one" LONG);
    world_run(&w, world_time(40));
    writes = w.writes;
    ops = w.ops;
    world_post(&w, "alertname=A job=x @start=0 @note=two" LONG
                   "; alertname=B job=x @start=0 @note=two" LONG);
    w.now = world_time(100);
    world_post(&w, "alertname=A job=x @start=0 @note=three" LONG);
    world_run(&w, world_time(339));
    assert_int_equal(w.writes, writes);
    assert_false(is_saved(&w, "three"));
    world_run(&w, world_time(341));
    assert_int_equal(w.writes, writes + 1);
    assert_int_equal(w.ops, ops + 2);
    assert_true(is_saved(&w, "one") && is_saved(&w, "two") && is_saved(&w, "three"));
    world_run(&w, world_time(2000));
    assert_int_equal(w.writes, writes + 1);
    world_post(&w, "alertname=B job=x @start=0 @end=2000 @note=four");
    assert_true(is_saved(&w, "four")); /* an end is written at once, with its texts */
    world_post(&w, "alertname=B job=x @start=0 @end=2000 @note=five");
    assert_true(is_saved(&w, "five"));
    world_deinit(&w);
}

static void new_texts_that_a_crash_swallows_take_nothing_else_along(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @note=one @end=100"},
        {60, POST, "alertname=A job=x @start=0 @note=two @end=160"},
        {70, RESTART, NULL},
        {120, POST, "alertname=A job=x @start=0 @note=three @end=400"},
        {130, RESTART, NULL},
        {380, POST, "alertname=A job=x @start=0 @note=four @end=5000"},
        {3000, END, NULL},
    };

    world_play(plain, acts, "30 d/0 {job=\"x\"} first notification: A+\n");
}

static void alerts_with_equal_fingerprints_are_kept_apart(void **state)
{
    static const struct act acts[] = {
        {0, POST, "8yn0iYCKYHlIj4-BwPqk=x" LONG "; GReLUrM4wMqfg9yzV3KQ=x" LONG},
        {0, SAVED, "2"},
        {35, RESTART, NULL},
        {40, POST, "8yn0iYCKYHlIj4-BwPqk=x @start=0 @end=40"},
        {400, SAVED, "1"},
        {410, POST, "8yn0iYCKYHlIj4-BwPqk=x @start=410" LONG},
        {410, SAVED, "2"},
        {420, RESTART, NULL},
        {700, END, NULL},
    };
    static const char config[] =
        "route: {receiver: d, group_by: ['...'], group_wait: 30s}\n"
        "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";

    world_play(config, acts,
               "30 d/0 {8yn0iYCKYHlIj4-BwPqk=\"x\"} first notification: +\n"
               "30 d/0 {GReLUrM4wMqfg9yzV3KQ=\"x\"} first notification: +\n"
               "335 d/0 {8yn0iYCKYHlIj4-BwPqk=\"x\"} all alerts resolved: -\n"
               "450 d/0 {8yn0iYCKYHlIj4-BwPqk=\"x\"} first notification: +\n");
}

static void log_entries_are_forgotten_when_they_are_old_and_their_group_is_gone(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=y" LONG},
        {100, POST, "alertname=A job=x @start=0 @end=100"},
        {7000, LOGGED, "2"},
        {8200, LOGGED, "1"}, /* 330 + 2 h, and the next sweep */
        {8200, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "30 d/0 {job=\"y\"} first notification: B+\n"
               "330 d/0 {job=\"x\"} all alerts resolved: A-\n"
               "3930 d/0 {job=\"y\"} repeat interval elapsed: B+\n"
               "7830 d/0 {job=\"y\"} repeat interval elapsed: B+\n");
}

static void the_log_entry_of_a_living_group_is_not_forgotten(void **state)
{
    static const char config[] =
        "route: {receiver: d, group_by: [job], group_wait: 30s, group_interval: 1h, repeat_interval: 1m}\n"
        "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, POST, "alertname=A job=x @start=0 @end=100"},
        {4000, END, NULL},
    };

    world_play(config, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "3630 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void an_end_that_was_told_is_not_kept_again_after_a_reload(void **state)
{
    struct world w;
    size_t writes;

    world_init(&w, plain);
    world_post(&w, "alertname=A job=x" LONG);
    world_run(&w, world_time(40));
    world_post(&w, "alertname=A job=x @start=0 @end=40");
    world_run(&w, world_time(400));
    writes = w.writes;
    world_reload(&w, plain);
    world_post(&w, "alertname=A job=x @start=0 @end=40");
    assert_int_equal(w.writes, writes);
    world_deinit(&w);
}

static void a_log_entry_about_to_be_forgotten_lives_on_when_it_is_used_again(void **state)
{
    static const char other[] =
        "route: {receiver: d, group_by: [alertname], repeat_interval: 1d}\n"
        "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n";
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {100, RELOAD, other},
        {8050, FAIL_WRITES, "-1"}, /* the sweep at 8100 cannot delete the entry */
        {8101, RELOAD, plain},
        {8150, FAIL_WRITES, "0"},
        {8200, LOGGED, "2"},
        {8200, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "100 d/0 {alertname=\"A\"} first notification: A+\n"
               "8103 d/0 {job=\"x\"} first notification: A+\n");
}

/* ---- crashes ------------------------------------------------------------------------------- */

static void a_crash_between_outbox_and_log_repeats_the_message(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {29, DIE_AFTER_PUT, NULL},
        {31, LIVE, NULL},
        {31, RESTART,
         "alertname=A job=x @start=0 @end=31"}, /* what may have been told is told first */
        {500, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "31 d/0 {job=\"x\"} first notification: A+\n"
               "331 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void an_end_that_time_brought_and_that_was_told_does_not_come_back_to_life(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @end=100"},
        {329, DIE_AFTER_PUT, NULL},
        {331, LIVE, NULL},
        {331, RESTART, NULL},
        {340, POST, "alertname=A job=x @start=340" LONG}, /* for the receiver it had ended */
        {500, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "330 d/0 {job=\"x\"} all alerts resolved: A-\n"
               "331 d/0 {job=\"x\"} all alerts resolved: A-\n"
               "370 d/0 {job=\"x\"} first notification: A+\n");
}

/* ---- a full disk --------------------------------------------------------------------------- */

static void while_the_outbox_takes_nothing_all_is_kept_and_tried_again(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=y" LONG},
        {10, FAIL_PUTS, "-1"},
        {50, POST, "alertname=A job=x @start=0 @end=50; alertname=C job=x" LONG},
        {100, FAIL_PUTS, "0"},
        {120, SAVED, "2"},
        {120, LOGGED, "2"},
        {500, END, NULL},
    };

    /* Tried at 30, 31, 33, 37, 45, 60, 75, 90, 105. A ended untold, so it is shown with C. */
    world_play(plain, acts,
               "105 d/0 {job=\"x\"} first notification: A- C+\n"
               "105 d/0 {job=\"y\"} first notification: B+\n");
}

static void while_alerts_cannot_be_kept_they_are_refused(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {10, FAIL_WRITES, "1"},
        {10, POST_FAILS, "alertname=B job=x" LONG "; alertname=A job=x @start=0 @end=10"},
        {40, POST, "alertname=B job=x" LONG},
        {400, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "330 d/0 {job=\"x\"} new alerts added: A+ B+\n");
}

static void while_the_log_cannot_be_written_nothing_is_told_twice(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=x" LONG},
        {10, FAIL_WRITES, "-1"},
        {100, POST_FAILS, "alertname=C job=x" LONG},
        {100, LOGGED, "0"},
        {200, FAIL_WRITES, "0"},
        {220, LOGGED, "1"},
        {220, RESTART, NULL},
        {600, END, NULL},
    };

    world_play(plain, acts, "30 d/0 {job=\"x\"} first notification: A+ B+\n");
}

static void a_post_carries_the_log_that_could_not_be_written(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=y" LONG},
        {29, FAIL_WRITES, "-1"},
        {31, FAIL_WRITES, "0"}, /* the log would be tried at 31 too: here the post comes first */
        {31, POST, "alertname=A job=x @start=0 @end=31"},
        {31, LOGGED, "2"},
        {31, RESTART, NULL},
        {400, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "30 d/0 {job=\"y\"} first notification: B+\n"
               "31 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void an_end_that_cannot_be_saved_is_not_told_yet(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @end=100"},
        {200, FAIL_WRITES, "-1"},
        {340, FAIL_WRITES, "0"},
        {350, SAVED, "0"},
        {400, END, NULL},
    };

    /* Tried at 330, 331, 333, 337, 345. */
    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "345 d/0 {job=\"x\"} all alerts resolved: A-\n");
}

static void an_alert_that_fires_again_while_its_end_waits_to_be_saved_is_kept_as_firing(
    void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x @end=100"},
        {329, FAIL_WRITES, "-1"},
        {330.5, FAIL_WRITES, "0"},
        {330.5, POST, "alertname=A job=x @start=0 @end=9999"},
        {340, RESTART, NULL},
        {1000, END, NULL},
    };

    world_play(plain, acts, "30 d/0 {job=\"x\"} first notification: A+\n");
}

static void an_end_that_cannot_be_deleted_for_long_is_not_lost_sight_of(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG "; alertname=B job=y" LONG},
        {40, POST, "alertname=A job=x @start=0 @end=40"},
        {329, DIE_AFTER_PUT, NULL},
        {4000, SAVED, "2"}, /* several sweeps later */
        {4000, LIVE, NULL},
        {4020, SAVED, "1"},
        {4020, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "30 d/0 {job=\"y\"} first notification: B+\n"
               "330 d/0 {job=\"x\"} all alerts resolved: A-\n"
               "3930 d/0 {job=\"y\"} repeat interval elapsed: B+\n");
}

static void after_a_success_the_next_failure_is_tried_again_soon(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=A job=x" LONG},
        {29, FAIL_WRITES, "-1"}, /* tried at 30, 31, 33, 37, 45, 60 */
        {50, FAIL_WRITES, "0"},
        {305, POST, "alertname=B job=y" LONG},
        {334, FAIL_WRITES, "-1"}, /* at 335, 336 */
        {335.5, FAIL_WRITES, "0"},
        {336.5, LOGGED, "2"},
        {336.5, END, NULL},
    };

    world_play(plain, acts,
               "30 d/0 {job=\"x\"} first notification: A+\n"
               "335 d/0 {job=\"y\"} first notification: B+\n");
}

static void an_end_is_saved_once_however_often_telling_it_is_tried(void **state)
{
    struct world w;

    world_init(&w, plain);
    world_post(&w, "alertname=A job=x @end=100");
    world_run(&w, world_time(329));
    w.fail_puts = -1;
    world_run(&w, world_time(400));
    assert_int_equal(w.writes, 3); /* alert, log, end */
    world_deinit(&w);
}

static void a_sink_that_is_down_is_not_tried_for_every_group(void **state)
{
    static const char config[] =
        "route: {receiver: d, group_by: [job], group_wait: 30s, routes: [\n"
        "  {matchers: ['quiet=\"1\"'], receiver: nobody}]}\n"
        "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}, {name: nobody}]\n";
    struct world w;

    world_init(&w, config);
    world_post(&w, "alertname=A job=a" LONG);
    w.fail_puts = -1;
    world_run(&w, world_time(30));
    assert_int_equal(w.attempts, 1);
    for (size_t i = 0; i < 100; i++) { /* every other one has nobody to tell */
        char text[128];

        snprintf(text, sizeof text, "alertname=A job=%zu %s" LONG, i, i % 2 ? "quiet=1" : "");
        w.now += NS_PER_MS;
        world_post(&w, text);
    }
    w.attempts = 0;
    w.now = world_time(61);
    world_tick(&w);
    assert_int_equal(w.attempts, 4); /* all at once, then three alone */
    w.fail_puts = 0;
    world_run(&w, world_time(80));
    assert_int_equal(w.notes, 51);
    world_deinit(&w);
}

static void good_groups_between_bad_ones_are_told_in_the_same_tick(void **state)
{
    struct world w;

    world_init(&w, plain);
    w.poison = "bad";
    for (size_t i = 0; i < 10; i++) {
        char text[128];

        snprintf(text, sizeof text, "alertname=A job=%s%zu" LONG, i % 2 ? "good" : "bad", i);
        w.now += NS_PER_MS;
        world_post(&w, text);
    }
    w.now = world_time(31);
    world_tick(&w);
    assert_int_equal(w.notes, 5);
    world_deinit(&w);
}

static void a_group_that_the_outbox_does_not_take_holds_up_no_other(void **state)
{
    struct world w;

    world_init(&w, plain);
    w.poison = "bad";
    world_post(&w, "alertname=A job=a" LONG "; alertname=B job=bad1" LONG
                   "; alertname=B job=bad2" LONG "; alertname=B job=bad3" LONG
                   "; alertname=B job=bad4" LONG "; alertname=C job=c" LONG);
    world_run(&w, world_time(60));
    assert_int_equal(w.notes, 2);
    world_post(&w, "alertname=D job=d" LONG);
    world_run(&w, world_time(120));
    assert_int_equal(w.notes, 3);
    buf_reset(&w.lines);
    w.poison = NULL;
    world_run(&w, world_time(150));
    assert_int_equal(w.notes, 7);
    world_deinit(&w);
}

/* ---- damaged records ----------------------------------------------------------------------- */

static void put_record(struct world *w, const char *table, const char *key, const char *value)
{
    struct keeper_op op = {table, str_c(key), str_c(value)};
    struct err err = {0};

    assert_int_equal(world_write(w, &op, 1, &err), 0);
}

/* Puts a copy of the one alert record under its key with -1 behind it. */
static void put_again(struct world *w)
{
    size_t i = 0;
    const struct kept *k = map_next(&w->records, &i);
    char key[32], *value = str_dup(k->value);

    snprintf(key, sizeof key, STR_FMT "-1", STR_ARG(k->key));
    put_record(w, "alert", key, value);
    free(value);
}

static double damaged_records(void)
{
    static const char name[] = "\ntocsin_alerts_records_damaged_total ";
    struct buf out = {0};
    double v;

    selfmetrics_write(&out);
    v = atof(strstr(out.p, name) + strlen(name));
    buf_free(&out);
    return v;
}

static void a_damaged_record_is_ignored_and_the_others_are_read(void **state)
{
    static const char *const bad[][2] = {
        {"0000000000000001", ""},
        {"0000000000000002", "{"},
        {"0000000000000003", "[]"},
        {"0000000000000006", "{\"version\":2}"},
        {"0000000000000004", "{\"version\":1,\"labels\":{\"a\":1},\"annotations\":{}}"},
        {"0000000000000005",
         "{\"version\":1,\"labels\":{\"a\":\"b\"},\"annotations\":{},\"startsAt\":\"2026-02-04T08:11:28Z\","
         "\"endsAt\":\"2026-02-04T08:11:28Z\",\"updatedAt\":\"2026-02-04T08:11:28Z\"}"},
    };
    struct world w;
    double before;

    world_init(&w, plain);
    before = damaged_records();
    world_post(&w, "alertname=A job=x" LONG);
    put_again(&w); /* the same labels under another key */
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put_record(&w, "alert", bad[i][0], bad[i][1]);
        put_record(&w, "nflog", bad[i][0], bad[i][1]);
    }
    put_record(
        &w, "nflog", "k",
        "{\"version\":1,\"time\":\"2026-02-04T08:11:28Z\",\"expires\":\"2026-02-04T08:11:28Z\","
        "\"firing\":[\"zz\"],\"resolved\":[]}");
    put_record(
        &w, "nflog", "",
        "{\"version\":1,\"time\":\"2026-02-04T08:11:28Z\",\"expires\":\"2026-02-04T08:11:28Z\","
        "\"firing\":[],\"resolved\":[]}");
    world_start(&w);
    assert_true(damaged_records() - before == 2 * ARRAY_LEN(bad) + 3);
    world_run(&w, world_time(30));
    assert_string_equal(w.lines.p, "30 d/0 {job=\"x\"} first notification: A+\n");
    world_deinit(&w);
}

static int failing_each(void *self, const char *table,
                        int (*cb)(struct str key, struct str value, void *arg), void *arg,
                        struct err *err)
{
    (void)self, (void)cb, (void)arg;
    return strcmp(table, "nflog") == 0 ? err_set(err, -EIO, "cannot be read") : 0;
}

static void tables_that_cannot_be_read_are_an_error(void **state)
{
    struct config *config = world_parse(plain);
    struct world w = {.now = T0};
    struct keeper keeper = {&w, world_write, failing_each};
    struct message_sink sink = {&w, world_put};
    struct alerts *a = NULL;
    struct err err = {0};

    assert_int_equal(alerts_new(config, &keeper, &sink, T0, &a, &err), -EIO);
    assert_null(a);
    assert_string_equal(err.msg, "alerts: reading table nflog: cannot be read");
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_forgets_no_alert_and_repeats_nothing),
        cmocka_unit_test(after_a_restart_one_old_alert_hastens_its_group),
        cmocka_unit_test(after_a_restart_a_firing_alert_has_time_to_be_reported),
        cmocka_unit_test(an_end_that_is_near_is_put_off_at_a_restart),
        cmocka_unit_test(after_a_restart_with_the_clock_set_back_a_repetition_is_not_put_off),
        cmocka_unit_test(an_end_that_was_reported_stays_an_end_over_a_restart),
        cmocka_unit_test(after_a_restart_with_the_clock_set_back_ends_and_repetitions_hold),
        cmocka_unit_test(a_refresh_that_only_moves_the_end_is_not_written),
        cmocka_unit_test(new_texts_of_firing_alerts_are_written_together_within_minutes),
        cmocka_unit_test(new_texts_that_a_crash_swallows_take_nothing_else_along),
        cmocka_unit_test(alerts_with_equal_fingerprints_are_kept_apart),
        cmocka_unit_test(log_entries_are_forgotten_when_they_are_old_and_their_group_is_gone),
        cmocka_unit_test(the_log_entry_of_a_living_group_is_not_forgotten),
        cmocka_unit_test(an_end_that_was_told_is_not_kept_again_after_a_reload),
        cmocka_unit_test(a_log_entry_about_to_be_forgotten_lives_on_when_it_is_used_again),
        cmocka_unit_test(a_crash_between_outbox_and_log_repeats_the_message),
        cmocka_unit_test(an_end_that_time_brought_and_that_was_told_does_not_come_back_to_life),
        cmocka_unit_test(while_the_outbox_takes_nothing_all_is_kept_and_tried_again),
        cmocka_unit_test(while_alerts_cannot_be_kept_they_are_refused),
        cmocka_unit_test(while_the_log_cannot_be_written_nothing_is_told_twice),
        cmocka_unit_test(a_post_carries_the_log_that_could_not_be_written),
        cmocka_unit_test(an_end_that_cannot_be_saved_is_not_told_yet),
        cmocka_unit_test(
            an_alert_that_fires_again_while_its_end_waits_to_be_saved_is_kept_as_firing),
        cmocka_unit_test(an_end_that_cannot_be_deleted_for_long_is_not_lost_sight_of),
        cmocka_unit_test(after_a_success_the_next_failure_is_tried_again_soon),
        cmocka_unit_test(an_end_is_saved_once_however_often_telling_it_is_tried),
        cmocka_unit_test(a_sink_that_is_down_is_not_tried_for_every_group),
        cmocka_unit_test(good_groups_between_bad_ones_are_told_in_the_same_tick),
        cmocka_unit_test(a_group_that_the_outbox_does_not_take_holds_up_no_other),
        cmocka_unit_test(a_damaged_record_is_ignored_and_the_others_are_read),
        cmocka_unit_test(tables_that_cannot_be_read_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
