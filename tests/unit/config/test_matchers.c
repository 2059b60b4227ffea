/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/config_priv.h"
#include "tests/unit/conformance.h"

struct matchers {
    struct matcher **ms;
    size_t n;
};

static void matchers_deinit(struct matchers *m)
{
    for (size_t i = 0; i < m->n; i++)
        matcher_free(m->ms[i]);
    free(m->ms);
}

static const struct {
    const char *text, *canonical, *why;
} cases[] = {
    {"", "{}", NULL},
    {"a=b", "{a=\"b\"}", NULL},
    {"{a=b,c!=\"d,e\" , f=~g , h!~i,}", "{a=\"b\",c!=\"d,e\",f=~\"g\",h!~\"i\"}", NULL},
    {"a=\"b\\nc\\\"d\\\\e\\tf\"", "{a=\"b\\nc\\\"d\\\\e\\\\tf\"}", NULL}, /* classic knows no \t */
    {"a=b\\,\"c\"", NULL, "bad matcher format: \"c\""}, /* the comma cuts even behind a backslash */
    {"a=\\\"b", "{a=\"\\\"b\"}", NULL},
    {"a=b\\", "{a=\"b\\\\\"}", NULL},
    /* only the UTF-8 notation reads these */
    {"级别=严重", "{级别=\"严重\"}", NULL},
    {"\"a b\"=\"c\\x41\\101\\u4e2d\\U0001f600\\t\"", "{\"a b\"=\"cAA中😀\\t\"}", NULL},
    {"{ \"a\" = b , }", "{a=\"b\"}", NULL},
    {"a.b=c,d=e", "{a.b=\"c\",d=\"e\"}", NULL},
    /* neither does; the classic reason is told */
    {"a", NULL, "bad matcher format: a"},
    {"\"a\"=\"\\q\"", NULL, "bad matcher format: \"a\"=\"\\q\""},
    {"\"a\"=\"\\ud800\"", NULL, "bad matcher format: \"a\"=\"\\ud800\""},
    {"\"a\"=\"\\400\"", NULL, "bad matcher format: \"a\"=\"\\400\""},
    {"\"a\"=\"\\xff\"", NULL, "bad matcher format: \"a\"=\"\\xff\""},
    {"\"a\"=\"\\U00110000\"", NULL, "bad matcher format: \"a\"=\"\\U00110000\""},
    {"{\"a\"=\"b\"", NULL, "bad matcher format: \"a\"=\"b\""},
    {"\"a\"=\"b\",,", NULL, "bad matcher format: \"a\"=\"b\""},
    {"a=\"b\"c", NULL, "matcher value contains unescaped double quote: \"b\"c"},
    {"a=\"b", NULL, "matcher value contains unescaped double quote: \"b"},
    {"a=~\"(\"", NULL, "error parsing regexp: missing ): ("},
    {"a=\xff", NULL, "matchers are not valid UTF-8"},
};

static void both_notations_are_read_and_the_classic_reason_is_told(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(matchers_deinit)
        struct matchers m = {0};
        CLEANUP(buf_free)
        struct buf text = {0};
        struct err err = {0};
        int r = config_parse_matchers(str_c(cases[i].text), &m.ms, &m.n, &err);

        if (cases[i].why) {
            assert_int_equal(r, -EINVAL);
            assert_string_equal(err.msg, cases[i].why);
            continue;
        }
        assert_int_equal(r, 0);
        matchers_print(m.ms, m.n, &text);
        assert_string_equal(text.p, cases[i].canonical);
    }
}

static void a_failure_leaves_the_list_as_it_was(void **unused)
{
    CLEANUP(matchers_deinit)
    struct matchers m = {0};
    CLEANUP(buf_free)
    struct buf text = {0};

    assert_int_equal(config_parse_matchers(STR("a=b"), &m.ms, &m.n, NULL), 0);
    assert_int_equal(config_parse_matchers(STR("c=d,e"), &m.ms, &m.n, NULL), -EINVAL);
    assert_int_equal(config_parse_matchers(STR("f=g"), &m.ms, &m.n, NULL), 0);
    matchers_print(m.ms, m.n, &text);
    assert_string_equal(text.p, "{a=\"b\",f=\"g\"}");
}

