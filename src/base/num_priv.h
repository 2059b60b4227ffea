/* SPDX-License-Identifier: Apache-2.0 */
/*
 * num_priv - the digits of doubles, from the C++ library: shortest and correctly rounded
 */
#ifndef TOCSIN_BASE_NUM_PRIV_H
#define TOCSIN_BASE_NUM_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NUM_DIGITS_MAX 17 /* the most that a double ever needs to read back equal */

struct num_digits {
    char digits[NUM_DIGITS_MAX];
    int n;        /* at least 1 */
    int exponent; /* the first digit stands for 10^exponent */
    bool negative;
};

/* Of a finite v. */
void num_shortest_digits(double v, struct num_digits *ret);

/* Without an exponent, NUM_TEXT_MAX bytes at most. Not for large v, where it has more digits. */
size_t num_shortest_fixed(double v, char *out);

/* As text d.ddde±XX; returns its length, 24 at most. */
size_t num_shortest_e(double v, char *out);

/* Reads an unsigned decimal number that begins with a digit or a point; all of it must be used. */
bool num_parse_magnitude(const char *p, size_t len, double *ret);

#ifdef __cplusplus
}
#endif

#endif
