/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_file - immutable files of checked sections: blocks and head images
 *
 * Byte table: docs/formats/storage.md, "Section files". A frame of 512 bytes names up to eight
 * sections and holds what its owner has to know first; it stands at both ends. A section is checked
 * page by page, and one damaged page among 64 is restored from their parity: one flipped bit never
 * costs more than itself. Between the frame and the sections the owner may put bytes that he checks
 * himself.
 *
 * A file is written beside its place, synced, and renamed: it is there as a whole or not at all.
 */
#ifndef TOCSIN_STORAGE_SECTION_FILE_PRIV_H
#define TOCSIN_STORAGE_SECTION_FILE_PRIV_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "storage/file_ops_priv.h"

#define FRAME_BYTES      512
#define FRAME_META_MAX   352
#define SECTIONS_MAX     8
#define SECTION_PAGE     4096
#define SECTION_GROUP    64 /* pages that share a page of parity, at most */
#define SECTION_LANES    8  /* groups that lie between each other */
#define SECTION_STRETCH  (SECTION_LANES * SECTION_GROUP)
#define TEMPORARY_SUFFIX ".tmp"

struct frame_section {
    uint64_t at, len;
};

struct file_frame {
    char kind; /* 'B' block, 'H' head image */
    uint32_t version;
    uint64_t file_len;
    uint32_t n_sections;
    struct frame_section sections[SECTIONS_MAX];
    uint8_t meta[FRAME_META_MAX];
};

/* ---- writing ------------------------------------------------------------------------------- */

struct section_writer {
    const struct file_ops *ops;
    char *path, *temporary;
    int fd;
    int r; /* the first error; nothing is written after it */
    struct file_frame frame;
    struct buf pending; /* bytes before `at` that are not written yet */
    uint64_t at;        /* length of the file so far */

    /* of the section that is being written */
    bool in_section;
    size_t filled; /* bytes of page */
    uint8_t page[SECTION_PAGE];
    size_t pages;
    struct buf parity, sums;
};

/* Begins `path`, to be there after section_writer_finish(). */
int section_writer_open(struct section_writer *w, const struct file_ops *ops, const char *path,
                        char kind, uint32_t version, struct err *err);
void section_write(struct section_writer *w, const void *p, size_t n);
static inline void section_write_buf(struct section_writer *w, const struct buf *b)
{
    section_write(w, b->p, b->len);
}
void section_align(struct section_writer *w, size_t to); /* zeroes, up to a multiple */
void section_begin(struct section_writer *w);            /* the next section */
void section_end(struct section_writer *w);

/* Writes both frames, syncs, renames, syncs the folder. The writer is closed in any case; after an
 * error there is nothing new at the path (a temporary file may be left; the next start removes it).
 */
int section_writer_finish(struct section_writer *w, const void *meta, size_t meta_len,
                          struct err *err);
void section_writer_abort(struct section_writer *w); /* fine on a finished one */

/* ---- reading ------------------------------------------------------------------------------- */

struct section_file {
    uint8_t *map; /* the whole file, private: a restored page is in memory only */
    size_t len;
    struct file_frame frame;
};

/* Maps the file and reads a frame, the other one when the first is damaged (*ret_frame_damaged).
 * -EBADMSG when neither is good, -EPROTONOSUPPORT when the file is of a newer version. */
int section_file_open(const char *path, char kind, uint32_t version, struct section_file *ret,
                      bool *ret_frame_damaged, struct err *err);
void section_file_close(struct section_file *f);

static inline const uint8_t *section_at(const struct section_file *f, unsigned i)
{
    return f->map + f->frame.sections[i].at;
}

static inline size_t section_len(const struct section_file *f, unsigned i)
{
    return (size_t)f->frame.sections[i].len;
}

struct section_damage {
    size_t restored, lost; /* pages */
};

/* Checks every page of the section, restores what can be. One thread, before others look at it.
 * Adds to *ret. */
void section_check(struct section_file *f, unsigned i, struct section_damage *ret);

/* ---- verifying ----------------------------------------------------------------------------- */

enum frames_state { FRAMES_GOOD, FRAMES_FIRST_BAD, FRAMES_LAST_BAD, FRAMES_DIFFER };

enum frames_state section_file_frames(const struct section_file *f);

enum section_part {
    SECTION_PAGE_LOST,  /* damaged, and parity does not bring it back */
    SECTION_PAGE_HELD,  /* damaged, and parity does */
    SECTION_PAGE_SUM,   /* the checksum of a page that is good */
    SECTION_PARITY,     /* a page of parity */
    SECTION_PARITY_SUM, /* the checksum of a page of parity that is good */
};

/* Tells what is damaged among pages, parity and checksums of a section: every byte of them is looked
 * at. Mends nothing, so it has to come before section_check(). */
void section_scan(const struct section_file *f, unsigned i,
                  void (*found)(void *arg, enum section_part part, uint64_t at, size_t len),
                  void *arg);

uint64_t section_end_at(const struct section_file *f, unsigned i); /* behind its checksums */

#endif
