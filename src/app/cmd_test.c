/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_test - `tocsin test rules`: unit tests in promtool's format, each in a store of its own
 */
#include "app/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/features.h"
#include "app/flags.h"
#include "base/buf.h"
#include "base/file.h"
#include "model/duration.h"
#include "rules/rules.h"
#include "storage/storage.h"

struct test_options {
    struct flag_list run, features;
    bool ignore_unknown_fields;
    const char *junit;
};

#define AT(field) offsetof(struct test_options, field)

static const struct flag flags[] = {
    {"run", FLAG_LIST, AT(run), NULL,
     "Only tests whose name this regular expression matches; may be repeated.",
     "只运行名称匹配该正则表达式的测试；可重复。"},
    {"junit", FLAG_TEXT, AT(junit), "", "Also write the results to this file as JUnit XML.",
     "同时将结果以 JUnit XML 写入该文件。"},
    {"ignore-unknown-fields", FLAG_SWITCH, AT(ignore_unknown_fields), NULL,
     "Take no notice of fields that are not known.", "忽略未知字段。"},
    FEATURES_FLAG(AT(features)),
};

static const struct flag_set test_flags = {
    .usage_en =
        "tocsin test rules [flags] FILE...\n\n"
        "Runs rule unit tests in the format of `promtool test rules`. Of what differs, lines\n"
        "with - were expected only, lines with + came only.",
    .usage_zh = "tocsin test rules [参数] 文件...\n\n"
                "运行 `promtool test rules` 格式的规则单元测试。\n"
                "结果不同时，- 表示只在预期中，+ 表示只在实际结果中。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en = "Exit codes: 0 all passed, 1 a test failed or a file is wrong, 2 wrong flags.",
    .tail_zh = "退出码：0 全部通过，1 有测试失败或文件有误，2 参数有误。",
};

struct testing {
    char dir[64]; /* of the store */
    struct storage *storage;
    const char *path;  /* of the tests */
    struct buf *junit; /* NULL: nobody wants it */
    unsigned failures; /* of this file */
};

/* ---- the store of a test */

static unix_ms far_ahead(void *arg)
{
    (void)arg;
    return INT64_MAX / 2; /* a test may be about any time */
}

static int open_store(void *self, struct sample_sink *samples, struct series_reader *reader,
                      struct err *err)
{
    struct testing *t = self;
    const char *tmp = getenv("TMPDIR");
    struct storage_options o;
    int r;

