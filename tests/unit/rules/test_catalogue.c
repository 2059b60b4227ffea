/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/yaml.h"
#include "rules/rules.h"
#include "tests/unit/tocsin_cmocka.h"

static struct catalogue *c;

static int open_catalogue(void **state)
{
    (void)state;
    c = catalogue_new();
    return 0;
}

static int close_catalogue(void **state)
{
    (void)state;
    catalogue_free(c);
    return 0;
}

/* A rule file of all templates of a component with what they have by themselves. */
static void fill_component(struct str component, struct buf *out)
{
    struct template_choice choice = {.chinese = true};

    buf_addf(out, "groups:\n  - name: %.*s\n    rules:\n", STR_ARG(component));
    for (size_t i = 0; i < catalogue_count(c); i++)
        if (str_eq(catalogue_at(c, i)->component, component))
            assert_int_equal(template_fill_rule(catalogue_at(c, i), &choice, 6, out, NULL), 0);
}

static void every_template_becomes_a_rule_that_loads(void **state)
{
    struct str last = STR_NONE;
    int rules = 0;

    (void)state;
    for (size_t i = 0; i < catalogue_count(c); i++) {
        char path[] = "/tmp/tocsin-catalogue-XXXXXX";
        CLEANUP(buf_free) struct buf text = {0};
        struct err err = {0};
        int fd, n;

        if (str_eq(catalogue_at(c, i)->component, last))
            continue;
        last = catalogue_at(c, i)->component;
        fill_component(last, &text);
        fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text.p, text.len), text.len);
        close(fd);
        n = rules_check_file(path, &(struct promql_features){0}, &err);
        unlink(path);
        if (n < 0)
            fail_msg("%s", err.msg);
        rules += n;
    }
    assert_int_equal(rules, catalogue_count(c));
    assert_int_equal(rules, 139);
}

/* The same rules filled in by somebody else. */
static void rules_are_those_of_the_reference(void **state)
{
    const char *shared = getenv("TOCSIN_SHARED");
    struct str last = STR_NONE;

    (void)state;
    if (!shared || access(shared, F_OK) != 0)
        skip();
    for (size_t i = 0; i < catalogue_count(c); i++) {
        CLEANUP(buf_free) struct buf path = {0};
        CLEANUP(buf_free) struct buf ours = {0};
        CLEANUP(buf_free) struct buf ours_json = {0};
        CLEANUP(buf_free) struct buf theirs_json = {0};
        CLEANUP(yaml_doc_freep) struct yaml_doc *a = NULL;
        CLEANUP(yaml_doc_freep) struct yaml_doc *b = NULL;

        if (str_eq(catalogue_at(c, i)->component, last))
            continue;
        last = catalogue_at(c, i)->component;
        buf_addf(&path, "%s/rules/%.*s.rules.yaml", shared, STR_ARG(last));
        fill_component(last, &ours);
        assert_int_equal(yaml_parse("ours", buf_str(&ours), &a, NULL), 0);
        assert_int_equal(yaml_parse_file(path.p, &b, NULL), 0);
        yaml_to_json(yaml_root(a, 0), &ours_json);
        yaml_to_json(yaml_root(b, 0), &theirs_json);
        assert_string_equal(ours_json.p, theirs_json.p);
    }
}

