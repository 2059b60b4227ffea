/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/quote.h"
#include "config/config.h"
#include "tests/unit/conformance.h"

static const char by_name[] = "not carried out by this version";

static bool is_in(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool has(const char *text, struct str part)
{
    return str_find(str_c(text), part) < strlen(text) || part.len == 0;
}

static void read_or_skip(const char *name, struct buf *out)
{
    if (conformance_read(name, out))
        return;
    print_message("# conformance/%s is not here\n", name);
    skip();
}

/* Loads conformance/<folder>/<name>. */
static int load(const char *folder, struct str name, struct config **ret, struct err *err)
{
    CLEANUP(buf_free)
    struct buf path = {0};
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");

    if (shared)
        buf_addf(&path, "%s", shared);
    else
        buf_addf(&path, "%s/../shared", source ? source : ".");
    buf_addf(&path, "/conformance/%s/" STR_FMT, folder, STR_ARG(name));
    return config_load(path.p, ret, err);
}

struct tally {
    int loaded, by_name, same_words, own_words;
};

/* One file that the other system accepts or refuses with `words`. Own words are allowed for
 * `excused` only. */
static void judge(const char *folder, struct str name, bool good, struct str words, bool excused,
                  struct tally *t)
{
    struct err err = {0};
    struct config *c = NULL;
    int r = load(folder, name, &c, &err);

    config_unref(c);
    if (r == 0 && str_eq_c(name, "own_wh_tmpl_func.yml"))
        return; /* notify_check() knows templates and refuses it: tests/unit/notify/test_webhook.c */
    if (r == 0 && good)
        t->loaded++;
    else if (r == 0)
        fail_msg(STR_FMT ": accepted, must be refused: " STR_FMT, STR_ARG(name), STR_ARG(words));
    else if (has(err.msg, str_c(by_name)))
        t->by_name++;
    else if (good)
        fail_msg(STR_FMT ": %s", STR_ARG(name), err.msg);
    else if (has(err.msg, words))
        t->same_words++;
    else if (excused)
        t->own_words++;
    else
        fail_msg(STR_FMT ": %s\nmust contain: " STR_FMT, STR_ARG(name), err.msg, STR_ARG(words));
}

static void prometheus_files_load_or_are_refused_for_their_reason(void **unused)
{
    /* Faults that the YAML decoder of Go words, and one that Prometheus does not word at all. */
    static const char *const own_words[] = {"kubernetes_namespace_discovery.bad.yml",
                                            "labelmap.bad.yml", "labelname.bad.yml",
                                            "section_key_dup.bad.yml", "unknown_attr.bad.yml"};
    CLEANUP(buf_free)
    struct buf file = {0};
    CLEANUP(json_doc_freep)
    struct json *cases = NULL;
    struct tally t = {0};

    read_or_skip("config/index.json", &file);
    assert_int_equal(json_doc_parse(buf_str(&file), &cases, NULL), 0);
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *one = json_at(cases, i);
        struct str name = json_text(json_get(one, "file"));

        judge("config/files", name, str_eq(json_text(json_get(one, "outcome")), STR("ok")),
              json_text(json_get(one, "error_contains")),
              is_in(own_words, ARRAY_LEN(own_words), name.p), &t);
    }
    print_message(
        "# Prometheus: %d load, %d are refused in its words, %d in ours, %d by name as not carried out\n",
        t.loaded, t.same_words, t.own_words, t.by_name);
    assert_int_equal(t.own_words, ARRAY_LEN(own_words));
    assert_true(t.loaded >= 10);
    assert_true(t.same_words >= 25);
}

