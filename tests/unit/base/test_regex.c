/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/regex.h"

static struct regex *compile(const char *pattern, enum regex_flags flags)
{
    struct err err = {0};
    struct regex *re = NULL;

    if (regex_new(str_c(pattern), flags, &re, &err) < 0)
        fail_msg("%s: %s", pattern, err.msg);
    return re;
}

static const struct {
    const char *pattern, *text;
    bool anchored, search; /* whether it matches in each way */
} matches[] = {
    {"abc", "abc", true, true},
    {"abc", "xabcx", false, true},
    {"a|b", "a", true, true},
    {"a|b", "b", true, true},
    {"a|b", "ab", false, true},
    {"a|b", "c", false, false},
    {"(a|bc)", "bc", true, true},
    {"(?:a|bc)", "bc", true, true},
    {"(?:a|bc)", "bcd", false, true},
    {"a|", "", true, true},
    {"", "", true, true},
    {"", "x", false, true},
    {"10\\.0\\.0\\.1", "10.0.0.1", true, true},
    {"10\\.0\\.0\\.1", "10a0a0a1", false, false},
    {"10.0.0.1", "10a0a0a1", true, true},
    {".*", "", true, true},
    {".*", "line\nline", true, true},
    {".+", "", false, false},
    {".+", "x", true, true},
    {"redis-.*", "redis-dev", true, true},
    {"redis-.*", "redis-", true, true},
    {"redis-.+", "redis-", false, false},
    {"redis-.*", "a-redis-dev", false, true},
    {".*-dev", "redis-dev", true, true},
    {".*-dev", "redis-dev-1", false, true},
    {"a.*b", "ab", true, true},
    {"a.+b", "ab", false, false},
    {"a.*a", "a", false, false},
    {".*mid.*", "a mid b", true, true},
    {".*mid.*", "mid", true, true},
    {".+mid.*", "mid", false, false},
    {"ab*", "a", true, true},
    {"ab*", "abbb", true, true},
    {"ab+.*", "abbx", true, true},
    {"a.*?", "abc", true, true},
    {"a.*b.*c", "axbxc", true, true},
    {"a.*b.*c", "axcxb", false, false},
    {"ab?", "a", true, true},
    {"a{2}", "aa", true, true},
    {"(?i)ABC", "abc", true, true},
    {"(?i:a)b|c", "Ab", true, true},
    {"(?i:a)b|c", "c", true, true},
    {"[0-9]+", "123", true, true},
    {"[0-9]+", "a123", false, true},
    {"a.c", "a\nc", true, false}, /* only the anchored form lets a dot be a newline */
    {"^abc$", "abc", true, true},
    {"(a)(b)", "ab", true, true},
    {"a)|(b", NULL, false, false}, /* refused */
    {"(?P<n>a)", "a", true, true},
    {"(?<n>a)", "a", true, true},
    {"[(?<n>a)]+", "<(a)>", true, true},
    {"\\(?<n", "<n", true, true},
    {"\\d+", "42", true, true},
    {"\xe8\xad\xa6.", "\xe8\xad\xa6\xe9\x92\x9f", true, true},
    {"a\\-b", "a-b", true, true},
};

static void patterns_match_whole_texts_or_parts_of_them(void **state)
{
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        CLEANUP(regex_freep) struct regex *anchored = NULL, *search = NULL;

        if (!matches[i].text) {
            assert_int_equal(regex_new(str_c(matches[i].pattern), REGEX_ANCHORED, &anchored, NULL),
                             -EINVAL);
            continue;
        }
        anchored = compile(matches[i].pattern, REGEX_ANCHORED);
        search = compile(matches[i].pattern, REGEX_SEARCH);
        if (regex_match(anchored, str_c(matches[i].text)) != matches[i].anchored)
            fail_msg("anchored %s on %s", matches[i].pattern, matches[i].text);
        if (regex_match(search, str_c(matches[i].text)) != matches[i].search)
            fail_msg("search %s in %s", matches[i].pattern, matches[i].text);
        assert_true(str_eq_c(regex_pattern(anchored), matches[i].pattern));
    }
}

static void bad_patterns_are_refused_with_a_reason(void **state)
{
    static const char *const bad[] = {"(", "a**", "[", "a{2000}", "(?=x)", "\\1", "*", "\\8"};
    CLEANUP(buf_free) struct buf long_one = {0};
    struct regex *re = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};

        if (regex_new(str_c(bad[i]), REGEX_ANCHORED, &re, &err) != -EINVAL)
            fail_msg("%s", bad[i]);
        assert_true(strlen(err.msg) > 5);
        assert_null(re);
    }
    while (long_one.len <= REGEX_PATTERN_MAX)
        buf_add_c(&long_one, "a");
    assert_int_equal(regex_new(buf_str(&long_one), REGEX_SEARCH, &re, NULL), -EINVAL);
}

