/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tocsin_cmocka - cmocka.h and the headers that it wants first
 */
#ifndef TOCSIN_TESTS_UNIT_TOCSIN_CMOCKA_H
#define TOCSIN_TESTS_UNIT_TOCSIN_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
