/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stones_file - what else than the storage has to know of the file of tombstones
 */
#ifndef TOCSIN_STORAGE_STONES_FILE_PRIV_H
#define TOCSIN_STORAGE_STONES_FILE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STONES_KIND       'T'
#define STONES_VERSION    1
#define STONES_META_BYTES 8

/* Whether the bytes of its section make sense to their end. */
bool stones_bytes_are_good(const uint8_t *p, size_t len);
/* The same; adds how many tombstones there are. */
bool stones_bytes_count(const uint8_t *p, size_t len, uint64_t *count_sum);

#endif