static void alertmanager_files_load_or_are_refused_for_their_reason(void **unused)
{
    static const char *const own_words[] = {
        "own_receiver_null.yml",        /* told where it stands, not where it is missed */
        "own_child_match_re_bad.yml",   /* RE2's words */
        "own_http_basic_both.yml",      /* ours do not name password_ref, */
        "own_http_basic_user_both.yml", /* nor username_ref */
        "own_global_smtp_bad.yml",      /* quotes */
        "own_po_bad_retry.yml",         /* told where it stands */
    };
    CLEANUP(buf_free)
    struct buf file = {0};
    struct tally t = {0};
    struct str rest;

    read_or_skip("alertmanager/config/index.jsonl", &file);
    rest = buf_str(&file);
    while (rest.len > 0) {
        CLEANUP(json_doc_freep)
        struct json *one = NULL;
        struct str line = str_cut(&rest, '\n'), name, words;

        if (line.len == 0)
            continue;
        assert_int_equal(json_doc_parse(line, &one, NULL), 0);
        name = json_text(json_get(one, "file"));
        words = json_text(json_get(one, "error"));
        judge("alertmanager/config", name, str_eq(json_text(json_get(one, "outcome")), STR("good")),
              words,
              str_has_prefix(words, STR("yaml:")) || is_in(own_words, ARRAY_LEN(own_words), name.p),
              &t);
    }
    print_message(
        "# Alertmanager: %d load, %d are refused in its words, %d in ours, %d by name as not carried out\n",
        t.loaded, t.same_words, t.own_words, t.by_name);
    assert_true(t.loaded >= 78);
    assert_true(t.same_words >= 91);
    assert_true(t.by_name <= 17);
}

/* ---- relabel steps ----------------------------------------------------------------------------
 */

