/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip - whole bodies in and out
 */
#ifndef TOCSIN_BASE_GZIP_H
#define TOCSIN_BASE_GZIP_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the decompressed bytes of one gzip or zlib stream to out; -E2BIG beyond max bytes. */
int gzip_inflate(struct str in, size_t max, struct buf *out, struct err *err);

/* Appends a gzip stream of `in` (level 1: bodies are large and the network is near). */
void gzip_deflate(struct str in, struct buf *out);

#endif
