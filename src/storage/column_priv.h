/* SPDX-License-Identifier: Apache-2.0 */
/*
 * column - the times or the values of one sealed chunk as few bytes that are quick to read
 *
 * Byte tables: docs/formats/storage.md, "Columns". Numbers are kept in frames of FRAME_MAX: the
 * least of the frame, then the differences to it at equal width, then what was too wide. Values
 * that are decimal fractions (m / 10^e, which is nearly everything that a program prints) are kept
 * as the whole numbers m or their differences; the others by the bits in which they differ from the
 * one before.
 *
 * All 64 bits of every value come back, also of NaNs. Pure functions.
 */
#ifndef TOCSIN_STORAGE_COLUMN_PRIV_H
#define TOCSIN_STORAGE_COLUMN_PRIV_H

#include "base/buf.h"
#include "base/clock.h"
#include "storage/wire_priv.h"

#define FRAME_MAX    128
#define CHUNK_MAX    4096 /* samples of one chunk: what a reader has to decode to see one of them */
#define TIME_ABS_MAX (INT64_C(1) << 52) /* ms: differences of any two times fit in 64 bits */
#define DECIMALS_MAX 15

/* How the values of a column are kept. */
enum values_kind { VALUES_CONSTANT, VALUES_PLAIN, VALUES_DELTA, VALUES_XOR };

static inline unsigned column_values_kind(uint8_t first_byte)
{
    return first_byte & 7; /* one of enum values_kind in a good column */
}

/* v as a whole number of 10^-e, when that gives v back bit by bit. */
bool decimal_of(double v, unsigned e, int64_t *ret);

extern const double decimal_powers[DECIMALS_MAX + 1]; /* of ten */

/* m * 10^-e, correctly rounded. */
static inline double decimal_value(int64_t m, unsigned e)
{
    return (double)m / decimal_powers[e];
}

/* Appends the column of n times, ascending, 1 <= n <= CHUNK_MAX; the first one is kept elsewhere,
 * so that series with the same rhythm have the same bytes. */
void column_put_times(const unix_ms *t, size_t n, struct buf *out);
void column_put_values(const double *v, size_t n, struct buf *out);

/* Read n times or values. False when the bytes are not a column; nothing is promised about out
 * then. */
bool column_get_times(struct wire *w, unix_ms first, size_t n, unix_ms *out);
bool column_get_values(struct wire *w, size_t n, double *out);

#endif
