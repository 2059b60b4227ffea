/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "model/label_set.h"
#include "notify/notify.h"
#include "tests/support/memory_keeper.h"

#define SECOND NS_PER_S
#define T0     (INT64_C(1770192688) * SECOND)

/* Two receivers, put together by hand: the room is tested without the parser of the configuration.
 */
#define HOOK(to)                                                                                   \
    {                                                                                              \
        .url = to, .send_resolved = true, .cluster = "default", .method = "POST",                  \
        .content_type = "application/json"                                                         \
    }

static struct config_webhook hooks_a[2] = {HOOK("http://a/0"), HOOK("http://a/1")};
static struct config_webhook hooks_b[1] = {HOOK("http://b/0")};
static struct config_channel channels_a[2] = {{.id = 0, .settings = &hooks_a[0]},
                                              {.id = 1, .settings = &hooks_a[1]}};
static struct config_channel channels_b[1] = {{.id = 0, .settings = &hooks_b[0]}};
static struct config_receiver receivers[2] = {
    {.name = "a", .channels = channels_a, .n_channels = 2},
    {.name = "b", .channels = channels_b, .n_channels = 1}};
static struct config config = {.refs = 1000, .receivers = receivers, .n_receivers = 2};

/* The far end: answers at once with `status`, or (hang) keeps the question. */
struct far_end {
    int status;
    bool hang;
    struct {
        char url[32];
        char *body;
        outgoing_done *done;
        void *arg;
    } got[64];
    size_t n;
};

static void far_end_send(void *self, const struct outgoing *o, outgoing_done *done, void *arg)
{
    struct far_end *f = self;
    struct err err = {0};

    assert_true(f->n < 64);
    snprintf(f->got[f->n].url, sizeof f->got[f->n].url, "%s", o->url);
    f->got[f->n].body = str_dup(o->body);
    f->got[f->n].done = done;
    f->got[f->n].arg = arg;
    f->n++;
    if (f->hang)
        return;
    err_set(&err, -ECONNREFUSED, "connect to far end: refused");
    done(f->status, STR("busy"), f->status ? NULL : &err, arg);
}

struct fixture {
    struct memory_keeper disk;
    struct far_end far;
    struct notify *n;
};

static void start(struct fixture *f, unix_ns now)
{
    struct notify_options o = {.external_url = "http://tocsin",
                               .keeper = memory_keeper_port(&f->disk),
                               .transport = {&f->far, far_end_send},
                               .seed = 1};

    assert_int_equal(notify_new(&o, &config, now, &f->n, NULL), 0);
}

/* kill -9 and a new start: nothing but the disk is carried over. */
static void restart(struct fixture *f, unix_ns now)
{
    notify_free(f->n);
    start(f, now);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);

    f->far.status = 200;
    start(f, T0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    notify_free(f->n);
    if (f->far.hang)
        for (size_t i = 0; i < f->far.n; i++)
            if (f->far.got[i].done)
                f->far.got[i].done(0, STR_NONE, NULL, f->far.got[i].arg);
    for (size_t i = 0; i < f->far.n; i++)
        free(f->far.got[i].body);
    memory_keeper_deinit(&f->disk);
    free(f);
    return 0;
}

static int put(struct fixture *f, const char *receiver, int integration, const char *group,
               unix_ns now)
{
    struct label l[] = {{STR("alertname"), str_c(group)}};
    struct label_set *labels = label_set_new(l, 1), *none = label_set_empty();
    struct alert *a = alert_new(labels, none, now, UNIX_NS_ZERO, now, NULL);
    const struct alert *list[] = {a};
    struct str by[] = {STR("alertname")};
    struct notification n = {.receiver = receiver,
                             .integration = integration,
                             .group_key = group,
                             .group_labels = labels,
                             .group_by = by,
                             .n_group_by = 1,
                             .alerts = list,
                             .n_alerts = 1,
                             .now = now,
                             .reason = "first notification"};
    int r = notify_put(f->n, &n, 1, NULL);

    alert_unref(a);
    label_set_unref(labels);
    label_set_unref(none);
    return r;
}

