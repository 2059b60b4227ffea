/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "tests/unit/conformance.h"

#define L(name, value)                                                                             \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            value, sizeof(value) - 1                                                               \
        }                                                                                          \
    }

static const struct label_set *set_of(const struct label *labels, size_t n)
{
    return label_set_new(labels, n);
}

static void labels_are_sorted_unique_and_not_empty(void **state)
{
    const struct label labels[] = {L("b", "1"),  L("a", "x"),    L("c", ""), L("b", "2"),
                                   L("ab", "y"), L("d", "gone"), L("d", "")};
    CLEANUP(label_set_unrefp) const struct label_set *ls = set_of(labels, ARRAY_LEN(labels));

    assert_int_equal(label_set_count(ls), 3);
    assert_true(str_eq_c(label_set_at(ls, 0).name, "a"));
    assert_true(str_eq_c(label_set_at(ls, 1).name, "ab"));
    assert_true(str_eq_c(label_set_at(ls, 2).name, "b"));
    assert_true(str_eq_c(label_set_get(ls, STR("b")), "2"));
    assert_int_equal(label_set_get(ls, STR("c")).len, 0);
    assert_int_equal(label_set_get(ls, STR("zz")).len, 0);
}

static void large_sets_are_sorted_too(void **state)
{
    static struct label labels[LABEL_COUNT_MAX];
    CLEANUP(label_set_unrefp) const struct label_set *ls = NULL;
    static char names[LABEL_COUNT_MAX][8];

    for (size_t i = 0; i < LABEL_COUNT_MAX; i++) {
        snprintf(names[i], sizeof names[i], "n%zu", i * 7 % 500);
        labels[i] = (struct label){str_c(names[i]), i < 500 ? STR("old") : STR("new")};
    }
    ls = label_set_new(labels, LABEL_COUNT_MAX);
    assert_int_equal(label_set_count(ls), 500);
    for (size_t i = 0; i < 500; i++) {
        assert_true(str_eq_c(label_set_at(ls, i).value, "new"));
        if (i > 0)
            assert_true(str_cmp(label_set_at(ls, i - 1).name, label_set_at(ls, i).name) < 0);
    }
}

static void equality_is_that_of_the_labels(void **state)
{
    const struct label one[] = {L("a", "bc"), L("d", "e")}, same[] = {L("d", "e"), L("a", "bc")},
                       other[] = {L("ab", "c"), L("d", "e")}; /* the same bytes, cut elsewhere */
    CLEANUP(label_set_unrefp)
    const struct label_set *a = set_of(one, 2), *b = set_of(same, 2), *c = set_of(other, 2),
                           *e = label_set_empty(), *f = label_set_new(NULL, 0);

    assert_true(label_set_eq(a, b));
    assert_int_equal(label_set_hash(a), label_set_hash(b));
    assert_false(label_set_eq(a, c));
    assert_int_not_equal(label_set_hash(a), label_set_hash(c));
    assert_true(label_set_eq(e, f));
    assert_int_equal(label_set_count(e), 0);
    assert_false(label_set_eq(a, e));
}

static void order_goes_by_name_then_value_then_count(void **state)
{
    const struct label labels[][2] = {{L("a", "1"), L("b", "1")},
                                      {L("a", "1"), L("c", "")},
                                      {L("a", "2"), L("b", "")},
                                      {L("b", "0"), L("c", "")}};
    CLEANUP(label_set_unrefp)
    const struct label_set *a1b1 = set_of(labels[0], 2), *a1 = set_of(labels[1], 2),
                           *a2 = set_of(labels[2], 2), *b0 = set_of(labels[3], 2);

    assert_true(label_set_cmp(a1, a1b1) < 0);
    assert_true(label_set_cmp(a1b1, a2) < 0);
    assert_true(label_set_cmp(a2, b0) < 0);
    assert_true(label_set_cmp(b0, a1) > 0);
    assert_true(label_set_cmp(a1, a1) == 0);
}

