/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>

#include "base/gzip.h"
#include "remote/remote.h"
#include "tests/support/memory_keeper.h"

#define NOW INT64_C(1700000000500000000)

struct world {
    struct memory_keeper disk;
    struct push_gateway *g;
    struct buf text, page;
    unix_ns now;
};

static void start(struct world *w)
{
    struct keeper k = memory_keeper_port(&w->disk);
    struct err err = {0};

    assert_int_equal(push_gateway_open(&k, &w->g, &w->text, &err), 0);
}

static void end(struct world *w)
{
    push_gateway_free(w->g);
    memory_keeper_deinit(&w->disk);
    buf_free(&w->text);
    buf_free(&w->page);
}

#define WORLD                                                                                      \
    CLEANUP(end) struct world w = {.now = NOW};                                                    \
    start(&w)

static int push(struct world *w, enum push_method method, const char *path, const char *body)
{
    struct push_request q = {.method = method, .path = str_c(path), .body = str_c(body)};

    buf_reset(&w->text);
    return push_gateway_take(w->g, &q, w->now, &w->text);
}

#define PUT(path, body)  push(&w, PUSH_REPLACE, path, body)
#define POST(path, body) push(&w, PUSH_ADD, path, body)
#define DELETE(path)     push(&w, PUSH_DELETE, path, "")

/* The page without comments and times. */
static const char *series(struct world *w)
{
    CLEANUP(buf_free) struct buf all = {0};
    struct str rest;

    buf_reset(&w->page);
    buf_add_c(&w->page, "");
    push_gateway_page(w->g, &all);
    rest = buf_str(&all);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');

        if (!str_has_prefix(line, STR("#")) && !str_has_prefix(line, STR("push_"))) {
            buf_add_str(&w->page, line);
            buf_add_byte(&w->page, '\n');
        }
    }
    return w->page.p ? w->page.p : "";
}

static bool page_has(struct world *w, const char *line)
{
    CLEANUP(buf_free) struct buf whole = {0};

    buf_reset(&w->page);
    buf_add_byte(&w->page, '\n');
    push_gateway_page(w->g, &w->page);
    buf_addf(&whole, "\n%s\n", line);
    return str_find(buf_str(&w->page), buf_str(&whole)) < w->page.len;
}

static void labels_of_the_path_win_over_those_of_the_page(void **state)
{
    WORLD;

    assert_int_equal(PUT("job/backup/instance/db1",
                         "# HELP rows Rows \\\\ saved.\n# TYPE rows counter\n"
                         "rows{table=\"a\",job=\"other\",instance=\"x\"} 5\nsize 1e3\n"),
                     200);
    assert_string_equal(w.text.p ? w.text.p : "", "");
    assert_string_equal(series(&w), "rows{instance=\"db1\",job=\"backup\",table=\"a\"} 5\n"
                                    "size{instance=\"db1\",job=\"backup\"} 1000\n");
    assert_true(page_has(&w, "# TYPE rows counter"));
    assert_true(page_has(&w, "# HELP rows Rows \\\\ saved."));
    assert_true(
        page_has(&w, "push_time_seconds{instance=\"db1\",job=\"backup\"} 1.7000000005e+09"));
    assert_true(page_has(&w, "push_failure_time_seconds{instance=\"db1\",job=\"backup\"} 0"));
}

static void put_replaces_a_group_and_post_families(void **state)
{
    WORLD;

    PUT("job/a", "x 1\ny{k=\"1\"} 1\ny{k=\"2\"} 1\n");
    assert_int_equal(POST("job/a", "y{k=\"3\"} 3\nz 3\n"), 200);
    assert_string_equal(series(&w), "x{job=\"a\"} 1\ny{job=\"a\",k=\"3\"} 3\nz{job=\"a\"} 3\n");
    assert_int_equal(POST("job/a", ""), 200);
    assert_string_equal(series(&w), "x{job=\"a\"} 1\ny{job=\"a\",k=\"3\"} 3\nz{job=\"a\"} 3\n");
    PUT("job/b", "x 9\n");
    assert_int_equal(PUT("job/a", "x 2\n"), 200);
    assert_string_equal(series(&w), "x{job=\"a\"} 2\nx{job=\"b\"} 9\n");
    assert_int_equal(PUT("job/a", ""), 200); /* an empty group has its times still */
    assert_string_equal(series(&w), "x{job=\"b\"} 9\n");
    assert_true(page_has(&w, "push_time_seconds{job=\"a\"} 1.7000000005e+09"));
    assert_int_equal(DELETE("job/a"), 202);
    assert_false(page_has(&w, "push_time_seconds{job=\"a\"} 1.7000000005e+09"));
    assert_int_equal(DELETE("job/never"), 202);
    assert_int_equal(DELETE("job/b"), 202);
    assert_string_equal(series(&w), "");
}

