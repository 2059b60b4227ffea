/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "model/label_set.h"
#include "model/matcher.h"

static const struct {
    enum matcher_type type;
    const char *value, *label;
    bool want;
} cases[] = {
    {MATCH_EQ, "a", "a", true},     {MATCH_EQ, "a", "b", false},    {MATCH_EQ, "", "", true},
    {MATCH_NE, "a", "a", false},    {MATCH_NE, "a", "", true},      {MATCH_RE, "a|b", "b", true},
    {MATCH_RE, "a|b", "ab", false}, {MATCH_RE, "a.*", "abc", true}, {MATCH_RE, ".*", "", true},
    {MATCH_RE, "a.*", "xa", false}, {MATCH_NRE, "a.*", "xa", true}, {MATCH_NRE, "a.*", "a", false},
    {MATCH_NRE, ".+", "", true},    {MATCH_RE, "[", NULL, false},   {MATCH_EQ, "[", "[", true},
};

static void a_matcher_is_an_anchored_condition(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(matcher_freep) struct matcher *m = NULL;
        struct err err = {0};
        int r = matcher_new(cases[i].type, STR("n"), str_c(cases[i].value), &m, &err);

        if (!cases[i].label) {
            assert_int_equal(r, -EINVAL);
            assert_null(m);
            assert_true(strlen(err.msg) > 0);
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(matcher_matches(m, str_c(cases[i].label)), cases[i].want);
        assert_true(str_eq_c(m->name, "n"));
        assert_true(str_eq_c(m->value, cases[i].value));
    }
}

static void an_absent_label_is_an_empty_one(void **state)
{
    const struct label labels[] = {{STR("job"), STR("redis")}};
    CLEANUP(label_set_unrefp) const struct label_set *ls = label_set_new(labels, 1);
    CLEANUP(matcher_freep) struct matcher *job = NULL, *none = NULL, *never = NULL;
    const struct matcher *all[3];

    assert_int_equal(matcher_new(MATCH_RE, STR("job"), STR("re.*"), &job, NULL), 0);
    assert_int_equal(matcher_new(MATCH_EQ, STR("none"), STR(""), &none, NULL), 0);
    assert_int_equal(matcher_new(MATCH_RE, STR("none"), STR(".+"), &never, NULL), 0);
    assert_true(matcher_matches_set(job, ls));
    assert_true(matcher_matches_set(none, ls));
    assert_false(matcher_matches_set(never, ls));
    all[0] = job;
    all[1] = none;
    all[2] = never;
    assert_true(matchers_match(all, 0, ls));
    assert_true(matchers_match(all, 2, ls));
    assert_false(matchers_match(all, 3, ls));
}

static void operators_have_their_signs(void **state)
{
    assert_string_equal(matcher_op(MATCH_EQ), "=");
    assert_string_equal(matcher_op(MATCH_NE), "!=");
    assert_string_equal(matcher_op(MATCH_RE), "=~");
    assert_string_equal(matcher_op(MATCH_NRE), "!~");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matcher_is_an_anchored_condition),
        cmocka_unit_test(an_absent_label_is_an_empty_one),
        cmocka_unit_test(operators_have_their_signs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
