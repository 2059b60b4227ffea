/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text: what parses is printed, on one line and on several; the printed text parses and prints
 * the same again. The first byte chooses the features.
 */
#include "base/must.h"
#include "promql/ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_print_the_same(struct str text, const struct promql_features *features,
                                struct str printed)
{
    struct promql_expr *e = NULL;
    struct buf again = {0};

    must(promql_parse(text, features, &e, NULL) == 0);
    promql_print(e->root, &again);
    must(str_eq(buf_str(&again), printed));
    buf_free(&again);
    promql_expr_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct promql_features features = {size > 0 && (data[0] & 1), size > 0 && (data[0] & 2)};
    struct str text = str_n((const char *)data + (size > 0), size - (size > 0));
    struct buf printed = {0}, pretty = {0}, json = {0};
    struct promql_expr *e = NULL;
    struct err err = {0};

    if (promql_parse(text, &features, &e, &err) == 0) {
        promql_print(e->root, &printed);
        promql_print_json(e->root, &json);
        promql_print_pretty(e->root, 20, &pretty);
        /* Durations and numbers may print longer than they were written. */
        if (printed.len <= PROMQL_TEXT_MAX && pretty.len <= PROMQL_TEXT_MAX) {
            must_print_the_same(buf_str(&printed), &features, buf_str(&printed));
            must_print_the_same(buf_str(&pretty), &features, buf_str(&printed));
        }
    } else {
        must(err.code < 0 && err.msg[0]);
    }
    promql_expr_free(e);
    buf_free(&printed);
    buf_free(&pretty);
    buf_free(&json);
    return 0;
}
