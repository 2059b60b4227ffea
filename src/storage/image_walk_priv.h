/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_walk - an image of the head read series by series, without a head
 *
 * image_walk_open() and any number of looks; what comes back points into the file. Nothing in it is
 * trusted: what does not lie within its section is refused. The caller checks the sections first
 * (section_check()) when pages may be damaged. One thread.
 */
#ifndef TOCSIN_STORAGE_IMAGE_WALK_PRIV_H
#define TOCSIN_STORAGE_IMAGE_WALK_PRIV_H

#include "model/label_set.h"
#include "storage/image_priv.h"
#include "storage/open_chunk_priv.h"
#include "storage/section_file_priv.h"

/* A series, as its bytes say. */
struct image_series {
    uint32_t id;
    size_t n_labels; /* at most LABEL_COUNT_MAX */
    struct tip tip;
    uint64_t hash;
    uint32_t sealed;      /* chunks */
    struct wire labels;   /* u32 numbers of pairs; then */
    struct wire chunks;   /* the sealed ones, then the open one */
    const uint8_t *bytes; /* where it begins; chunks.end is its end */
};

/* The series at `place` of the section, in units of SERIES_ALIGN. */
bool image_series_get(struct wire series, uint32_t place, struct image_series *ret);

/* A chunk of a series: a sealed one, or the bytes of the open one. */
struct image_chunk {
    unsigned n; /* samples */
    bool open, histograms;
    unix_ms first_t, last_t;
    const uint8_t *bytes;
    size_t len;
};

/* The next of e->sealed chunks, from e->chunks. */
bool image_sealed_get(struct wire *chunks, struct image_chunk *ret);

/* The open chunk, from what e->chunks has left after the sealed ones; `tip.n` is not 0. */
bool image_open_get(const struct image_series *e, struct wire chunks, struct image_chunk *ret);

/* Reads its samples; times and values have room for OPEN_SAMPLES_MAX, values of histograms are not
 * given. False when the bytes are no such chunk. */
bool image_chunk_read(const struct image_chunk *c, unix_ms *times, double *values);

uint32_t image_sections_of(uint32_t version); /* how many an image of the version has */
bool image_meta_makes_sense(const struct section_file *f, const struct image_meta *m);

struct image_walk {
    struct section_file file;
    struct image_meta meta;
    uint32_t *texts; /* where each symbol begins, and where the last one ends */
    const uint8_t *text_bytes;
};

int image_walk_open(const char *path, struct image_walk *ret, bool *ret_frame_damaged,
                    struct err *err);
void image_walk_close(struct image_walk *w);

static inline struct wire image_walk_section(const struct image_walk *w, enum image_section i)
{
    return i < w->file.frame.n_sections ? wire_of(section_at(&w->file, i), section_len(&w->file, i))
                                        : wire_of(NULL, 0);
}

/* Has to be called, after the sections were checked, before labels are asked for. False when the
 * lengths of the texts and their section disagree. */
bool image_walk_symbols(struct image_walk *w);

bool image_walk_series(const struct image_walk *w, uint32_t i, struct image_series *ret);
bool image_walk_symbol(const struct image_walk *w, uint32_t no, struct str *ret);
bool image_walk_pair(const struct image_walk *w, uint32_t no, struct label *ret);
/* A new reference; false when a label is not readable. */
bool image_walk_labels(const struct image_walk *w, const struct image_series *e,
                       struct label_set **ret);

#endif
