/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/yaml.h"

static const struct {
    const char *yaml, *json; /* of the first document */
} good[] = {
    {"a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}"},
    {"a:\n- b: c\n  d: e\n-\n", "{\"a\":[{\"b\":\"c\",\"d\":\"e\"},null]}"},
    {"- ~\n- null\n- 'null'\n- \"\"\n-\n", "[null,null,\"null\",\"\",null]"},
    {"[true, False, yes, off, 'true', y]", "[true,false,true,false,\"true\",\"y\"]"},
    {"[1, -2, +3, 1.50, .5, 1e3, 0x1f, 0644, 0o17, -0b11, 1_0, 08, .inf, 1.2.3, 15s]",
     "[1,-2,3,1.5,0.5,1000,31,420,15,-3,\"1_0\",8,\".inf\",\"1.2.3\",\"15s\"]"},
    {"!!str 12", "\"12\""},
    {"! 12", "\"12\""},
    {"a: |\n  two\n  lines\nb: >\n  one\n  line\n",
     "{\"a\":\"two\\nlines\\n\",\"b\":\"one line\\n\"}"},
    {"x: &n {a: 1}\ny: *n\nz: [*n, *n]\n",
     "{\"x\":{\"a\":1},\"y\":{\"a\":1},\"z\":[{\"a\":1},{\"a\":1}]}"},
    {"b: &b {k: 1, l: 2}\nc: {<<: *b, l: 3}\n",
     "{\"b\":{\"k\":1,\"l\":2},\"c\":{\"l\":3,\"k\":1}}"},
    {"b: &b {k: 1}\nd: &d {k: 2, m: 3}\nc: {<<: [*b, *d]}\n",
     "{\"b\":{\"k\":1},\"d\":{\"k\":2,\"m\":3},\"c\":{\"k\":1,\"m\":3}}"},
    {"c: {<<: {k: 1}, k: 2}\n", "{\"c\":{\"k\":2}}"},
    {"'<<': 1\n", "{\"<<\":1}"},
    {"x: &n 1\ny: &n 2\nz: *n\n", "{\"x\":1,\"y\":2,\"z\":2}"}, /* the later anchor counts */
    {"\xe8\xad\xa6: \"\\u949f\"\n", "{\"\xe8\xad\xa6\":\"\xe9\x92\x9f\"}"},
    {"a: \"x\\0y\"\n", "{\"a\":\"x\\u0000y\"}"},
    {"%YAML 1.1\n---\na\n", "\"a\""},
};

static void documents_become_trees(void **state)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
        CLEANUP(buf_free) struct buf json = {0};
        struct err err = {0};

        if (yaml_parse("f.yml", str_c(good[i].yaml), &doc, &err) < 0)
            fail_msg("%s: %s", good[i].yaml, err.msg);
        assert_int_equal(yaml_count(doc), 1);
        yaml_to_json(yaml_root(doc, 0), &json);
        assert_string_equal(json.p, good[i].json);
    }
}

static const struct {
    const char *yaml, *why;
} bad[] = {
    {"a: 1\nb: 2\na: 3\n", "f.yml:3:1: key \"a\" is already set on line 1"},
    {"{a: 1, 'a': 2}", "f.yml:1:8: key \"a\" is already set on line 1"},
    {"a: *none\n", "f.yml:1:4: alias \"none\" names no anchor above it"},
    {"a: &x [1, *x]\n", "f.yml:1:11: alias \"x\" stands inside of what it names"},
    {"a: &x {b: {c: *x}}\n", "f.yml:1:15: alias \"x\" stands"},
    {"? [a]\n: b\n", "f.yml:1:3: a key must be"},
    {"a: {<<: 5}\n", "f.yml:1:9: << wants a mapping"},
    {"a: {<<: [{x: 1}, 5]}\n", "f.yml:1:18: << wants a mapping"},
    {"a: [1, 2\n", "f.yml:2:1: "},
    {"a:\n\t- b\n", "f.yml:2:1: "},
    {"a: b: c\n", "f.yml:1:5: "},
    {"a: \xff\n", "f.yml: byte "},
    {"--- &x a\n--- *x\n", "f.yml:2:5: alias \"x\" names no anchor"}, /* of another document */
};