static void sets_of_literals_are_known(void **state)
{
    CLEANUP(regex_freep) struct regex *set = compile("(b|a\\.c|b|a)", REGEX_ANCHORED);
    CLEANUP(regex_freep) struct regex *engine = compile("a|b.", REGEX_ANCHORED);
    CLEANUP(regex_freep) struct regex *search = compile("a|b", REGEX_SEARCH);
    CLEANUP(regex_freep) struct regex *empty = compile("", REGEX_ANCHORED);

    assert_int_equal(regex_literal_count(set), 3);
    assert_true(str_eq_c(regex_literal(set, 0), "a"));
    assert_true(str_eq_c(regex_literal(set, 1), "a.c"));
    assert_true(str_eq_c(regex_literal(set, 2), "b"));
    assert_int_equal(regex_literal_count(engine), 0);
    assert_int_equal(regex_literal_count(search), 0);
    assert_int_equal(regex_literal_count(empty), 1);
}

static void a_large_set_of_literals_is_taken(void **state)
{
    CLEANUP(buf_free) struct buf pattern = {0};
    CLEANUP(regex_freep) struct regex *re = NULL;

    for (int i = 0; pattern.len < REGEX_PATTERN_MAX - 40; i++)
        buf_addf(&pattern, "%sdeployment-with-a-name-%d", i ? "|" : "", i);
    re = compile(pattern.p, REGEX_ANCHORED);
    assert_true(regex_literal_count(re) > 1000);
    assert_true(regex_match(re, STR("deployment-with-a-name-77")));
    assert_false(regex_match(re, STR("deployment-with-a-name-")));
}

static const struct {
    const char *pattern, *text, *replacement, *want; /* NULL: no match */
} expansions[] = {
    {"(.*):(.*)", "host:9100", "$1", "host"},
    {"(.*):(.*)", "host:9100", "${2}x$1", "9100xhost"},
    {"(.*):(.*)", "host:9100", "$1x", ""}, /* the group is "1x" */
    {"(.*):(.*)", "host:9100", "${1}x", "hostx"},
    {"(.*):(.*)", "host:9100", "$0", "host:9100"},
    {"(.*):(.*)", "host:9100", "$$1 $3 $", "$1  $"},
    {"(.*):(.*)", "host:9100", "${1 ${} ${a-b} $-", "${1 ${} ${a-b} $-"},
    {"(?P<host>.*):.*", "h:1", "$host|${host}|$host_", "h|h|"},
    {"(?<host>.*):.*", "h:1", "$host", "h"},
    {"(a)|(b)", "b", "[$1$2]", "[b]"},
    {"(.*)", "x", "$01", ""}, /* no number, and no group is called 01 */
    {"(.*)", "x", "$99999999999", ""},
    {"foo", "bar", "x", NULL},
    {"foo", "foo", "plain", "plain"},
};

static void replacements_follow_go(void **state)
{
    for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++) {
        CLEANUP(regex_freep) struct regex *re = compile(expansions[i].pattern, REGEX_ANCHORED);
        CLEANUP(buf_free) struct buf out = {0};
        bool matched = regex_expand(re, str_c(expansions[i].text), str_c(expansions[i].replacement),
                                    &out);

        assert_int_equal(matched, expansions[i].want != NULL);
        assert_string_equal(buf_str(&out).p, expansions[i].want ? expansions[i].want : "");
    }
}

static const struct {
    const char *pattern, *text, *replacement, *want;
} replacements[] = {
    {"a", "banana", "o", "bonono"},
    {"a*", "baaac", "x", "xbxcx"},
    {"", "ab", "-", "-a-b-"},
    {"", "\xe8\xad\xa6", "-", "-\xe8\xad\xa6-"},
    {"(n)(a)", "banana", "$2$1", "baanan"},
    {"z", "banana", "o", "banana"},
    {"^b", "bb", "x", "xb"},
    {"a", "", "x", ""},
    {"", "", "x", "x"},
    {"\\b", "ab cd", "|", "|ab| |cd|"},
};

static void all_matches_are_replaced_as_in_go(void **state)
{
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++) {
        CLEANUP(regex_freep) struct regex *re = compile(replacements[i].pattern, REGEX_SEARCH);
        CLEANUP(buf_free) struct buf out = {0};

        regex_replace_all(re, str_c(replacements[i].text), str_c(replacements[i].replacement),
                          &out);
        assert_string_equal(buf_str(&out).p, replacements[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_whole_texts_or_parts_of_them),
        cmocka_unit_test(bad_patterns_are_refused_with_a_reason),
        cmocka_unit_test(sets_of_literals_are_known),
        cmocka_unit_test(a_large_set_of_literals_is_taken),
        cmocka_unit_test(replacements_follow_go),
        cmocka_unit_test(all_matches_are_replaced_as_in_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