static void values_fit_their_parameters_or_are_refused(void **state)
{
    static const struct {
        const char *id, *name, *value, *expr; /* expr NULL: refused */
    } cases[] = {
        {"redis-memory-absolute", "threshold", "150",
         "redis_memory_used_bytes{job=\"redis-dev\"} > 150 * 1024 * 1024"},
        {"redis-memory-absolute", "threshold", "0.5GB",
         "redis_memory_used_bytes{job=\"redis-dev\"} > 512 * 1024 * 1024"},
        {"redis-memory-absolute", "threshold", "200 MB",
         "redis_memory_used_bytes{job=\"redis-dev\"} > 200 * 1024 * 1024"},
        {"redis-memory-absolute", "selector", "", "redis_memory_used_bytes > 200 * 1024 * 1024"},
        {"redis-memory-absolute", "selector", "job=~\"a|b\",env!=\"\"",
         "redis_memory_used_bytes{job=~\"a|b\",env!=\"\"} > 200 * 1024 * 1024"},
        {"redis-memory-ratio", "threshold", "70%",
         "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 70 / 100"},
        {"redis-memory-absolute", "threshold", "85%", NULL},
        {"redis-memory-absolute", "threshold", "much", NULL},
        {"redis-memory-absolute", "threshold", "1 or vector(1)", NULL},
        {"redis-memory-absolute", "selector", "job=\"a\"} or vector(1) or x{", NULL},
        {"redis-memory-absolute", "limit", "1", NULL},
        {"redis-rejected", "window", "ten minutes", NULL},
        {"redis-rejected", "window", "0s", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rule_template *t = catalogue_find(c, str_c(cases[i].id));
        struct template_value v = {str_c(cases[i].name), str_c(cases[i].value)};
        struct template_choice choice = {.values = &v, .n_values = 1};
        CLEANUP(buf_free) struct buf expr = {0};
        struct err err = {0};
        int r;

        assert_non_null(t);
        r = template_fill_expr(t, &choice, &expr, &err);
        if (!cases[i].expr) {
            if (r != -EINVAL || !err.msg[0])
                fail_msg("%s=%s gave %s", cases[i].name, cases[i].value, expr.p);
            continue;
        }
        assert_int_equal(r, 0);
        assert_string_equal(expr.p, cases[i].expr);
    }
}

static void a_rule_carries_what_was_chosen(void **state)
{
    struct template_choice choice = {
        .alert = STR("It's full"), .severity = STR("minor"), .hold = STR("0s")};
    CLEANUP(buf_free) struct buf out = {0};

    (void)state;
    assert_int_equal(
        template_fill_rule(catalogue_find(c, STR("redis-memory-absolute")), &choice, 2, &out, NULL),
        0);
    assert_non_null(strstr(out.p, "  - alert: 'It''s full'\n    expr: "));
    assert_non_null(strstr(out.p, "\n      severity: minor\n"));
    assert_non_null(strstr(out.p, "\n      summary: 'Redis memory above 200 MB'\n"));
    assert_non_null(strstr(out.p, "\n      summary_zh: "));
    assert_null(strstr(out.p, "for:"));
}

static bool is_in(struct str metric, void *arg)
{
    for (const char *const *name = arg; *name; name++)
        if (str_eq_c(metric, *name))
            return true;
    return false;
}

static void a_template_fits_when_its_series_are_there(void **state)
{
    static const struct {
        const char *id, *there[3];
        bool fits;
    } cases[] = {
        {"redis-memory-absolute", {"redis_memory_used_bytes"}, true},
        {"redis-memory-absolute", {"mysql_up"}, false},
        {"redis-memory-ratio", {"redis_memory_used_bytes"}, false},
        {"redis-memory-ratio", {"redis_memory_used_bytes", "redis_memory_max_bytes"}, true},
        {"mysql-repl-lag",
         {"mysql_slave_status_seconds_behind_master", "mysql_slave_status_sql_delay"},
         true},
        {"mysql-repl-lag",
         {"mysql_slave_status_seconds_behind_source", "mysql_slave_status_sql_delay"},
         true},
        {"mysql-repl-lag", {"mysql_slave_status_sql_delay"}, false},
        {"mysql-repl-lag", {"mysql_slave_status_seconds_behind_master"}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rule_template *t = catalogue_find(c, str_c(cases[i].id));

        if (!t)
            fail_msg("no %s", cases[i].id);
        if (template_fits(t, is_in, (void *)cases[i].there) != cases[i].fits)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_becomes_a_rule_that_loads),
        cmocka_unit_test(rules_are_those_of_the_reference),
        cmocka_unit_test(values_fit_their_parameters_or_are_refused),
        cmocka_unit_test(a_rule_carries_what_was_chosen),
        cmocka_unit_test(a_template_fits_when_its_series_are_there),
    };

    return cmocka_run_group_tests(tests, open_catalogue, close_catalogue);
}