static void bad_documents_are_refused_with_file_line_and_column(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct yaml_doc *doc = NULL;
        struct err err = {0};

        assert_int_equal(yaml_parse("f.yml", str_c(bad[i].yaml), &doc, &err), -EINVAL);
        assert_null(doc);
        if (strncmp(err.msg, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("%s instead of %s", err.msg, bad[i].why);
    }
}

static void nodes_know_their_place(void **state)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *list;
    struct err err = {0};

    assert_int_equal(yaml_parse("rules.yml", STR("groups:\n- name: x\n  rules: []\n"), &doc, &err),
                     0);
    list = yaml_get(yaml_root(doc, 0), "groups");
    assert_int_equal(list->kind, YAML_SEQUENCE);
    assert_int_equal(yaml_get(list->values[0], "rules")->line, 3);
    assert_int_equal(yaml_get(list->values[0], "rules")->column, 10);
    assert_null(yaml_get(list, "groups"));
    assert_null(yaml_get(yaml_root(doc, 0), "none"));
    assert_int_equal(yaml_error(doc, list->values[0]->values[0], &err, "no %s", "good"), -EINVAL);
    assert_string_equal(err.msg, "rules.yml:2:9: no good");
    assert_string_equal(yaml_file(doc), "rules.yml");
}

static void a_stream_may_have_no_document_or_several(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        {"", 0}, {"# only a comment\n", 0}, {"---\n", 1}, {"a\n---\n---\nb\n", 3}, {"a\n...\n", 1}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;

        assert_int_equal(yaml_parse("f", str_c(cases[i].text), &doc, NULL), 0);
        assert_int_equal(yaml_count(doc), cases[i].n);
        if (cases[i].n == 3) {
            assert_non_null(yaml_root(doc, 0));
            assert_null(yaml_root(doc, 1));
            assert_null(yaml_root(doc, 3));
        }
    }
}

static void depth_has_a_limit_also_through_aliases(void **state)
{
    for (int depth = YAML_DEPTH_MAX - 1; depth <= YAML_DEPTH_MAX + 1; depth++) {
        CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
        CLEANUP(buf_free) struct buf text = {0};
        int half = depth / 2;

        for (int i = 0; i < depth; i++)
            buf_add_byte(&text, '[');
        for (int i = 0; i < depth; i++)
            buf_add_byte(&text, ']');
        assert_int_equal(yaml_parse("f", buf_str(&text), &doc, NULL),
                         depth <= YAML_DEPTH_MAX ? 0 : -EINVAL);
        yaml_doc_free(TAKE(doc));

        buf_reset(&text);
        buf_add_c(&text, "- &a ");
        for (int i = 0; i < half; i++)
            buf_add_byte(&text, '[');
        for (int i = 0; i < half; i++)
            buf_add_byte(&text, ']');
        buf_add_c(&text, "\n- ");
        for (int i = 1; i < depth - half; i++)
            buf_add_byte(&text, '[');
        buf_add_c(&text, "*a");
        for (int i = 1; i < depth - half; i++)
            buf_add_byte(&text, ']');
        assert_int_equal(yaml_parse("f", buf_str(&text), &doc, NULL),
                         depth <= YAML_DEPTH_MAX ? 0 : -EINVAL);
    }
}

static void aliases_cannot_multiply_without_end(void **state)
{
    struct yaml_doc *doc = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    struct err err = {0};

    buf_add_c(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        buf_addf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_addf(&text, "*a%d, ", i - 1);
        buf_add_c(&text, "]\n");
    }
    assert_int_equal(yaml_parse("f", buf_str(&text), &doc, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "more than 1000000 nodes"));
}

static void null_is_nothing_tilde_or_the_word(void **state)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *list;

    assert_int_equal(yaml_parse("f", STR("[~, null, NULL, '~', x, {}]"), &doc, NULL), 0);
    list = yaml_root(doc, 0);
    assert_true(yaml_is_null(NULL));
    assert_true(yaml_is_null(list->values[0]));
    assert_true(yaml_is_null(list->values[1]));
    assert_true(yaml_is_null(list->values[2]));
    assert_false(yaml_is_null(list->values[3]));
    assert_false(yaml_is_null(list->values[4]));
    assert_false(yaml_is_null(list->values[5]));
    assert_int_equal(list->values[4]->text.p[1], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_become_trees),
        cmocka_unit_test(bad_documents_are_refused_with_file_line_and_column),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(a_stream_may_have_no_document_or_several),
        cmocka_unit_test(depth_has_a_limit_also_through_aliases),
        cmocka_unit_test(aliases_cannot_multiply_without_end),
        cmocka_unit_test(null_is_nothing_tilde_or_the_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
