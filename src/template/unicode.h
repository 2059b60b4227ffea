/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unicode - what kind of character a code point is
 *
 * The C library knows this only in a locale that a small host may lack; these tables are always
 * there.
 */
#ifndef TOCSIN_TEMPLATE_UNICODE_H
#define TOCSIN_TEMPLATE_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool unicode_is_word(uint32_t c); /* a letter, a decimal digit or _ */
bool unicode_is_print(
    uint32_t c); /* shown as it is by %q: letters, marks, digits, signs, ASCII blank */
bool unicode_is_space(uint32_t c);
uint32_t unicode_upper(uint32_t c); /* c itself when it has no upper case */
uint32_t unicode_lower(uint32_t c);

#endif
