/* SPDX-License-Identifier: Apache-2.0 */
/* Time intervals: the answers of the server of record, and what is told about mistakes. */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/config.h"
#include "tests/unit/conformance.h"

static const char around[] = "route: {receiver: a}\nreceivers: [{name: a}]\n";

static int parse(struct str intervals, struct config **ret, struct err *err)
{
    CLEANUP(buf_free)
    struct buf text = {0};

    buf_addf(&text, "%stime_intervals:\n- name: n\n  time_intervals:\n", around);
    while (intervals.len > 0) {
        struct str line = str_cut(&intervals, '\n');

        buf_addf(&text, "    " STR_FMT "\n", STR_ARG(line));
    }
    return config_parse("t.yml", buf_str(&text), ret, err);
}

static bool contains(const struct config *c, unix_ns t)
{
    for (size_t i = 0; i < c->time_intervals[0].n_intervals; i++)
        if (time_interval_contains(&c->time_intervals[0].intervals[i], t))
            return true;
    return false;
}

struct question {
    const struct config *config;
    struct str id;
    size_t answers;
};

static bool ask(struct str key, const struct json *want, void *arg)
{
    struct question *q = arg;
    unix_ns t = 0;

    assert_int_equal(time_parse_rfc3339(key, &t, NULL, NULL), 0);
    if (contains(q->config, t) != json_is_true(want))
        fail_msg(STR_FMT ": " STR_FMT " must be %s", STR_ARG(q->id), STR_ARG(key),
                 json_is_true(want) ? "inside" : "outside");
    q->answers++;
    return true;
}

static void one(const struct json *c, size_t *answers, size_t *refused)
{
    struct str words = json_text(json_get(c, "err")), id = json_text(json_get(c, "id"));
    struct err err = {0};
    struct config *config = NULL;
    int r = parse(json_text(json_get(c, "yaml")), &config, &err);
    struct question q = {config, id, 0};

    if (words.p && r == 0)
        fail_msg(STR_FMT ": accepted, must be refused: " STR_FMT, STR_ARG(id), STR_ARG(words));
    if (words.p && !str_has_prefix(words, STR("yaml:")) &&
        str_find(str_c(err.msg), words) == strlen(err.msg))
        fail_msg(STR_FMT ": \"%s\" must say \"" STR_FMT "\"", STR_ARG(id), err.msg, STR_ARG(words));
    if (!words.p && r < 0)
        fail_msg(STR_FMT ": %s", STR_ARG(id), err.msg);
    if (r == 0 && !json_get(c, "quirk"))
        json_each(json_get(c, "contains"), ask, &q);
    *answers += q.answers;
    *refused += words.p != NULL;
    config_unref(config);
}

static void answers_and_refusals_are_those_of_the_server_of_record(void **state)
{
    CLEANUP(buf_free)
    struct buf file = {0};
    struct str rest;
    size_t answers = 0, refused = 0;

    if (!conformance_read("alertmanager/time_intervals.jsonl", &file)) {
        print_message("# no conformance data\n");
        skip();
    }
    rest = buf_str(&file);
    while (rest.len > 0) {
        CLEANUP(json_doc_freep)
        struct json *c = NULL;
        struct str line = str_cut(&rest, '\n');

        if (line.len == 0)
            continue;
        assert_int_equal(json_doc_parse(line, &c, NULL), 0);
        one(c, &answers, &refused);
    }
    print_message("# %zu instants, %zu refusals\n", answers, refused);
    assert_true(answers > 300 && refused > 20);
}

static void mistakes_are_told_with_their_place(void **state)
{
    static const struct {
        const char *yaml, *words;
    } cases[] = {
        {"- weekdays: [noday]", "t.yml:6:18: time_intervals[0].time_intervals[0].weekdays: noday "
                                "is not a valid weekday"},
        {"- times: [{start_time: '09:00'}]", "t.yml:6:15: both start_time and end_time must be"},
        {"- times: [{start_time: '24:01', end_time: '24:00'}]", "couldn't parse timestamp 24:01"},
        {"- times: [{start_time: '9:000', end_time: '24:00'}]", "couldn't parse timestamp 9:000"},
        {"- years: ['2027:2026']", "end year 2026 is before start year 2027"},
        {"- days_of_month: ['1:2:3']", "2:3 is not a valid day of the month"},
        {"- years: ['99999999999']", "is not a valid year"},
        {"- location: Moon", "unknown time zone Moon"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err err = {0};

        assert_true(parse(str_c(cases[i].yaml), &c, &err) < 0);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("%s: \"%s\"", cases[i].yaml, err.msg);
    }
}

static void names_are_found_by_routes_and_are_given_once(void **state)
{
    static const struct {
        const char *yaml, *words;
    } cases[] = {
        {"time_intervals: [{name: a}, {name: a}]", "1:36: time interval \"a\" is not unique"},
        {"mute_time_intervals: [{name: a}, {name: a}]", "mute time interval \"a\" is not unique"},
        {"time_intervals: [{name: a}]\nmute_time_intervals: [{name: a}]",
         "1:25: time interval \"a\" is not unique"},
        {"time_intervals: [{}]", "missing name in time interval"},
    };
    struct config *c = NULL;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free)
        struct buf text = {0};
        struct err err = {0};

        buf_addf(&text, "%s\n%s", cases[i].yaml, around);
        assert_true(config_parse("t", buf_str(&text), &c, &err) < 0);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("%s: \"%s\"", cases[i].yaml, err.msg);
    }
    assert_int_equal(
        config_parse("t",
                     STR("route:\n  receiver: a\n  routes:\n"
                         "  - {matchers: [x=1], mute_time_intervals: [b], active_time_intervals: "
                         "[a, b]}\nreceivers: [{name: a}]\ntime_intervals: [{name: a}]\n"
                         "mute_time_intervals: [{name: b}]\n"),
                     &c, NULL),
        0);
    assert_ptr_equal(c->route->routes[0].mute.intervals[0], &c->old_time_intervals[0]);
    assert_ptr_equal(c->route->routes[0].active.intervals[0], &c->time_intervals[0]);
    assert_int_equal(c->route->routes[0].active.n_names, 2);
    assert_string_equal(c->route->routes[0].id, "{}/{x=\"1\"}/0");
    config_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_refusals_are_those_of_the_server_of_record),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(names_are_found_by_routes_and_are_given_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
