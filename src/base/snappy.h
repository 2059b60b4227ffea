/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snappy - the block format of remote write and of Prometheus' log, which is not the framed one of
 * files
 */
#ifndef TOCSIN_BASE_SNAPPY_H
#define TOCSIN_BASE_SNAPPY_H

#include "base/buf.h"
#include "base/err.h"

/* Replaces what `out` holds by the decompressed bytes. -E2BIG: they would be more than `max`, or more
 * than `in` can stand for, found before memory is taken; -EBADMSG: `in` is no such block. */
int snappy_block_read(struct str in, size_t max, struct buf *out, struct err *err);

#endif
