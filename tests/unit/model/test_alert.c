/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>

#include "base/json.h"
#include "model/alert.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "model/sample.h"
#include "tests/unit/conformance.h"

/* False at an empty value: our sets, like the alerts that Alertmanager keeps, have none. */
static bool add_member(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return json_text(v).len > 0;
}

static void check_fingerprint(const struct json *line)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    CLEANUP(label_set_unrefp) const struct label_set *ls = NULL;
    CLEANUP(buf_free) struct buf got = {0}, text = {0};

    if (!json_each(json_get(line, "labels"), add_member, &b))
        return;
    ls = label_builder_build(&b);
    buf_addf(&got, "%016llx", (unsigned long long)alert_fingerprint(ls));
    if (!str_eq(buf_str(&got), json_text(json_get(line, "fingerprint"))))
        fail_msg("%s instead of " STR_FMT, got.p,
                 STR_ARG(json_text(json_get(line, "fingerprint"))));
    for (size_t i = 0; i < label_set_count(ls); i++)
        if (!label_name_is_legacy(label_set_at(ls, i).name))
            return; /* Alertmanager prints such names bare, Prometheus in quotes */
    label_set_print(ls, &text);
    assert_true(str_eq(buf_str(&text), json_text(json_get(line, "string"))));
}

static void fingerprints_are_those_of_alertmanager(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    size_t n = 0;
    struct str rest;

    if (!conformance_read("alertmanager/fingerprints.jsonl", &text))
        skip();
    for (rest = buf_str(&text); rest.len > 0; n++) {
        CLEANUP(json_doc_freep) struct json *line = NULL;

        assert_int_equal(json_doc_parse(str_cut(&rest, '\n'), &line, NULL), 0);
        check_fingerprint(line);
    }
    print_message("# %zu fingerprints\n", n);
    assert_true(n >= 10);
}

static void an_alert_holds_what_it_needs(void **state)
{
    const struct label labels[] = {{STR("alertname"), STR("redis")}};
    struct label_set *set = label_set_new(labels, 1), *none = label_set_empty();
    struct alert *a = alert_new(set, none, 10, UNIX_NS_ZERO, 20, NULL), *again = alert_ref(a);

    label_set_unref(set);
    label_set_unref(none);
    alert_unref(a);
    assert_true(str_eq_c(alert_name(again), "redis"));
    assert_string_equal(again->generator_url, "");
    assert_int_equal(again->starts_at, 10);
    assert_int_equal(again->updated_at, 20);
    assert_false(again->timed_out);
    alert_unref(again);
    alert_unref(NULL);
}

static void an_alert_ends_at_its_end_and_not_before(void **state)
{
    struct label_set *none = label_set_empty();
    struct alert *open = alert_new(none, none, 0, UNIX_NS_ZERO, 0, "u"),
                 *ended = alert_new(none, none, 0, 100, 0, "u");

    assert_false(alert_is_resolved(open, INT64_MAX));
    assert_false(alert_is_resolved(ended, 99));
    assert_true(alert_is_resolved(ended, 100));
    assert_true(alert_is_resolved(ended, 101));
    assert_int_equal(alert_name(open).len, 0);
    alert_unref(open);
    alert_unref(ended);
    label_set_unref(none);
}

static int holds_freed;

static void count_free(void *hold)
{
    holds_freed++;
}

static void columns_grow_and_keep_their_samples(void **state)
{
    struct columns c = {0};

    for (size_t n = 1; n < 3000; n++) {
        columns_reserve(&c, n);
        assert_true(c.cap >= n);
        c.times[n - 1] = (unix_ms)n;
        c.values[n - 1] = (double)n;
    }
    for (size_t n = 1; n < 3000; n++)
        assert_true(c.times[n - 1] == (unix_ms)n && c.values[n - 1] == (double)n);
    c.hold = &c;
    c.hold_free = count_free;
    columns_deinit(&c);
    columns_deinit(&c);
    assert_int_equal(holds_freed, 1);
}

static void the_two_nans_differ(void **state)
{
    assert_true(is_stale(stale_nan()));
    assert_false(is_stale(double_of_bits(NORMAL_NAN_BITS)));
    assert_false(is_stale(1));
    assert_int_equal(double_bits(stale_nan()), STALE_NAN_BITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints_are_those_of_alertmanager),
        cmocka_unit_test(an_alert_holds_what_it_needs),
        cmocka_unit_test(an_alert_ends_at_its_end_and_not_before),
        cmocka_unit_test(columns_grow_and_keep_their_samples),
        cmocka_unit_test(the_two_nans_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
