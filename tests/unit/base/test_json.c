/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

static const struct {
    struct str text;
    const char *plain, *html_safe;
} strings[] = {
    {{"", 0}, "\"\"", "\"\""},
    {{"a\"\\/", 4}, "\"a\\\"\\\\/\"", "\"a\\\"\\\\/\""},
    {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\"", "\"\\b\\f\\n\\r\\t\""},
    {{"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\x7f\"", "\"\\u0000\\u001f\x7f\""},
    {{"<a&b>", 5}, "\"<a&b>\"", "\"\\u003ca\\u0026b\\u003e\""},
    {{"\xe8\xad\xa6", 3}, "\"\xe8\xad\xa6\"", "\"\xe8\xad\xa6\""},
    {{"x\xe2\x80\xa8\xe2\x80\xa9y", 8}, "\"x\\u2028\\u2029y\"", "\"x\\u2028\\u2029y\""},
    {{"\xff\xe8y", 3}, "\"\\ufffd\\ufffdy\"", "\"\\ufffd\\ufffdy\""},
};

static void strings_are_escaped_as_go_does(void **state)
{
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        CLEANUP(buf_free) struct buf plain = {0}, safe = {0};

        json_add_string(&plain, strings[i].text, JSON_PLAIN);
        json_add_string(&safe, strings[i].text, JSON_HTML_SAFE);
        assert_string_equal(plain.p, strings[i].plain);
        assert_string_equal(safe.p, strings[i].html_safe);
    }
}

static void plain_is_what_is_copied_between_quotes(void **state)
{
    char text[80];

    memset(text, 'a', sizeof text);
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < sizeof text; at += 13) {
            CLEANUP(buf_free) struct buf out = {0};
            struct str s = str_n(text, sizeof text);

            text[at] = (char)c;
            json_add_string(&out, s, JSON_PLAIN);
            assert_int_equal(json_is_plain(s), out.len == s.len + 2 && c < 0x80);
            text[at] = 'a';
        }
    }
    assert_true(json_is_plain(STR("")));
}

static void the_writer_puts_the_commas(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};
    struct json_writer w;

    json_writer_init(&w, &out, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_kv_c(&w, "a", "<");
    json_kv_i64(&w, "b", INT64_MIN);
    json_key_c(&w, "c");
    json_array_begin(&w);
    json_u64(&w, UINT64_MAX);
    json_null_value(&w);
    json_bool(&w, true);
    json_array_begin(&w);
    json_array_end(&w);
    json_object_begin(&w);
    json_object_end(&w);
    json_raw(&w, STR("1.5"));
    json_array_end(&w);
    json_kv_bool(&w, "d", false);
    json_kv_str(&w, "e", STR("x"));
    json_object_end(&w);
    assert_string_equal(out.p,
                        "{\"a\":\"\\u003c\",\"b\":-9223372036854775808,\"c\":[18446744073709551615,"
                        "null,true,[],{},1.5],\"d\":false,\"e\":\"x\"}");
}

static bool join(struct str key, const struct json *v, void *arg)
{
    buf_add_str(arg, key);
    return !str_eq(key, STR("stop"));
}

static void a_document_is_read_by_total_accessors(void **state)
{
    CLEANUP(json_doc_freep) struct json *root = NULL;
    CLEANUP(buf_free) struct buf keys = {0};
    struct err err = {0};
    struct str text = STR(" {\"z\": [1, -2.5, \"a\\u0000b\", null, true, 1e3],"
                          "  \"a\": {}, \"stop\": 12345678901234567890, \"never\": 0}\n");
    const struct json *list;

    assert_int_equal(json_doc_parse(text, &root, &err), 0);
    assert_int_equal(json_type_of(root), JSON_OBJECT);
    assert_int_equal(json_len(root), 4);
    list = json_get(root, "z");
    assert_int_equal(json_len(list), 6);
    assert_int_equal(json_int(json_at(list, 0)), 1);
    assert_true(json_double(json_at(list, 0)) == 1);
    assert_true(json_double(json_at(list, 1)) == -2.5);
    assert_int_equal(json_int(json_at(list, 1)), 0);
    assert_int_equal(json_text(json_at(list, 2)).len, 3);
    assert_int_equal(json_type_of(json_at(list, 3)), JSON_NULL);
    assert_true(json_is_true(json_at(list, 4)));
    assert_int_equal(json_int(json_at(list, 5)), 1000);
    assert_null(json_at(list, 6));
    assert_null(json_get(list, "z"));
    assert_null(json_get(json_get(root, "none"), "deeper"));
    assert_null(json_text(root).p);
    assert_false(json_is_true(NULL));
    assert_int_equal(json_int(NULL), 0);
    assert_int_equal(json_len(NULL), 0);
    assert_int_equal(json_type_of(json_get(root, "stop")), JSON_NUMBER);
    assert_false(json_each(root, join, &keys));
    assert_string_equal(keys.p, "zastop");
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "line 1"},          {"{", "line 1"},    {"{\"a\":1,\n\"a\":2}", "line 2"}, /* twice */
    {"{} x", "end of file"}, {"[1,]", "line 1"}, {"nul", "line 1"},
    {"\"\xff\"", "line 1"},  {"[01]", "line 1"},
};

static void bad_documents_are_refused_with_their_place(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json *root = NULL;
        struct err err = {0};

        assert_int_equal(json_doc_parse(str_c(bad[i].text), &root, &err), -EINVAL);
        assert_null(root);
        assert_non_null(strstr(err.msg, bad[i].why));
    }
}

static void depth_has_a_limit(void **state)
{
    for (int depth = 63; depth <= 66; depth++) {
        CLEANUP(json_doc_freep) struct json *root = NULL;
        CLEANUP(buf_free) struct buf text = {0};

        buf_add_c(&text, "[\"]]]\\\"]\"");
        for (int i = 1; i < depth; i++)
            buf_add_c(&text, i == 1 ? ",[" : "[");
        for (int i = 0; i < depth; i++)
            buf_add_byte(&text, ']');
        assert_int_equal(json_doc_parse(buf_str(&text), &root, NULL), depth <= 64 ? 0 : -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_as_go_does),
        cmocka_unit_test(plain_is_what_is_copied_between_quotes),
        cmocka_unit_test(the_writer_puts_the_commas),
        cmocka_unit_test(a_document_is_read_by_total_accessors),
        cmocka_unit_test(bad_documents_are_refused_with_their_place),
        cmocka_unit_test(depth_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