static void relabel_steps_are_valid_where_prometheus_says_so(void **unused)
{
    CLEANUP(buf_free)
    struct buf file = {0};
    CLEANUP(json_doc_freep)
    struct json *cases = NULL;

    read_or_skip("config/relabel_validate.json", &file);
    assert_int_equal(json_doc_parse(buf_str(&file), &cases, NULL), 0);
    assert_true(json_len(cases) > 0);
    for (size_t i = 0; i < json_len(cases); i++) {
        static const char *const keys[] = {"action", "target_label", "regex", "replacement"};
        CLEANUP(buf_free)
        struct buf yaml = {0};
        const struct json *step = json_get(json_at(cases, i), "config");
        struct str words = json_text(json_get(json_at(cases, i), "error"));
        struct err err = {0};
        struct config *c = NULL;

        buf_add_c(&yaml, "scrape_configs: [{job_name: a, relabel_configs: [{");
        if (json_len(step) == 0)
            buf_add_c(&yaml, "action: , "); /* the case stands for a step without defaults */
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (json_get(step, keys[k]))
                buf_addf(&yaml, "%s: '" STR_FMT "', ", keys[k],
                         STR_ARG(json_text(json_get(step, keys[k]))));
        buf_add_c(&yaml, "source_labels: [a]}]}]");
        if (words.len == 0) {
            assert_int_equal(config_parse("f", buf_str(&yaml), &c, &err), 0);
            config_unref(c);
        } else {
            assert_true(config_parse("f", buf_str(&yaml), &c, &err) < 0);
            assert_true(has(err.msg, words));
        }
    }
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static void go_text(dur_ms d, char *out, size_t size)
{
    dur_ms h = d / 3600000, m = d / 60000 % 60, s = d / 1000 % 60;

    if (d % 1000 != 0 && d < 1000)
        snprintf(out, size, "%dms", (int)d);
    else if (h > 0)
        snprintf(out, size, "%dh%dm%ds", (int)h, (int)m, (int)s);
    else if (m > 0)
        snprintf(out, size, "%dm%ds", (int)m, (int)s);
    else
        snprintf(out, size, "%ds", (int)s);
}

static bool take_label(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

static struct label_set *labels_of(const struct json *object)
{
    CLEANUP(label_builder_deinit)
    struct label_builder b = {0};

    json_each(object, take_label, &b);
    return label_builder_build(&b);
}

/* The leaves of the tree that take the labels, in order. */
static size_t find(const struct config_route *r, const struct label_set *ls,
                   const struct config_route **out, size_t n)
{
    size_t before = n;

    if (!matchers_match((const struct matcher *const *)r->matchers, r->n_matchers, ls))
        return n;
    for (size_t i = 0; i < r->n_routes; i++) {
        size_t had = n;

        n = find(&r->routes[i], ls, out, n);
        if (n > had && !r->routes[i].continues)
            break;
    }
    if (n == before)
        out[n++] = r;
    return n;
}

static void add_group_key(struct buf *out, const struct config_route *r, const struct label_set *ls)
{
    CLEANUP(label_builder_deinit)
    struct label_builder b = {0};
    struct label_set *group;

    for (size_t i = 0; i < label_set_count(ls); i++) {
        struct label l = label_set_at(ls, i);
        bool take = r->group_by_all;

        for (size_t j = 0; j < r->n_group_by; j++)
            take = take || str_eq_c(l.name, r->group_by[j]);
        if (take)
            label_builder_set(&b, l.name, l.value);
    }
    group = label_builder_build(&b);
    buf_addf(out, "%s:{", r->key);
    for (size_t i = 0; i < label_set_count(group); i++) {
        struct label l = label_set_at(group, i);

        buf_addf(out, "%s" STR_FMT "=", i > 0 ? ", " : "", STR_ARG(l.name));
        quote_add_go(out, l.value);
    }
    buf_add_byte(out, '}');
    label_set_unref(group);
}

static void assert_route(const struct config_route *r, const struct label_set *ls,
                         const struct json *expected)
{
    CLEANUP(buf_free)
    struct buf key = {0};
    char text[64];

    assert_string_equal(r->key, json_text(json_get(expected, "key")).p);
    assert_string_equal(r->receiver, json_text(json_get(expected, "receiver")).p);
    go_text(r->group_wait, text, sizeof text);
    assert_string_equal(text, json_text(json_get(expected, "group_wait")).p);
    go_text(r->group_interval, text, sizeof text);
    assert_string_equal(text, json_text(json_get(expected, "group_interval")).p);
    go_text(r->repeat_interval, text, sizeof text);
    assert_string_equal(text, json_text(json_get(expected, "repeat_interval")).p);
    add_group_key(&key, r, ls);
    assert_string_equal(key.p, json_text(json_get(expected, "group_key")).p);
}

#define ROUTES_MAX 64 /* leaves that one label set reaches in the cases */

static int check_cases(const struct config *c, const struct json *cases)
{
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *expected = json_get(json_at(cases, i), "routes");
        struct label_set *ls = labels_of(json_get(json_at(cases, i), "labels"));
        const struct config_route *found[ROUTES_MAX];
        size_t n = find(c->route, ls, found, 0);

        assert_int_equal(n, json_len(expected));
        for (size_t k = 0; k < n; k++)
            assert_route(found[k], ls, json_at(expected, k));
        label_set_unref(ls);
    }
    return (int)json_len(cases);
}

static void routes_have_alertmanagers_keys_receivers_and_timers(void **unused)
{
    CLEANUP(buf_free)
    struct buf file = {0};
    struct str rest;
    int ran = 0, trees = 0, refused = 0;

    read_or_skip("alertmanager/routes.jsonl", &file);
    rest = buf_str(&file);
    while (rest.len > 0) {
        CLEANUP(json_doc_freep)
        struct json *one = NULL;
        struct str line = str_cut(&rest, '\n');
        struct err err = {0};
        struct config *c = NULL;

        if (line.len == 0)
            continue;
        assert_int_equal(json_doc_parse(line, &one, NULL), 0);
        if (config_parse("f", json_text(json_get(one, "config")), &c, &err) < 0) {
            if (!has(err.msg, str_c(by_name)))
                fail_msg("%s", err.msg);
            refused++;
            continue;
        }
        ran += check_cases(c, json_get(one, "cases"));
        trees++;
        config_unref(c);
    }
    print_message(
        "# %d label sets in %d trees agree, %d trees are refused by name as not carried out\n", ran,
        trees, refused);
    assert_true(ran > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_files_load_or_are_refused_for_their_reason),
        cmocka_unit_test(alertmanager_files_load_or_are_refused_for_their_reason),
        cmocka_unit_test(relabel_steps_are_valid_where_prometheus_says_so),
        cmocka_unit_test(routes_have_alertmanagers_keys_receivers_and_timers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
