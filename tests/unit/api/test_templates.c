/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/api/site.h"

#define PATH "/api/v1/rules/templates"

static struct json *get(const struct site *s, const char *path, const char *params, int status)
{
    struct reply r = site_get(s, path, params);
    struct json *doc = NULL;
    struct err err = {0};

    assert_int_equal(r.status, status);
    site_must(json_doc_parse(r.body, &doc, &err), &err);
    reply_free(&r);
    return doc;
}

static const struct json *find(const struct json *list, const char *id)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (str_eq_c(json_text(json_get(json_at(list, i), "id")), id))
            return json_at(list, i);
    return NULL;
}

static void templates_that_fit_are_those_whose_metrics_are_there(void **state)
{
    struct site *s = site_open("", NULL);
    CLEANUP(json_doc_freep) struct json *before = NULL, *after = NULL, *all = NULL, *late = NULL;
    const struct json *t;

    before = get(s, PATH, "fits=1;time=1700000000;component=redis", 200);
    assert_null(find(json_get(before, "data"), "redis-memory-absolute"));
    site_put(s, "redis_memory_used_bytes{job=\"a\"}", T0, 5);
    after = get(s, PATH, "fits=1;time=1700000000", 200);
    t = find(json_get(after, "data"), "redis-memory-absolute");
    assert_non_null(t);
    assert_true(json_is_true(json_get(t, "fits")));
    assert_non_null(strstr(json_text(json_get(json_get(t, "title"), "zh")).p, "Redis"));
    assert_true(json_len(json_get(t, "parameters")) > 0);
    assert_null(find(json_get(after, "data"), "mysql-down"));
    all = get(s, PATH, "time=1700000000;component=mysql", 200);
    assert_true(json_len(json_get(all, "data")) > 5);
    for (size_t i = 0; i < json_len(json_get(all, "data")); i++) {
        t = json_at(json_get(all, "data"), i);
        assert_true(str_eq(json_text(json_get(t, "component")), STR("mysql")));
        assert_false(json_is_true(json_get(t, "fits")));
    }
    late = get(s, PATH, "fits=1;time=1700100000", 200);
    assert_null(find(json_get(late, "data"), "redis-memory-absolute"));
    site_close(s);
}

static void a_rendered_template_is_a_rule_file_that_loads(void **state)
{
    struct site *s = site_open("", NULL);
    CLEANUP(json_doc_freep) struct json *doc = NULL, *none = NULL, *wrong = NULL, *set = NULL;
    CLEANUP(mem_freep) char *yaml = NULL;
    CLEANUP(buf_free) struct buf path = {0};
    struct err err = {0};

    doc = get(s, PATH "/render",
              "id=redis-memory-absolute;job=redis-dev;threshold=200MB;for=1m;group=my: group", 200);
    yaml = str_dup(json_text(json_get(json_get(doc, "data"), "yaml")));
    assert_non_null(strstr(yaml, "my: group"));
    assert_non_null(strstr(yaml, "for: 1m"));
    assert_non_null(strstr(yaml, "job=\"redis-dev\""));
    site_write(s, "new.yml", yaml);
    buf_addf(&path, "%s/new.yml", s->folder);
    if (rules_check_file(path.p, NULL, &err) != 1)
        fail_msg("%s", err.msg);
    none = get(s, PATH "/render", "id=nothing", 400);
    wrong = get(s, PATH "/render", "id=redis-memory-absolute;threshold=much", 400);
    set = get(s, PATH "/render", "id=redis-memory-absolute;set=threshold", 400);
    site_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_that_fit_are_those_whose_metrics_are_there),
        cmocka_unit_test(a_rendered_template_is_a_rule_file_that_loads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