static const struct {
    struct label labels[3];
    const char *text, *json;
} prints[] = {
    {{L("", "")}, "{}", "{}"},
    {{L("__name__", "up")}, "up", "{\"__name__\":\"up\"}"},
    {{L("__name__", "up"), L("job", "a\"b\\\n"), L("a", "<")},
     "up{a=\"<\", job=\"a\\\"b\\\\\\n\"}",
     "{\"__name__\":\"up\",\"a\":\"<\",\"job\":\"a\\\"b\\\\\\n\"}"},
    {{L("z", "1"), L("a.b", "2")}, "{\"a.b\"=\"2\", z=\"1\"}", "{\"a.b\":\"2\",\"z\":\"1\"}"},
    {{L("__name__", "my.metric"), L("a", "1")},
     "{\"my.metric\", a=\"1\"}",
     "{\"__name__\":\"my.metric\",\"a\":\"1\"}"},
    {{L("__name__", "my.metric")}, "{\"my.metric\"}", "{\"__name__\":\"my.metric\"}"},
    {{L("alertname", "redis\xe5\x86\x85\xe5\xad\x98")},
     "{alertname=\"redis\xe5\x86\x85\xe5\xad\x98\"}",
     "{\"alertname\":\"redis\xe5\x86\x85\xe5\xad\x98\"}"},
};

static void sets_print_as_prometheus_prints_them(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(prints); i++) {
        CLEANUP(label_set_unrefp) const struct label_set *ls = label_set_new(prints[i].labels, 3);
        CLEANUP(buf_free) struct buf text = {0}, json = {0};

        label_set_print(ls, &text);
        label_set_add_json(ls, &json);
        assert_string_equal(text.p, prints[i].text);
        assert_string_equal(json.p, prints[i].json);
    }
}

static void references_keep_a_set_alive(void **state)
{
    const struct label labels[] = {L("a", "b")};
    struct label_set *ls = label_set_new(labels, 1), *again = label_set_ref(ls);

    assert_ptr_equal(ls, again);
    label_set_unref(ls);
    assert_true(str_eq_c(label_set_get(again, STR("a")), "b"));
    label_set_unref(again);
    label_set_unref(NULL);
}

static void a_builder_sets_replaces_and_removes(void **state)
{
    const struct label labels[] = {L("a", "1"), L("b", "2")};
    CLEANUP(label_set_unrefp) const struct label_set *from = label_set_new(labels, 2), *ls = NULL;
    CLEANUP(label_builder_deinit) struct label_builder b;
    CLEANUP(buf_free) struct buf text = {0};
    char name[] = "c", value[5000];

    label_builder_init(&b, from);
    memset(value, 'v', sizeof value);
    label_builder_set(&b, str_c(name), str_n(value, sizeof value));
    name[0] = value[0] = 'x'; /* the builder has its own copies */
    label_builder_set(&b, STR("a"), STR("9"));
    label_builder_set(&b, STR("b"), STR(""));
    label_builder_del(&b, STR("none"));
    assert_int_equal(label_builder_get(&b, STR("c")).len, 5000);
    assert_int_equal(label_builder_get(&b, STR("c")).p[0], 'v');
    assert_int_equal(label_builder_get(&b, STR("b")).len, 0);
    label_builder_set(&b, STR("c"), STR("3"));
    ls = label_builder_build(&b);
    label_set_print(ls, &text);
    assert_string_equal(text.p, "{a=\"9\", c=\"3\"}");
}

static void names_are_valid_or_legacy(void **state)
{
    assert_true(label_name_is_legacy(STR("_a9")));
    assert_false(label_name_is_legacy(STR("9a")));
    assert_false(label_name_is_legacy(STR("a:b")));
    assert_false(label_name_is_legacy(STR("")));
    assert_true(metric_name_is_legacy(STR("a:b")));
    assert_false(metric_name_is_legacy(STR("a.b")));
    assert_true(label_name_is_valid(STR("a.b")));
    assert_false(label_name_is_valid(STR("")));
    assert_false(label_name_is_valid(STR("\xff")));
}

/* A group's offset in its interval is the stable hash of its file and name, modulo the interval. */
static void the_stable_hash_gives_the_offsets_of_rule_groups(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(json_doc_freep) struct json *root = NULL;
    const struct json *groups;

    if (!conformance_read("rules/hash_vectors.json", &text))
        skip();
    assert_int_equal(json_doc_parse(buf_str(&text), &root, NULL), 0);
    groups = json_get(root, "groups");
    assert_true(json_len(groups) > 0);
    for (size_t i = 0; i < json_len(groups); i++) {
        const struct json *g = json_at(groups, i);
        const struct label labels[] = {{STR("file"), json_text(json_get(g, "file"))},
                                       {STR("name"), json_text(json_get(g, "name"))}};
        CLEANUP(label_set_unrefp) const struct label_set *ls = label_set_new(labels, 2);
        struct str interval = json_text(json_get(g, "interval"));
        dur_ms ms = 0;
        double offset_ms;

        assert_int_equal(duration_parse(interval.p, interval.len, &ms, NULL), 0);
        offset_ms = (double)(label_set_stable_hash(ls) % ((uint64_t)ms * 1000000)) / 1e6;
        assert_true(fabs(offset_ms - json_double(json_get(g, "offset_ms"))) < 1e-6);
    }
}

