/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promqltest - runs scripts in the language of Prometheus' expression tests
 *
 * A script is a row of blocks: `load` puts samples into a store in memory, `eval` asks a question
 * and tells the answer, `clear` empties the store. The grammar is told in the conformance data's
 * README.
 */
#ifndef TOCSIN_TESTS_PROMQLTEST_H
#define TOCSIN_TESTS_PROMQLTEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "promql/promql.h"
#include "tests/support/memory_reader.h"

struct tally {
    size_t passed, failed;
};

/* ---- script.c: text to blocks */

enum level { LEVEL_INFO, LEVEL_WARN, LEVEL_COUNT };

struct expectation {
    enum { EXPECT_ANY, EXPECT_TEXT, EXPECT_REGEX } how;
    struct str text;
};

struct expectations {
    struct expectation *list;
    size_t n, cap;
    bool none; /* there must be none */
};

struct expected_series {
    struct series_desc *desc;
    struct str line;
};

struct eval_block {
    int line;
    bool range, ordered, fail;
    unix_ms start, end; /* start: the time of an instant query */
    dur_ms step;
    struct str query;
    struct expectation failure;
    struct expectations notes[LEVEL_COUNT];
    bool scalar;
    double scalar_value;
    struct expected_series *series;
    size_t n, cap;
};

struct script {
    const char *path;
    struct str text;
    size_t pos;
    int line; /* of the line read last */
};

enum block_kind { BLOCK_END, BLOCK_CLEAR, BLOCK_LOAD, BLOCK_EVAL };

/* The next block; its lines belong to it. -EINVAL with words when it is none: it is skipped then.
 */
int script_next(struct script *s, enum block_kind *ret_kind, struct memory_reader *store,
                struct eval_block *ret, struct err *err);
void eval_block_deinit(struct eval_block *b);

/* ---- nhcb.c */

/* Adds for every classic histogram among descs[0..n) a native one with custom buckets. */
void load_native(struct memory_reader *store, struct series_desc *const *descs, size_t n,
                 dur_ms step);

/* ---- block.c */

struct runner {
    struct memory_reader *store;
    struct promql_options options;
    struct promql_features features;
};

/* Runs one eval block in all its variants; false: `report` tells what was expected and what came.
 */
bool run_block(struct runner *r, const struct eval_block *b, struct buf *report);

/* ---- compare.c */

bool same_float(double a, double b, double epsilon);
bool same_histogram(const struct histogram *a, const struct histogram *b, double epsilon);
void print_value(struct buf *out, double v, const struct histogram *h);
void print_result(struct buf *out, const struct promql_result *result);

/* Does the result hold what the block expects? Of a matrix only the points at `only`, if it is not
 * NULL. */
bool result_fits(const struct eval_block *b, const struct promql_result *result,
                 const unix_ms *only, struct buf *report);

/* ---- golden.c: answers recorded from a real Prometheus */
int run_golden(const char *folder, struct tally *tally, struct err *err);

#endif
