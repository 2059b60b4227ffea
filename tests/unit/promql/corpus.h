/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corpus - the cases of peers, read when a test runs; without them the test is skipped
 */
#ifndef TOCSIN_TESTS_UNIT_PROMQL_CORPUS_H
#define TOCSIN_TESTS_UNIT_PROMQL_CORPUS_H

#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#define CORPUS_FILE_MAX (4u << 20)

/* A JSON file of conformance/promql/. The caller frees it with json_doc_free(). */
static inline struct json *corpus_open(const char *name)
{
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");
    struct buf path = {0}, text = {0};
    struct err err = {0};
    struct json *doc = NULL;
    int r;

    if (shared)
        buf_addf(&path, "%s/conformance/promql/%s", shared, name);
    else
        buf_addf(&path, "%s/../shared/conformance/promql/%s", source ? source : ".", name);
    r = file_read(path.p, CORPUS_FILE_MAX, &text, &err);
    if (r < 0)
        print_message("# skipped, no %s: %s\n", path.p, err.msg);
    else
        assert_int_equal(json_doc_parse(buf_str(&text), &doc, &err), 0);
    buf_free(&path);
    buf_free(&text);
    if (r < 0)
        skip();
    return doc;
}

#endif