static void add_label(struct label_builder *b, const char *name, const struct json *value)
{
    if (value)
        label_builder_set(b, str_c(name), json_text(value));
}

static bool add_member(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

/* A target's place in its interval, from its labels, its URL and the server's identity. */
static void the_stable_hash_gives_the_offsets_of_targets(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(json_doc_freep) struct json *root = NULL;
    const struct json *targets, *cases;
    struct str fqdn, external, interval;
    uint64_t seed;
    dur_ms ms = 0;

    if (!conformance_read("rules/hash_vectors.json", &text))
        skip();
    assert_int_equal(json_doc_parse(buf_str(&text), &root, NULL), 0);
    targets = json_get(root, "targets");
    cases = json_get(targets, "cases");
    fqdn = json_text(json_get(targets, "fqdn"));
    external = json_text(json_get(targets, "external_labels"));
    interval = json_text(json_get(targets, "interval"));
    assert_int_equal(duration_parse(interval.p, interval.len, &ms, NULL), 0);
    seed = hash_fnv1a_64(hash_fnv1a_64(FNV64_INIT, fqdn.p, fqdn.len), external.p, external.len);
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *c = json_at(cases, i), *path = json_get(c, "__metrics_path__");
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        CLEANUP(label_set_unrefp) const struct label_set *ls = NULL;
        CLEANUP(buf_free) struct buf url = {0};
        double offset_ms;

        json_each(json_get(targets, "labels"), add_member, &b);
        json_each(json_get(c, "extra_labels"), add_member, &b);
        add_label(&b, "job", json_get(c, "job"));
        add_label(&b, "__metrics_path__", path);
        ls = label_builder_build(&b);
        buf_addf(&url, "%016llu", (unsigned long long)label_set_stable_hash(ls));
        buf_addf(&url, "http://" STR_FMT STR_FMT, STR_ARG(label_set_get(ls, STR("__address__"))),
                 STR_ARG(json_text(path)));
        offset_ms = (double)((hash_fnv1a_64(FNV64_INIT, url.p, url.len) ^ seed) %
                             ((uint64_t)ms * 1000000)) /
                    1e6;
        assert_true(fabs(offset_ms - json_double(json_get(c, "offset_ms"))) < 1e-6);
    }
}

static void long_strings_have_a_long_prefix_in_the_stable_hash(void **state)
{
    CLEANUP(buf_free) struct buf value = {0}, want = {0};
    CLEANUP(label_set_unrefp) const struct label_set *ls = NULL;
    struct label label = {.name = STR("a")};

    for (int i = 0; i < 300; i++)
        buf_add_byte(&value, 'x');
    label.value = buf_str(&value);
    ls = label_set_new(&label, 1);
    buf_add(&want, "\1a\xff\x2c\1\0", 6);
    buf_add_str(&want, buf_str(&value));
    assert_int_equal(label_set_stable_hash(ls), hash_xxh64(want.p, want.len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_sorted_unique_and_not_empty),
        cmocka_unit_test(large_sets_are_sorted_too),
        cmocka_unit_test(equality_is_that_of_the_labels),
        cmocka_unit_test(order_goes_by_name_then_value_then_count),
        cmocka_unit_test(sets_print_as_prometheus_prints_them),
        cmocka_unit_test(references_keep_a_set_alive),
        cmocka_unit_test(a_builder_sets_replaces_and_removes),
        cmocka_unit_test(names_are_valid_or_legacy),
        cmocka_unit_test(the_stable_hash_gives_the_offsets_of_rule_groups),
        cmocka_unit_test(the_stable_hash_gives_the_offsets_of_targets),
        cmocka_unit_test(long_strings_have_a_long_prefix_in_the_stable_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