static void a_message_goes_out_and_leaves_the_outbox(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put(f, "a", 1, "g", T0), 0);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 1);
    assert_int_equal(notify_tick(f->n, T0), INT64_MAX);
    assert_int_equal(f->far.n, 1);
    assert_string_equal(f->far.got[0].url, "http://a/1");
    assert_non_null(strstr(f->far.got[0].body, "\"groupKey\":\"g\""));
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
}

static void a_message_that_is_not_on_disk_is_not_accepted(void **state)
{
    struct fixture *f = *state;

    f->disk.fail_writes = 1;
    assert_int_equal(put(f, "a", 0, "g", T0), -ENOSPC);
    notify_tick(f->n, T0);
    assert_int_equal(f->far.n, 0);
}

static void no_answer_and_5xx_and_429_are_tried_again_until_they_work(void **state)
{
    static const int answers[] = {0, 500, 503, 429, 408};
    struct fixture *f = *state;
    unix_ns now = T0, last = T0;

    put(f, "a", 0, "g", T0);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        f->far.status = answers[i];
        last = now;
        now = notify_tick(f->n, now);
        assert_int_equal(f->far.n, i + 1);
        assert_true(now > last && now <= last + 60 * 3 / 2 * SECOND);
        assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 1);
        assert_int_equal(notify_tick(f->n, now - 1), now); /* not before it is due */
        assert_int_equal(f->far.n, i + 1);
    }
    f->far.status = 204;
    assert_int_equal(notify_tick(f->n, now), INT64_MAX);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
}

static void waits_grow_to_a_minute_and_the_channel_is_tried_for_days(void **state)
{
    struct fixture *f = *state;
    unix_ns now = T0, longest = 0;

    f->far.status = 500;
    put(f, "a", 0, "g", T0);
    for (int i = 0; i < 40; i++) {
        unix_ns next = notify_tick(f->n, now);

        if (next - now > longest)
            longest = next - now;
        now = next;
        f->far.n = 0;
        free(f->far.got[0].body);
    }
    assert_true(longest > 45 * SECOND && longest <= 90 * SECOND);
    assert_int_equal(memory_keeper_count(&f->disk, "given_up"), 0);
    notify_tick(f->n, T0 + INT64_C(6) * 24 * 3600 * SECOND);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
    assert_int_equal(memory_keeper_count(&f->disk, "given_up"), 1);
}

static void the_outbox_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;

    f->far.status = 0;
    put(f, "a", 0, "g", T0);
    put(f, "b", 0, "h", T0);
    notify_tick(f->n, T0);
    restart(f, T0 + SECOND);
    f->far.status = 200;
    f->far.n = 0;
    for (int i = 0; i < 2; i++)
        free(f->far.got[i].body);
    assert_int_equal(notify_tick(f->n, T0 + SECOND), INT64_MAX);
    assert_int_equal(f->far.n, 2);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
}

static void a_crash_between_answer_and_record_repeats_the_message(void **state)
{
    struct fixture *f = *state;

    put(f, "a", 0, "g", T0);
    f->disk.fail_writes = -1; /* the deletion does not reach the disk */
    notify_tick(f->n, T0);
    assert_int_equal(f->far.n, 1);
    f->disk.fail_writes = 0;
    restart(f, T0 + SECOND);
    notify_tick(f->n, T0 + SECOND);
    assert_int_equal(f->far.n, 2);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
}

static void within_a_group_the_order_is_kept_while_others_go_on(void **state)
{
    struct fixture *f = *state;

    f->far.hang = true;
    put(f, "a", 0, "g", T0);
    put(f, "a", 0, "g", T0 + 1);
    put(f, "a", 0, "h", T0 + 2);
    put(f, "b", 0, "g", T0 + 3);
    notify_tick(f->n, T0 + 4);
    assert_int_equal(f->far.n, 3); /* the second of "g" waits for the first */
    for (int i = 0; i < 3; i++)
        if (strcmp(f->far.got[i].url, "http://a/0") == 0 &&
            strstr(f->far.got[i].body, "\"groupKey\":\"g\"")) {
            f->far.got[i].done(200, STR_NONE, NULL, f->far.got[i].arg);
            f->far.got[i].done = NULL;
        }
    notify_tick(f->n, T0 + 5);
    assert_int_equal(f->far.n, 4);
}

