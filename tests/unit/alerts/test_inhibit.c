/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/alerts/world.h"

#include <time.h>

#define LONG " @end=999999"

#define CONFIG(rules)                                                                              \
    "route: {receiver: d, group_by: [job], group_wait: 30s, group_interval: 5m}\n"                 \
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n"                     \
    "inhibit_rules:\n" rules

#define CRIT_MUTES_WARN                                                                            \
    "- {source_matchers: ['sev=crit'], target_matchers: ['sev=warn'], equal: [zone, rack]}\n"

/* ---- who mutes whom ------------------------------------------------------------------------ */

static void add_state(const struct alert_view *v, void *arg)
{
    struct world *w = arg;
    struct str name = alert_name(v->alert);

    buf_addf(&w->lines, STR_FMT "%c ", STR_ARG(name), v->status == ALERT_SUPPRESSED ? '!' : '+');
    assert_int_equal(v->inhibited_by != 0, v->status == ALERT_SUPPRESSED);
}

static int by_name(const void *x, const void *y)
{
    return strcmp(x, y);
}

/* "A+ B!": names in order, ! is muted. */
static char *states(struct world *w)
{
    char words[16][32];
    size_t n = 0;
    struct str rest;

    buf_reset(&w->lines);
    alerts_each(w->alerts, w->now, add_state, w);
    rest = str_trim(buf_str(&w->lines));
    while (rest.len > 0 && n < ARRAY_LEN(words)) {
        struct str word = str_cut(&rest, ' ');

        snprintf(words[n++], sizeof *words, STR_FMT, STR_ARG(word));
    }
    qsort(words, n, sizeof *words, by_name);
    buf_reset(&w->lines);
    for (size_t i = 0; i < n; i++)
        buf_addf(&w->lines, "%s%s", i > 0 ? " " : "", words[i]);
    return w->lines.p;
}

static const struct {
    const char *why, *rules, *alerts, *states;
} cases[] = {
    {"equal values", CRIT_MUTES_WARN,
     "alertname=S sev=crit zone=a" LONG "; alertname=T sev=warn zone=a" LONG
     "; alertname=U sev=warn zone=b" LONG "; alertname=V sev=warn zone=a rack=1" LONG,
     "S+ T! U+ V+"},
    {"absent on both sides is equal", CRIT_MUTES_WARN,
     "alertname=S sev=crit" LONG "; alertname=T sev=warn" LONG "; alertname=U sev=warn zone=a" LONG,
     "S+ T! U+"},
    {"no equal labels: all", "- {source_matchers: ['sev=crit'], target_matchers: ['sev=warn']}\n",
     "alertname=S sev=crit zone=a" LONG "; alertname=T sev=warn zone=b" LONG, "S+ T!"},
    {"who matches both sides mutes himself and his like never",
     "- {source_matchers: ['sev=crit'], target_matchers: ['sev=~\"crit|warn\"']}\n",
     "alertname=A sev=crit" LONG "; alertname=B sev=crit" LONG "; alertname=T sev=warn" LONG,
     "A+ B+ T!"},
    {"but a one-sided source mutes the two-sided ones",
     "- {source_matchers: ['s=\"1\"'], target_matchers: ['t=\"1\"']}\n",
     "alertname=X s=1 t=1" LONG "; alertname=Y s=1" LONG "; alertname=Z s=1 t=1" LONG, "X! Y+ Z!"},
    {"a rule without matchers mutes nothing", "- {equal: [zone]}\n",
     "alertname=A zone=a" LONG "; alertname=B zone=a" LONG, "A+ B+"},
    {"a muted source still mutes",
     "- {source_matchers: ['n=\"1\"'], target_matchers: ['n=\"2\"']}\n"
     "- {source_matchers: ['n=\"2\"'], target_matchers: ['n=\"3\"']}\n",
     "alertname=A n=1" LONG "; alertname=B n=2" LONG "; alertname=C n=3" LONG, "A+ B! C!"},
    {"a source that has ended mutes nobody", CRIT_MUTES_WARN,
     "alertname=S sev=crit @start=-5 @end=0; alertname=T sev=warn" LONG, "T+"},
    {"one of two sources is enough", CRIT_MUTES_WARN,
     "alertname=R sev=crit @start=-5 @end=0; alertname=S sev=crit" LONG
     "; alertname=T sev=warn" LONG,
     "S+ T!"},
    {"negative matchers", "- {source_matchers: ['sev=crit'], target_matchers: ['sev!=crit']}\n",
     "alertname=S sev=crit" LONG "; alertname=T" LONG, "S+ T!"},
};

static void a_firing_source_mutes_the_targets_with_equal_values(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char config[1024];
        struct world w;

        snprintf(config, sizeof config, CONFIG("%s"), cases[i].rules);
        world_init(&w, config);
        world_post(&w, cases[i].alerts);
        if (strcmp(states(&w), cases[i].states) != 0)
            fail_msg("%s: %s, expected %s", cases[i].why, w.lines.p, cases[i].states);
        world_start(&w); /* what is read back is muted as before */
        assert_string_equal(states(&w), cases[i].states);
        world_deinit(&w);
    }
}

/* Sources come, end by report, end by time and come back; after each step the target has its state.
 */