static void the_canonical_order_is_name_then_value_then_operator(void **unused)
{
    CLEANUP(matchers_deinit)
    struct matchers m = {0};
    CLEANUP(buf_free)
    struct buf text = {0};

    assert_int_equal(config_parse_matchers(STR("b=1,a=2,a!=1,a=~1,a=1"), &m.ms, &m.n, NULL), 0);
    matchers_sort(m.ms, m.n);
    matchers_print(m.ms, m.n, &text);
    assert_string_equal(text.p, "{a=\"1\",a!=\"1\",a=~\"1\",a=\"2\",b=\"1\"}");
}

static void one_text_has_a_limit(void **unused)
{
    CLEANUP(matchers_deinit)
    struct matchers m = {0};
    CLEANUP(buf_free)
    struct buf text = {0};
    struct err err = {0};

    for (int i = 0; i < 1000; i++)
        buf_add_c(&text, "a=b,");
    assert_int_equal(config_parse_matchers(buf_str(&text), &m.ms, &m.n, &err), 0);
    assert_int_equal(m.n, 1000);
    buf_add_c(&text, "a=b");
    assert_int_equal(config_parse_matchers(buf_str(&text), &m.ms, &m.n, &err), -E2BIG);
    assert_string_equal(err.msg, "more than 1000 matchers");
}

/* ---- what Alertmanager says -------------------------------------------------------------------
 */

static struct str column(struct str line, int n)
{
    struct str cell = STR("");

    for (int i = 0; i <= n; i++)
        cell = str_cut(&line, '\t');
    return cell;
}

/* `OK [[name, op, value]...]`, or `ERR ...`. */
static bool agrees(const struct matchers *m, int r, struct str expected)
{
    CLEANUP(json_doc_freep)
    struct json *list = NULL;
    bool same;

    if (str_has_prefix(expected, STR("ERR")))
        return r < 0;
    if (r < 0 || json_doc_parse(str_n(expected.p + 3, expected.len - 3), &list, NULL) < 0)
        return false;
    same = json_len(list) == m->n;
    for (size_t i = 0; same && i < m->n; i++) {
        const struct json *one = json_at(list, i);

        same = str_eq(json_text(json_at(one, 0)), m->ms[i]->name) &&
               str_eq_c(json_text(json_at(one, 1)), matcher_op(m->ms[i]->type)) &&
               str_eq(json_text(json_at(one, 2)), m->ms[i]->value);
    }
    return same;
}

static bool text_of_json(struct str json, struct buf *out)
{
    CLEANUP(buf_free)
    struct buf list = {0};
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;

    buf_addf(&list, "[" STR_FMT "]", STR_ARG(json));
    if (json_doc_parse(buf_str(&list), &doc, NULL) < 0)
        return false;
    buf_add_str(out, json_text(json_at(doc, 0)));
    return true;
}

static void all_cases_of_alertmanager_have_its_answer_and_canonical_text(void **unused)
{
    CLEANUP(buf_free)
    struct buf file = {0};
    struct str rest;
    int ran = 0, unreadable = 0;

    if (!conformance_read("alertmanager/matchers.tsv", &file)) {
        print_message("# conformance/alertmanager/matchers.tsv is not here\n");
        skip();
    }
    rest = buf_str(&file);
    while (rest.len > 0) {
        CLEANUP(matchers_deinit)
        struct matchers m = {0};
        CLEANUP(buf_free)
        struct buf input = {0}, canonical = {0}, printed = {0};
        struct str line = str_cut(&rest, '\n');
        int r;

        if (line.len == 0 || line.p[0] == '#')
            continue;
        if (!text_of_json(column(line, 0), &input)) {
            unreadable++; /* jansson refuses \u0000 in strings */
            continue;
        }
        r = config_parse_matchers(buf_str(&input), &m.ms, &m.n, NULL);
        if (!agrees(&m, r, column(line, 3)))
            fail_msg(STR_FMT, STR_ARG(line));
        if (r == 0) {
            assert_true(text_of_json(column(line, 6), &canonical));
            matchers_print(m.ms, m.n, &printed);
            assert_string_equal(buf_str(&printed).p, buf_str(&canonical).p);
        }
        ran++;
    }
    print_message("# %d cases agree, %d could not be read\n", ran, unreadable);
    assert_true(ran > 100);
    assert_true(unreadable <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_notations_are_read_and_the_classic_reason_is_told),
        cmocka_unit_test(a_failure_leaves_the_list_as_it_was),
        cmocka_unit_test(the_canonical_order_is_name_then_value_then_operator),
        cmocka_unit_test(one_text_has_a_limit),
        cmocka_unit_test(all_cases_of_alertmanager_have_its_answer_and_canonical_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