static void histograms_and_summaries_are_one_family(void **state)
{
    WORLD;

    PUT("job/a",
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
        "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 3\ns_count 2\n");
    POST("job/a", "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 7\nh_sum 8\nh_count 7\n");
    assert_string_equal(series(&w), "s{job=\"a\",quantile=\"0.5\"} 1\ns_sum{job=\"a\"} 3\n"
                                    "s_count{job=\"a\"} 2\nh_bucket{job=\"a\",le=\"+Inf\"} 7\n"
                                    "h_sum{job=\"a\"} 8\nh_count{job=\"a\"} 7\n");
}

static void paths_name_groups(void **state)
{
    static const struct {
        const char *path, *labels;
    } good[] = {
        {"job/a", "{job=\"a\"}"},
        {"job/a/", "{job=\"a\"}"},
        {"job/a/k/v", "{job=\"a\",k=\"v\"}"},
        {"job@base64/YS9i", "{job=\"a/b\"}"},
        {"job/a/path@base64/L3Zhci90bXA", "{job=\"a\",path=\"/var/tmp\"}"},
        {"job/a/path@base64/L3Zhci90bXA=", "{job=\"a\",path=\"/var/tmp\"}"},
        {"job/a/k@base64/5YaF5a2Y", "{job=\"a\",k=\"内存\"}"},
        {"job/a/k@base64/=", "{job=\"a\"}"},
        {"job/a/k/", "{job=\"a\"}"},
        {"job/a/job/b", "{job=\"a\"}"},
    };
    static const struct {
        const char *path, *words;
    } bad[] = {
        {"job/", "job name is required"},
        {"job@base64/=", "job name is required"},
        {"job/a/k", "odd number of components, or more than 64 labels"},
        {"job/a//v", "improper label name \"\""},
        {"job/a/__x/v", "improper label name \"__x\""},
        {"job/a/a-b/v", "improper label name \"a-b\""},
        {"job/a/k@base64/a", "invalid base64 encoding in label k=\"a\""},
        {"job/a/k@base64/%%%", "invalid base64 encoding in label k=\"%%%\""},
        {"job/a/k@base64/_w", "value of label k is no UTF-8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char expected[128];
        WORLD;

        assert_int_equal(PUT(good[i].path, "x 1\n"), 200);
        snprintf(expected, sizeof expected, "x%s 1\n", good[i].labels);
        assert_string_equal(series(&w), expected);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        WORLD;

        assert_int_equal(PUT(bad[i].path, "x 1\n"), 400);
        assert_string_equal(w.text.p, bad[i].words);
        assert_string_equal(series(&w), "");
    }
}

#define INCONSISTENT "pushed metrics are invalid or inconsistent with existing metrics: "

static void what_is_refused_leaves_the_group_as_it_was(void **state)
{
    static const struct {
        const char *path, *body, *words;
        bool is_noted; /* in push_failure_time_seconds */
    } cases[] = {
        {"job/a", "x 1\ny one\n", "text format parsing error: line 2: ", false},
        {"job/a", "x 1\n# TYPE x gauge\n", "text format parsing error: line 2: second TYPE", false},
        {"job/a", "# HELP x 1\n# HELP x 2\nx 1\n", "text format parsing error: line 2: second HELP",
         false},
        {"job/a", "x 1 1700000000000\n", INCONSISTENT "pushed metrics must not have timestamps",
         true},
        {"job/a", "x{a=\"1\",b=\"2\"} 1\nx{b=\"2\",a=\"1\"} 1\n",
         INCONSISTENT "x{a=\"1\", b=\"2\", job=\"a\"} was collected before", true},
        {"job/a", "# TYPE n gauge\nn 1\n", INCONSISTENT "n has another type in another group",
         true},
        {"job/b", "n{k=\"v\"} 1\n", INCONSISTENT "a series of n is in another group already", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        WORLD;

        PUT("job/a", "old 1\n");
        PUT("job/b", "old 1\n");
        PUT("job/b/k/v", "n 1\n");
        w.now += INT64_C(1000000000);
        assert_int_equal(PUT(cases[i].path, cases[i].body), 400);
        if (strncmp(w.text.p, cases[i].words, strlen(cases[i].words)) != 0)
            fail_msg("expected \"%s\", found \"%s\"", cases[i].words, w.text.p);
        assert_true(page_has(&w, "old{job=\"a\"} 1"));
        assert_true(page_has(&w, "old{job=\"b\"} 1"));
        assert_true(page_has(&w, "push_time_seconds{job=\"a\"} 1.7000000005e+09"));
        assert_int_equal(page_has(&w, "push_failure_time_seconds{job=\"a\"} 1.7000000015e+09") ||
                             page_has(&w, "push_failure_time_seconds{job=\"b\"} 1.7000000015e+09"),
                         cases[i].is_noted);
    }
}

static void groups_are_there_after_a_restart(void **state)
{
    struct buf before = {0}, after = {0};
    WORLD;

    PUT("job/a/k@base64/5YaF5a2Y",
        "# HELP h What \\n it is.\n# TYPE h histogram\nh_bucket{le=\"0.1\"} 1\n"
        "h_bucket{le=\"+Inf\"} 2\nh_sum NaN\nh_count 2\nx{t=\"a\\\"\\\\\\n\"} -Inf\n");
    PUT("job/b", "x 2\n");
    POST("job/b", "y 3\n");
    PUT("job/gone", "x 2\n");
    DELETE("job/gone");
    w.now += INT64_C(1000000000);
    PUT("job/b", "y 3 1\n"); /* refused */
    push_gateway_page(w.g, &before);
    push_gateway_free(w.g);
    start(&w);
    assert_true(push_gateway_page(w.g, &after));
    assert_string_equal(before.p, after.p);
    assert_true(page_has(&w, "push_failure_time_seconds{job=\"b\"} 1.7000000015e+09"));
    assert_int_equal(PUT("job/a", "# TYPE h gauge\nh 1\n"), 400); /* types are known again */
    buf_free(&before);
    buf_free(&after);
}

static void a_push_that_cannot_be_kept_changes_nothing(void **state)
{
    WORLD;

    PUT("job/a", "x 1\n");
    w.disk.fail_writes = -1;
    assert_int_equal(POST("job/a", "x 2\n"), 500);
    assert_int_equal(PUT("job/b", "x 2\n"), 500);
    assert_int_equal(DELETE("job/a"), 500);
    assert_string_equal(series(&w), "x{job=\"a\"} 1\n");
    w.disk.fail_writes = 0;
    assert_int_equal(POST("job/a", "x 2\n"), 200);
    assert_string_equal(series(&w), "x{job=\"a\"} 2\n");
}

static void a_damaged_record_is_told_and_left_out(void **state)
{
    struct keeper k;
    const struct keeper_op ops[] = {
        {"push", STR("{job=\"x\"}"), STR("nonsense")},
        {"push", STR("{job=\"y\"}"), STR("push_time_seconds{job=\"y\"} 1\nother 2\n")},
    };
    WORLD;

    PUT("job/a", "x 1\n");
    push_gateway_free(w.g);
    k = memory_keeper_port(&w.disk);
    assert_int_equal(k.write(k.self, ops, ARRAY_LEN(ops), NULL), 0);
    buf_reset(&w.text);
    start(&w);
    assert_non_null(strstr(w.text.p, "pushed group {job=\"x\"} left out: "));
    assert_non_null(strstr(w.text.p, "pushed group {job=\"y\"} left out: expected push_failure"));
    assert_string_equal(series(&w), "x{job=\"a\"} 1\n");
}

static void compressed_bodies_and_times_of_the_sender(void **state)
{
    struct buf zipped = {0};
    struct push_request q = {.path = STR("job/a"), .content_encoding = STR("gzip")};
    WORLD;

    gzip_deflate(STR("x 1\npush_time_seconds 3\n"), &zipped);
    q.body = buf_str(&zipped);
    assert_int_equal(push_gateway_take(w.g, &q, NOW, &w.text), 200);
    assert_string_equal(series(&w), "x{job=\"a\"} 1\n");
    assert_true(page_has(&w, "push_time_seconds{job=\"a\"} 1.7000000005e+09"));
    q.body = STR("no gzip");
    assert_int_equal(push_gateway_take(w.g, &q, NOW, &w.text), 400);
    buf_free(&zipped);
}

static void nothing_pushed_is_no_page(void **state)
{
    struct buf page = {0};
    WORLD;

    assert_false(push_gateway_page(w.g, &page));
    assert_int_equal(page.len, 0);
    buf_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_of_the_path_win_over_those_of_the_page),
        cmocka_unit_test(put_replaces_a_group_and_post_families),
        cmocka_unit_test(histograms_and_summaries_are_one_family),
        cmocka_unit_test(paths_name_groups),
        cmocka_unit_test(what_is_refused_leaves_the_group_as_it_was),
        cmocka_unit_test(groups_are_there_after_a_restart),
        cmocka_unit_test(a_push_that_cannot_be_kept_changes_nothing),
        cmocka_unit_test(a_damaged_record_is_told_and_left_out),
        cmocka_unit_test(compressed_bodies_and_times_of_the_sender),
        cmocka_unit_test(nothing_pushed_is_no_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
