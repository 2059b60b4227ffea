/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "tests/unit/api/site.h"

#define S       "/api/v1/series"
#define L       "/api/v1/labels"
#define V(name) "/api/v1/label/" name "/values"

static int set_up(void **state)
{
    struct site *s = site_open("", NULL);

    site_put(s, "up{job=\"b\",instance=\"1\"}", T0, 1);
    site_put(s, "up{job=\"a\",instance=\"1\"}", T0, 1);
    site_put(s, "up{job=\"a\",instance=\"<2>\"}", T0 + 3600000, 1);
    site_put(s, "{\"内存\",\"host.name\"=\"h\",\"a_b\"=\"x\"}", T0, 1);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    site_close(*state);
    return 0;
}

#define A1   "{\"__name__\":\"up\",\"instance\":\"1\",\"job\":\"a\"}"
#define A2   "{\"__name__\":\"up\",\"instance\":\"<2>\",\"job\":\"a\"}"
#define B1   "{\"__name__\":\"up\",\"instance\":\"1\",\"job\":\"b\"}"
#define UTF8 "{\"__name__\":\"内存\",\"a_b\":\"x\",\"host.name\":\"h\"}"
#define CUT  "\"warnings\":[\"results truncated due to limit\"]}"

static const struct exchange answers[] = {
    {S, "match[]=up", OK("[" A1 "," B1 "," A2 "]")},
    {S, "match[]=up{job=\"a\"};match[]={instance=\"1\"};match[]=up{job=\"a\"}",
     OK("[" A1 "," B1 "," A2 "]")}, /* each once, in order */
    {S, "match[]={\"内存\"}", OK("[" UTF8 "]")},
    {S, "match[]=nothing", OK("[]")},
    {S, "match[]=up;limit=3", OK("[" A1 "," B1 "," A2 "]")},
    {S, "match[]=up;limit=2", 200, "{\"status\":\"success\",\"data\":[" A1 "," B1 "]," CUT},
    {S, "match[]=up;limit=0", OK("[" A1 "," B1 "," A2 "]")},
    {S, "match[]=up;start=1600000000;end=1600000001", OK("[]")},
    {S, "match[]=up;start=-292273086-05-16T16:47:06Z;end=292277025-08-18T07:12:54.999999999Z",
     OK("[" A1 "," B1 "," A2 "]")},

    {L, "", OK("[\"__name__\",\"a_b\",\"host.name\",\"instance\",\"job\"]")},
    {L, "match[]={job=\"a\"}", OK("[\"__name__\",\"instance\",\"job\"]")},
    {L, "match[]={job=\"a\"};match[]={a_b=\"x\"}",
     OK("[\"__name__\",\"a_b\",\"host.name\",\"instance\",\"job\"]")},
    {L, "limit=2", 200, "{\"status\":\"success\",\"data\":[\"__name__\",\"a_b\"]," CUT},
    {L, "match[]=nothing", OK("[]")},

    {S, "", BAD("no match[] parameter provided")},
    {S, "match[]=",
     BAD("invalid parameter \\\"match[]\\\": unknown position: parse error: unexpected end of "
         "input")},
    {S, "match[]=up{",
     BAD("invalid parameter \\\"match[]\\\": 1:4: parse error: unexpected end of "
         "input inside braces")},
    {S, "match[]=up;match[]={}",
     BAD("invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
    {S, "match[]={a=~\".*\",b!=\"c\"}",
     BAD("invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
    {S, "match[]=up;start=x",
     BAD("invalid parameter \\\"start\\\": invalid time value for 'start': "
         "cannot parse \\\"x\\\" to a valid timestamp")},
    {S, "match[]=up;end=x",
     BAD("invalid parameter \\\"end\\\": invalid time value for 'end': "
         "cannot parse \\\"x\\\" to a valid timestamp")},
    {S, "match[]=up;limit=-1", BAD("invalid parameter \\\"limit\\\": limit must be non-negative")},
    {L, "limit=x", BAD("invalid parameter \\\"limit\\\": limit must be a number")},
    {L, "match[]={}",
     BAD("invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
};

/* GET only; names are encoded as they stand in a path. */
static const struct exchange values[] = {
    {V("job"), "", OK("[\"a\",\"b\"]")},
    {V("instance"), "", OK("[\"1\",\"\\u003c2\\u003e\"]")},
    {V("__name__"), "", OK("[\"up\",\"内存\"]")},
    {V("job"), "match[]={instance=\"1\"};match[]={job=\"a\"}", OK("[\"a\",\"b\"]")},
    {V("job"), "match[]={instance=\"<2>\"}", OK("[\"a\"]")},
    {V("job"), "limit=1", 200, "{\"status\":\"success\",\"data\":[\"a\"]," CUT},
    {V("nothing"), "", OK("[]")},
    {V("job"), "start=1600000000;end=1600000001", OK("[]")},
    /* names that are none in the old notation: as they are, or escaped */
    {V("host.name"), "", OK("[\"h\"]")},
    {V("U__host_2e_name"), "", OK("[\"h\"]")},
    {V("U__host_2E_name"), "", OK("[\"h\"]")},
    {V("U__h_6F__73_t_002e_n_000061_me"), "", OK("[\"h\"]")},
    {V("U__a__b"), "", OK("[\"x\"]")},
    {V("a_b"), "", OK("[\"x\"]")},
    /* no escape after all: a name of that text, which is not there */
    {V("U__a_"), "", OK("[]")},
    {V("U__a_b"), "", OK("[]")},
    {V("U__a_zz_"), "", OK("[]")},
    {V("U___0000002e_"), "", OK("[]")},
    {V("U___d800_"), "", OK("[]")},
    {V("U___110000_"), "", OK("[]")},
    {V("a%FFb"), "", BAD("invalid label name: \\\"a\\\\xffb\\\"")},
    {V("U__"), "", BAD("invalid label name: \\\"\\\"")},
    {V("job"), "match[]={}",
     BAD("invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
};

static void series_and_labels_are_told_sorted_and_once(void **state)
{
    assert_exchanges(*state, answers, ARRAY_LEN(answers), true);
}

static void values_of_a_label_are_told_by_its_name_in_the_path(void **state)
{
    assert_exchanges(*state, values, ARRAY_LEN(values), false);
}

static void there_is_a_limit_to_selectors(void **state)
{
    CLEANUP(buf_free) struct buf form = {0};
    struct exchange e = {S, "", BAD("more than 1000 match[] parameters")};
    struct reply r;

    for (int i = 0; i <= 1000; i++)
        buf_addf(&form, "%smatch[]=m%d", i ? ";" : "", i);
    r = site_post(*state, S, form.p);
    assert_answer(&r, &e, "POST");
    reply_free(&r);
}

/* ---- a reader that fails -------------------------------------------------------------------- */

static int fail_select(void *self, const struct matcher *const *matchers, size_t n, unix_ms from,
                       unix_ms to, struct selection **ret, struct err *err)
{
    return err_set(err, -EIO, "no disk");
}

static int fail_names(void *self, const struct matcher *const *matchers, size_t n, unix_ms from,
                      unix_ms to, void (*cb)(struct str name, void *arg), void *arg,
                      struct err *err)
{
    return err_set(err, -EIO, "no disk");
}

static int fail_values(void *self, struct str name, const struct matcher *const *matchers, size_t n,
                       unix_ms from, unix_ms to, void (*cb)(struct str value, void *arg), void *arg,
                       struct err *err)
{
    return err_set(err, -EIO, "no disk");
}

static void what_storage_cannot_read_is_an_internal_error(void **state)
{
    static const char no_disk[] =
        "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"no disk\"}";
    static const struct exchange asked[] = {
        {S, "match[]=up", 500, no_disk},
        {L, "", 500, no_disk},
        {L, "match[]=up;match[]=down", 500, no_disk},
        {V("job"), "", 500, no_disk},
        {"/api/v1/query", "query=up", 500, no_disk},
        {"/api/v1/query_range", "query=up;start=0;end=1;step=1", 500, no_disk},
    };
    struct site *s = *state;
    struct err err = {0};

    api_stop(s->api);
    s->options.reader = (struct series_reader){
        .select = fail_select, .label_names = fail_names, .label_values = fail_values};
    site_must(api_start(&s->options, &s->api, &err), &err);
    assert_exchanges(s, asked, ARRAY_LEN(asked), false);
    site_restart_api(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_and_labels_are_told_sorted_and_once),
        cmocka_unit_test(values_of_a_label_are_told_by_its_name_in_the_path),
        cmocka_unit_test(there_is_a_limit_to_selectors),
        cmocka_unit_test(what_storage_cannot_read_is_an_internal_error),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