    storage_options_default(&o);
    o.manual = true;
    o.now = far_ahead;
    snprintf(t->dir, sizeof t->dir, "%s/tocsin-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(t->dir))
        return err_set(err, -errno, "%s: %m", t->dir);
    r = storage_open(t->dir, &o, &t->storage, NULL, err);
    if (r < 0) {
        file_remove_tree(t->dir);
        return r;
    }
    *samples = *storage_sink(t->storage);
    *reader = *storage_reader(t->storage);
    return 0;
}

static void close_store(void *self)
{
    struct testing *t = self;

    storage_close(t->storage, NULL);
    file_remove_tree(t->dir);
}

/* ---- what is said */

static void print_failure(struct buf *out, const struct testing *t,
                          const struct rule_test_failure *f)
{
    CLEANUP(buf_free) struct buf at = {0};

    duration_print(f->at, &at);
    buf_addf(out, "  %s", t->path);
    if (f->line > 0)
        buf_addf(out, ":%d:%d", f->line, f->column);
    buf_addf(out, "%s%s%s: ", *f->test ? " \"" : "", f->test, *f->test ? "\"" : "");
    buf_addf(out,
             f->alert ? say("alert %s at %s", "告警 %s，时刻 %s")
                      : say("expression %s at %s", "表达式 %s，时刻 %s"),
             f->subject, at.p);
    if (f->error)
        buf_addf(out, ": %s", f->error);
    buf_add_byte(out, '\n');
    for (size_t i = 0; i < f->n_lines; i++)
        buf_addf(out, "    %c %s\n", f->lines[i].mark, f->lines[i].text);
}

static void add_xml(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        switch (text.p[i]) {
        case '&': buf_add_c(out, "&amp;"); break;
        case '<': buf_add_c(out, "&lt;"); break;
        case '>': buf_add_c(out, "&gt;"); break;
        case '"': buf_add_c(out, "&quot;"); break;
        default: buf_add_byte(out, text.p[i]);
        }
}

static void add_junit_case(struct buf *out, const char *name, struct str failure)
{
    buf_add_c(out, "    <testcase name=\"");
    add_xml(out, str_c(name));
    buf_add_c(out, "\">");
    if (failure.len > 0) {
        buf_add_c(out, "<failure>");
        add_xml(out, failure);
        buf_add_c(out, "</failure>");
    }
    buf_add_c(out, "</testcase>\n");
}

static void on_failure(void *self, const struct rule_test_failure *f)
{
    struct testing *t = self;
    CLEANUP(buf_free) struct buf text = {0};

    if (t->failures++ == 0)
        fputs(say("  FAILED:\n", "  未通过：\n"), stderr);
    print_failure(&text, t, f);
    fputs(text.p, stderr);
    if (t->junit)
        add_junit_case(t->junit, *f->test ? f->test : f->subject, buf_str(&text));
}

/* ---- running */

static bool test_file(const struct test_options *o, const struct features *f, const char *path,
                      struct buf *junit)
{
    struct testing t = {.path = path, .junit = junit};
    struct rule_test_options options = {.open = open_store,
                                        .close = close_store,
                                        .failed = on_failure,
                                        .self = &t,
                                        .run = o->run.items,
                                        .n_run = o->run.n,
                                        .ignore_unknown_fields = o->ignore_unknown_fields,
                                        .features = f->promql,
                                        .delayed_name_removal = f->delayed_name_removal,
                                        .type_and_unit_labels = f->type_and_unit_labels};
    struct rule_test_counts counts = {0};
    struct err err = {0};
    int r;

    printf(say("Testing %s\n", "测试 %s\n"), path);
    fflush(stdout);
    if (junit) {
        buf_add_c(junit, "  <testsuite name=\"");
        add_xml(junit, str_c(path));
        buf_add_c(junit, "\">\n");
    }
    r = rules_test_file(path, &options, &counts, &err);
    if (r < 0)
        fprintf(stderr, "  %s\n  %s\n", say("FAILED:", "未通过："), err.msg);
    if (junit) {
        if (r < 0)
            add_junit_case(junit, path, str_c(err.msg));
        for (unsigned i = 0; i < counts.passed; i++)
            add_junit_case(junit, path, STR_NONE);
        buf_add_c(junit, "  </testsuite>\n");
    }
    if (r < 0)
        return false;
    printf(say("  %u passed, %u failed\n", "  通过 %u，未通过 %u\n"), counts.passed, counts.failed);
    return counts.failed == 0;
}

int command_test(int argc, char **argv)
{
    CLEANUP(buf_free) struct buf junit = {0};
    struct test_options o = {0};
    struct features features;
    struct err err = {0};
    bool ok = true;
    int code, n = command_flags(&test_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n < 2 || strcmp(argv[0], "rules") != 0) {
        fputs(
            say("tocsin: expected `test rules FILE...`\n", "tocsin：用法是 `test rules 文件...`\n"),
            stderr);
        return EXIT_USAGE;
    }
    features_read(&o.features, &features, features_complain, NULL);
    buf_add_c(&junit, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (int i = 1; i < n; i++)
        ok = test_file(&o, &features, argv[i], *o.junit ? &junit : NULL) && ok;
    buf_add_c(&junit, "</testsuites>\n");
    if (*o.junit && file_write_atomic(o.junit, buf_str(&junit), &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    return ok ? EXIT_OK : EXIT_FAILED;
}