static void muting_follows_the_sources(void **state)
{
    static const struct {
        double at;
        const char *post, *states;
    } steps[] = {
        {0, "alertname=T sev=warn" LONG, "T+"},
        {1, "alertname=S1 sev=crit" LONG, "S1+ T!"},
        {2, "alertname=S2 sev=crit @end=20", "S1+ S2+ T!"},
        {3, "alertname=S1 sev=crit @start=1 @end=3", "S2+ T!"},
        {4, "alertname=T2 sev=warn" LONG, "S2+ T! T2!"},
        {20, "alertname=U sev=warn zone=z" LONG, "T+ T2+ U+"},
        {21, "alertname=S2 sev=crit @start=2 @end=50", "S2+ T! T2! U+"},
        {2000, "alertname=U sev=warn zone=z @end=2000", "T+ T2+"},
        {6000, "alertname=S1 sev=crit" LONG,
         "S1+ T! T2!"}, /* the first one was forgotten in between */
        {6001, "alertname=S1 sev=crit @start=6000 @end=6001", "T+ T2+"},
    };
    struct world w;

    world_init(&w, CONFIG(CRIT_MUTES_WARN));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        world_run(&w, world_time(steps[i].at));
        assert_int_equal(world_post(&w, steps[i].post), 0);
        if (strcmp(states(&w), steps[i].states) != 0)
            fail_msg("at %g: %s, expected %s", steps[i].at, w.lines.p, steps[i].states);
    }
    world_deinit(&w);
}

/* ---- in the pipeline ----------------------------------------------------------------------- */

static void a_muted_alert_is_told_when_its_source_has_ended(void **state)
{
    static const struct act acts[] = {
        {0, POST,
         "alertname=S sev=crit" LONG "; alertname=T sev=warn" LONG "; alertname=U sev=info" LONG},
        {100, POST, "alertname=S sev=crit @start=0 @end=100"},
        {1000, END, NULL},
    };

    world_play(CONFIG(CRIT_MUTES_WARN), acts,
               "30 d/0 {} first notification: S+ U+\n"
               "330 d/0 {} new alerts added: S- T+ U+\n");
}

static void an_alert_that_ends_while_it_is_muted_is_not_told_unless_its_end_is_reported_again(
    void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=T sev=warn job=t" LONG},
        {40, POST, "alertname=S sev=crit job=s" LONG},
        {50, POST, "alertname=T sev=warn job=t @start=0 @end=50"},
        {340, SAVED, "1"},
        {350, POST,
         "alertname=T sev=warn job=t @start=0 @end=50"}, /* its group is made again, still muted */
        {390, SAVED, "1"},
        {400, POST, "alertname=S sev=crit job=s @start=40 @end=400"},
        {450, POST, "alertname=T sev=warn job=t @start=0 @end=50"},
        {500, POST, "alertname=T sev=warn job=t @start=0 @end=50"}, /* told: once is enough */
        {2000, SAVED, "0"},
        {2000, END, NULL},
    };

    world_play(CONFIG(CRIT_MUTES_WARN), acts,
               "30 d/0 {job=\"t\"} first notification: T+\n"
               "70 d/0 {job=\"s\"} first notification: S+\n"
               "450 d/0 {job=\"t\"} all alerts resolved: T-\n"
               "670 d/0 {job=\"s\"} all alerts resolved: S-\n");
}

static void an_end_that_is_muted_is_on_disk_each_time_it_is_reported(void **state)
{
    struct world w;

    world_init(&w, CONFIG(CRIT_MUTES_WARN));
    world_post(&w, "alertname=S sev=crit" LONG "; alertname=T sev=warn job=t" LONG);
    world_post(&w, "alertname=T sev=warn job=t @start=-50 @end=0");
    world_run(&w, world_time(40));
    assert_int_equal(world_count(&w, "alert"), 1);
    world_post(&w, "alertname=T sev=warn job=t @start=-50 @end=0");
    assert_int_equal(world_count(&w, "alert"), 2);
    world_deinit(&w);
}

static void new_rules_hold_from_the_reload_on(void **state)
{
    static const struct act acts[] = {
        {0, POST, "alertname=S sev=crit" LONG "; alertname=T sev=warn" LONG},
        {10, RELOAD, CONFIG("- {source_matchers: ['sev=warn'], target_matchers: ['sev=crit']}\n")},
        {100, END, NULL},
    };

    world_play(CONFIG(CRIT_MUTES_WARN), acts, "40 d/0 {} first notification: T+\n");
}

#define MANY 60000 /* alerts, half of them sources in one bucket */
#define CPU_MAX_S                                                                                  \
    4.0 /* under sanitizers; a look at every source for every target takes several times that */

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void a_bucket_full_of_sources_that_ended_costs_no_more(void **state)
{
    const struct alert **all = mem_array(MANY, sizeof *all);
    double before;
    struct world w;

    world_init(&w, CONFIG("- {source_matchers: ['sev=crit'], target_matchers: ['sev=warn']}\n"));
    for (size_t i = 0; i < MANY; i++) {
        char text[64];

        snprintf(text, sizeof text, "n=%zu sev=%s", i, i % 2 ? "warn @end=900" : "crit @end=60");
        all[i] = world_alert(&w, text);
    }
    assert_int_equal(alerts_post(w.alerts, all, MANY, w.now, NULL), 0);
    world_run(&w, world_time(300));
    before = cpu_seconds();
    world_run(&w, world_time(330));
    assert_true(cpu_seconds() - before < CPU_MAX_S);
    for (size_t i = 0; i < MANY; i++)
        alert_unref(all[i]);
    free(all);
    assert_int_equal(world_count(&w, "alert"), MANY / 2);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_firing_source_mutes_the_targets_with_equal_values),
        cmocka_unit_test(muting_follows_the_sources),
        cmocka_unit_test(a_muted_alert_is_told_when_its_source_has_ended),
        cmocka_unit_test(
            an_alert_that_ends_while_it_is_muted_is_not_told_unless_its_end_is_reported_again),
        cmocka_unit_test(an_end_that_is_muted_is_on_disk_each_time_it_is_reported),
        cmocka_unit_test(new_rules_hold_from_the_reload_on),
        cmocka_unit_test(a_bucket_full_of_sources_that_ended_costs_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
