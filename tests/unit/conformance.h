/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conformance - cases of the systems whose formats we speak, read when a test runs
 *
 * They lie outside of the source: in $TOCSIN_SHARED, or "../shared" beside it. A test without them
 * is skipped.
 */
#ifndef TOCSIN_TESTS_UNIT_CONFORMANCE_H
#define TOCSIN_TESTS_UNIT_CONFORMANCE_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/file.h"

#define CONFORMANCE_FILE_MAX (64u << 20) /* bytes */

/* Appends conformance/<name> to out. False when it is not there. */
static inline bool conformance_read(const char *name, struct buf *out)
{
    CLEANUP(buf_free) struct buf path = {0};
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");

    if (shared)
        buf_addf(&path, "%s/conformance/%s", shared, name);
    else
        buf_addf(&path, "%s/../shared/conformance/%s", source ? source : ".", name);
    return file_read(path.p, CONFORMANCE_FILE_MAX, out, NULL) == 0;
}

#endif
