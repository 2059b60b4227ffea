/* SPDX-License-Identifier: Apache-2.0 */
/* Very many alerts at once: what is counted is the work, so that the test is the same on every
 * machine. */
#include "tests/unit/alerts/world.h"

#include <time.h>

#define SLOW_S 60 /* seconds; a quadratic step anywhere takes many times that under sanitizers */

static const char config[] =
    "route: {receiver: d, group_by: [g], group_wait: 30s, group_interval: 5m, routes: [\n"
    "  {matchers: ['x=~\"never|seen\"'], receiver: d}]}\n"
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}]\n"
    "inhibit_rules: [{source_matchers: ['sev=crit'], target_matchers: ['sev=warn'], equal: [g]}]\n";

static void count_alerts(struct world *w, const struct notification *n)
{
    *(size_t *)w->seen_arg += n->n_alerts;
}

static const struct alert **make(struct world *w, size_t n, size_t n_groups, const char *end)
{
    const struct alert **all = mem_array(n, sizeof *all);

    for (size_t i = 0; i < n; i++) {
        char text[128];

        snprintf(text, sizeof text, "alertname=A g=%zu instance=%zu sev=warn @start=0 @end=%s",
                 i % n_groups, i, end);
        all[i] = world_alert(w, text);
    }
    return all;
}

static void drop(const struct alert **all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        alert_unref(all[i]);
    free(all);
}

static void post_all(struct world *w, size_t n, size_t n_groups, const char *end)
{
    const struct alert **all = make(w, n, n_groups, end);
    struct err err = {0};

    assert_int_equal(alerts_post(w->alerts, all, n, w->now, &err), 0);
    drop(all, n);
    world_tick(w);
}

static void rush(size_t n, size_t n_groups)
{
    struct timespec begin, end;
    struct world w;
    size_t told = 0;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    world_init(&w, config);
    w.seen = count_alerts;
    w.seen_arg = &told;

    post_all(&w, n, n_groups, "3600");
    assert_int_equal(w.writes, 1);
    assert_int_equal(w.ops, n);
    world_run(&w, world_time(29));
    assert_int_equal(w.puts, 0);
    world_run(&w, world_time(30)); /* bounded puts, one write for the log */
    assert_int_equal(w.notes, n_groups);
    assert_int_equal(told, n);
    assert_true(w.largest_put <= 512);
    assert_true(w.puts <= n_groups / 100 + n / 20000 + 1);
    assert_int_equal(w.writes, 2);
    assert_int_equal(w.ops, n + n_groups);

    post_all(&w, n, n_groups, "7200"); /* a refresh */
    world_run(&w, world_time(331));
    assert_int_equal(w.writes, 2);
    assert_int_equal(told, n);

    world_start(&w); /* read back: nothing new */
    world_run(&w, world_time(340));
    assert_int_equal(told, n);

    w.now = world_time(400);
    post_all(&w, n, n_groups, "400");
    world_run(&w, world_time(1000));
    assert_int_equal(told, 2 * n);
    assert_int_equal(w.writes, 4); /* the ends; then log and deletions together */
    assert_int_equal(world_count(&w, "alert"), 0);
    assert_int_equal(world_count(&w, "nflog"), n_groups);
    world_run(&w, world_time(5 * 3600 + 4 * 3600 + 1000));
    assert_int_equal(world_count(&w, "nflog"), 0);
    world_deinit(&w);

    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - begin.tv_sec < SLOW_S);
}

static void fifty_thousand_alerts_in_a_thousand_groups_are_one_write_and_few_puts(void **state)
{
    rush(50000, 1000);
}

static void ten_thousand_groups_are_flushed_in_one_tick(void **state)
{
    rush(10000, 10000);
}

static void a_single_group_of_twenty_thousand_is_one_message(void **state)
{
    rush(20000, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_thousand_alerts_in_a_thousand_groups_are_one_write_and_few_puts),
        cmocka_unit_test(ten_thousand_groups_are_flushed_in_one_tick),
        cmocka_unit_test(a_single_group_of_twenty_thousand_is_one_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
