/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_chunk - the samples at the end of a series, to which more are appended
 *
 * Bytes that only grow, made for small memory and quick appending: one byte for 64 samples that
 * repeat, one for a counter that counts a little, two to four for the rest. When it is full its
 * samples are packed as columns (column_priv.h) and a new one begins. Byte table:
 * docs/formats/storage.md, "Open chunk".
 *
 * struct tip is what appending has to know of what was appended before; it lives in the series. The
 * bytes live in the pool of the head.
 */
#ifndef TOCSIN_STORAGE_OPEN_CHUNK_PRIV_H
#define TOCSIN_STORAGE_OPEN_CHUNK_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define OPEN_SAMPLES_MAX 128 /* = FRAME_MAX: sealed, they are one frame */
#define OPEN_TOKEN_MAX   32  /* bytes that one sample adds at most */
#define OPEN_BYTES_MAX   (OPEN_SAMPLES_MAX * OPEN_TOKEN_MAX)

enum tip_flags {
    TIP_RUN = 1, /* the last byte is a run that can be made longer */
    TIP_RAW = 2, /* the last value is no decimal: the next difference is to 0 */
};

struct tip {
    unix_ms last_t;     /* of the newest sample in order, also after the chunk was sealed */
    uint64_t last_bits; /* and its value; of a histogram the bits of its sum */
    uint32_t step;      /* ms between the last two samples of this chunk */
    uint16_t len;       /* bytes of the open chunk */
    uint8_t n;          /* samples in it; 0: it has not begun */
    uint8_t decimals;
    uint8_t flags; /* of enum tip_flags */

    /* The owner's; they stand here because there is room. */
    uint8_t piece_class; /* of the pool piece with the bytes */
    uint8_t state;       /* of enum series_state */
};

/* Whether (t, v) fits behind the tip: there is a place, and the step is not too long to be kept. */
bool open_chunk_takes(const struct tip *tip, unix_ms t);

/*
 * Appends to a chunk that takes it. Writes what comes after the first tip->len bytes to `token`
 * (OPEN_TOKEN_MAX bytes) and returns how many; the caller puts them behind the others. When the
 * last byte of the chunk has to change instead, *last_byte (its copy) is changed and 0 is returned.
 */
size_t open_chunk_append(struct tip *tip, unix_ms t, double v, uint8_t *last_byte, uint8_t *token);

/* Reads those of n samples that are not before `from`, for which times and values have room.
 * False when the bytes are no open chunk of n samples. */
bool open_chunk_read(const uint8_t *bytes, size_t len, size_t n, unix_ms from, unix_ms *times,
                     double *values, size_t *ret_n);

#endif
