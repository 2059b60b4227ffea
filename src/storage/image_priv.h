/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - all series of the head and the samples that no block has, as one file
 *
 * A section file of kind 'H' and version 3; version 1 had no section of tombstones, version 2 none of
 * exemplars and metadata. Byte table: docs/formats/storage.md, "Head image".
 */
#ifndef TOCSIN_STORAGE_IMAGE_PRIV_H
#define TOCSIN_STORAGE_IMAGE_PRIV_H

#include "storage/replay_priv.h"

#define IMAGE_KIND       'H'
#define IMAGE_VERSION    3
#define IMAGE_META_BYTES 56
#define SERIES_BYTES     48 /* of a series, before its labels and chunks */
#define SERIES_ALIGN     4
#define CHUNK_HEAD       20 /* of a sealed chunk, before its columns */

enum image_section {
    IMAGE_SERIES,  /* each: SERIES_BYTES, labels, sealed chunks (oldest first), open chunk */
    IMAGE_PLACES,  /* u32 each: begin of the series, in units of SERIES_ALIGN */
    IMAGE_SYMBOLS, /* u32 length of each text; then the texts */
    IMAGE_PAIRS,   /* two u32 each: numbers of symbols */
    IMAGE_LATE,
    IMAGE_STONES, /* of samples in order; late ones that are deleted are not in the image */
    IMAGE_EXTRAS, /* exemplars and metadata: sections of a log record */
    IMAGE_SECTIONS,
};

struct image_meta {
    uint64_t segment; /* the log from this one on is needed besides */
    uint32_t next_id;
    uint32_t symbols, pairs, series;
    unix_ms cut;        /* samples in order before this are in blocks */
    unix_ms valid_from; /* of the head */
    uint64_t late;
};

void image_meta_put(const struct image_meta *m, uint8_t out[IMAGE_META_BYTES]);
struct image_meta image_meta_get(const uint8_t *in);

/* Loads an image into the empty head and sets known_below; *ret_segment is where the log goes
 * on. */
int image_load(struct replay *r, const char *path, uint64_t *ret_segment, struct err *err);

#endif
