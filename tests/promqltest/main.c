/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promqltest FILE...          runs test scripts
 * promqltest --golden FOLDER  compares with the recorded answers in FOLDER
 *
 * Shows each failing block. The last line is "N passed, N failed"; the exit code is 0 when none
 * failed. A script whose name ends in _default_off.test runs without delayed name removal, all
 * others with it.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tests/promqltest/promqltest.h"

#define SCRIPT_MAX (8u << 20) /* bytes */

static const struct promql_options engine = {
    .lookback = 5 * 60 * 1000,
    .timeout = 100 * 1000,
    .subquery_step = 60 * 1000,
    .max_samples = 10000,
    .delayed_name_removal = true,
};

static void show_failure(const struct script *s, const struct eval_block *b, const char *report)
{
    printf("%s:%d: " STR_FMT "\n", s->path, b->line, STR_ARG(b->query));
    if (b->scalar)
        printf("  expected: %g\n", b->scalar_value);
    for (size_t i = 0; i < b->n; i++)
        printf("  expected: " STR_FMT "\n", STR_ARG(b->series[i].line));
    printf("%s\n", report);
}

static void run_script(struct script *s, struct tally *tally)
{
    struct memory_reader store = {0};
    struct runner runner = {.store = &store, .options = engine, .features = {true, true}};
    enum block_kind kind;

    if (strstr(s->path, "_default_off.test"))
        runner.options.delayed_name_removal = false;
    do {
        struct eval_block block = {0};
        struct buf report = {0};
        struct err err = {0};

        if (script_next(s, &kind, &store, &block, &err) < 0) {
            printf("%s:%d: %s\n", s->path, s->line, err.msg);
            tally->failed++;
        } else if (kind == BLOCK_CLEAR) {
            memory_reader_clear(&store);
        } else if (kind == BLOCK_EVAL) {
            bool passed = run_block(&runner, &block, &report);

            tally->passed += passed;
            tally->failed += !passed;
            if (!passed)
                show_failure(s, &block, report.p ? report.p : "");
        }
        buf_free(&report);
        eval_block_deinit(&block);
    } while (kind != BLOCK_END);
    memory_reader_clear(&store);
}

static void run_file(const char *path, struct tally *total)
{
    struct buf text = {0};
    struct err err = {0};
    struct tally tally = {0};

    if (file_read(path, SCRIPT_MAX, &text, &err) < 0) {
        printf("%s: %s\n", path, err.msg);
        tally.failed++;
    } else {
        struct script s = {.path = path, .text = buf_str(&text)};

        run_script(&s, &tally);
        printf("%s: %zu passed, %zu failed\n", path, tally.passed, tally.failed);
    }
    total->passed += tally.passed;
    total->failed += tally.failed;
    buf_free(&text);
}

int main(int argc, char **argv)
{
    bool golden = argc == 3 && strcmp(argv[1], "--golden") == 0;
    struct tally total = {0};
    struct err err = {0};

    if (argc < 2 || (argv[1][0] == '-' && !golden)) {
        fprintf(stderr, "usage: promqltest FILE... | --golden FOLDER\n");
        return 2;
    }
    if (golden && run_golden(argv[2], &total, &err) < 0) {
        printf("%s: %s\n", argv[2], err.msg);
        total.failed++;
    }
    for (int i = 1; i < argc && !golden; i++)
        run_file(argv[i], &total);
    printf("%zu passed, %zu failed\n", total.passed, total.failed);
    return total.failed > 0;
}
