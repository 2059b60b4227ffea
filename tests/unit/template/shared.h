/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared - the conformance data, read at run time; a test is skipped where it is not at hand
 */
#ifndef TOCSIN_TESTS_UNIT_TEMPLATE_SHARED_H
#define TOCSIN_TESTS_UNIT_TEMPLATE_SHARED_H

#include <stdlib.h>

#include "base/file.h"

#define SHARED_FILE_MAX (8u << 20)

/* Appends conformance/<name> to out; false when there is no such file. */
static inline bool shared_read(const char *name, struct buf *out)
{
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");
    struct buf path = {0};
    int r;

    if (shared)
        buf_addf(&path, "%s/conformance/%s", shared, name);
    else
        buf_addf(&path, "%s/../shared/conformance/%s", source ? source : ".", name);
    r = file_read(path.p, SHARED_FILE_MAX, out, NULL);
    buf_free(&path);
    return r == 0;
}

#endif