static void a_failing_channel_is_asked_with_one_request_at_a_time(void **state)
{
    struct fixture *f = *state;
    unix_ns now = T0;

    f->far.status = 500;
    for (int i = 0; i < 20; i++) {
        char group[8];

        snprintf(group, sizeof group, "g%d", i);
        put(f, "a", 0, group, T0);
    }
    for (int i = 0; i < 2; i++)
        now = notify_tick(f->n, now);
    f->far.hang = true;
    for (size_t i = 0; i < f->far.n; i++)
        free(f->far.got[i].body);
    f->far.n = 0;
    assert_int_equal(notify_tick(f->n, now + 100 * SECOND), INT64_MAX);
    assert_int_equal(f->far.n, 1);
}

static void a_refused_message_waits_longer_and_yields_to_a_newer_one_of_its_group(void **state)
{
    struct fixture *f = *state;
    unix_ns next;

    f->far.status = 400;
    put(f, "a", 0, "g", T0);
    next = notify_tick(f->n, T0);
    assert_true(next >= T0 + 30 * SECOND && next <= T0 + 90 * SECOND);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 1);
    put(f, "a", 0, "g", T0 + SECOND);
    notify_tick(f->n, next);
    assert_int_equal(memory_keeper_count(&f->disk, "given_up"), 1);
    f->far.status = 200;
    notify_tick(f->n, next + 100 * SECOND);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
    assert_int_equal(memory_keeper_count(&f->disk, "given_up"), 1);
}

static void numbers_go_on_above_what_was_given_up_before_a_restart(void **state)
{
    struct fixture *f = *state;

    put(f, "gone", 0, "g", T0);
    notify_tick(f->n, T0);
    assert_int_equal(memory_keeper_count(&f->disk, "given_up"), 1);
    restart(f, T0);
    put(f, "gone", 0, "g", T0);
    notify_tick(f->n, T0);
    assert_int_equal(memory_keeper_count(&f->disk, "given_up"), 2);
}

static void an_unreadable_record_is_left_alone_and_the_rest_goes_out(void **state)
{
    struct fixture *f = *state;
    struct keeper k = memory_keeper_port(&f->disk);
    struct keeper_op bad = {"outbox", STR("00000000000000000007"), STR("{\"version\":1,")};

    put(f, "a", 0, "g", T0);
    k.write(k.self, &bad, 1, NULL);
    restart(f, T0);
    notify_tick(f->n, T0);
    assert_int_equal(f->far.n, 1);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 1);
}

static void count_queue(const struct notify_queue_view *v, void *arg)
{
    snprintf(arg, 128, "%s/%d waiting=%zu failures=%u %s", v->receiver, v->index, v->waiting,
             v->failures, v->last_error);
}

static void what_waits_and_why_can_be_seen(void **state)
{
    struct fixture *f = *state;
    char line[128] = "";

    f->far.status = 502;
    put(f, "b", 0, "g", T0);
    notify_tick(f->n, T0);
    notify_each_queue(f->n, count_queue, line);
    assert_string_equal(line, "b/0 waiting=1 failures=1 HTTP status 502: busy");
}

static void a_new_configuration_is_tried_at_once(void **state)
{
    struct fixture *f = *state;

    f->far.status = 404;
    put(f, "a", 0, "g", T0);
    notify_tick(f->n, T0);
    f->far.status = 200;
    notify_reconfigure(f->n, &config, T0 + SECOND);
    notify_tick(f->n, T0 + SECOND);
    assert_int_equal(memory_keeper_count(&f->disk, "outbox"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_message_goes_out_and_leaves_the_outbox),
        T(a_message_that_is_not_on_disk_is_not_accepted),
        T(no_answer_and_5xx_and_429_are_tried_again_until_they_work),
        T(waits_grow_to_a_minute_and_the_channel_is_tried_for_days),
        T(the_outbox_goes_on_after_a_restart),
        T(a_crash_between_answer_and_record_repeats_the_message),
        T(within_a_group_the_order_is_kept_while_others_go_on),
        T(a_failing_channel_is_asked_with_one_request_at_a_time),
        T(a_refused_message_waits_longer_and_yields_to_a_newer_one_of_its_group),
        T(numbers_go_on_above_what_was_given_up_before_a_restart),
        T(an_unreadable_record_is_left_alone_and_the_rest_goes_out),
        T(what_waits_and_why_can_be_seen),
        T(a_new_configuration_is_tried_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
