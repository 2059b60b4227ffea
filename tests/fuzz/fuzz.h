/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz - what every fuzz target begins with
 *
 * A target parses the bytes and, when they were taken, checks with must() what must hold then.
 */
#ifndef TOCSIN_TESTS_FUZZ_FUZZ_H
#define TOCSIN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
