/* SPDX-License-Identifier: Apache-2.0 */
/*
 * num - numbers as text, the way Go's strconv writes and reads them
 */
#ifndef TOCSIN_BASE_NUM_H
#define TOCSIN_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define NUM_TEXT_MAX 352 /* bytes of the longest 'f' form, a denormal with its zeroes */

/* Each writes into out (at least NUM_TEXT_MAX bytes, not zero-terminated) and returns the length. All
 * use the fewest digits that read back equal; special values are NaN, +Inf, -Inf. */
size_t num_format_f(double v, char *out); /* 'f': never an exponent */
size_t num_format_e(double v, char *out); /* 'e': always an exponent of two digits or more */

/* Go's %v of a float64, the form of $value, /federate and PromQL's printer: plain while the exponent of the
 * leading digit is -4 ... 5, else d.ddde±XX. */
size_t num_format_short(double v, char *out);

/* The HTTP API's sample values: 'f', but 'e' when abs < 1e-6 or >= 1e21 (and not 0). */
#define NUM_SAMPLE_MAX 32 /* bytes; as much room does for this one */
size_t num_format_sample(double v, char *out);

void num_add_f(struct buf *b, double v);
void num_add_short(struct buf *b, double v);
void num_add_sample(struct buf *b, double v);
void num_add_i64(struct buf *b, int64_t v);

/* Correctly rounded decimal or exponent form, optional sign, "Inf"/"Infinity"/"NaN" in any case; all of s
 * must be used. False when it is not a number. Out of range gives ±Inf or 0 and true. */
bool num_parse_double(struct str s, double *ret);
bool num_parse_i64(struct str s, int64_t *ret); /* decimal, optional sign, range-checked */
bool num_parse_u64(struct str s, uint64_t *ret);

#endif
