/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - looks at every byte of a data directory, changes nothing
 *
 * What it finds is told one by one, with the place and with what is lost. verify.c walks through the
 * folders and reads the log; verify_file.c does section files. verify_index.c, verify_image.c and
 * verify_record.c judge what has good checksums. One thread; nobody writes meanwhile.
 */
#ifndef TOCSIN_STORAGE_VERIFY_PRIV_H
#define TOCSIN_STORAGE_VERIFY_PRIV_H

#include "base/map.h"
#include "storage/log_priv.h"
#include "storage/log_record_priv.h"
#include "storage/section_file_priv.h"
#include "storage/storage.h"

/* A segment is full at LOG_SEGMENT_BYTES, and its last record may go beyond. */
#define SEGMENT_BYTES_MAX ((size_t)LOG_SEGMENT_BYTES + LOG_RECORD_MAX + 64)

/* The series whose numbers the log may use. */
struct known_series {
    uint32_t below; /* lower numbers are those of the image */
    struct map told;
    bool uncertain; /* part of the log is lost: nothing can be said */
};

struct verify {
    const char *dir;
    struct known_series known;
    uint64_t first, next; /* segments of the log: the first that is needed, the one to come */
    void (*found)(void *arg, const struct storage_find *f);
    void *arg;
    struct storage_verified *counts;
};

/* Tells a find; the file is `folder`/`name`. */
void verify_found(struct verify *v, const char *file, const struct storage_find *f);

struct block;
struct image_meta;

struct file_check {
    struct verify *v;
    const char *name;
    const struct section_file *file;
};

/* Whether what is in a file makes sense, when its checksums are good: tells PART_INDEX. No page of
 * its sections is lost. */
void verify_block_index(const struct file_check *c, const struct block *b);
void verify_image_sense(const struct file_check *c, const struct image_meta *meta);
/* NULL, or why the sections of a record make none. `known` NULL: they are exemplars and metadata. */
const char *verify_record_sense(const uint8_t *sections, size_t len, struct known_series *known);

/* Of one file, with its name below the folder of the storage. */
void verify_block(struct verify *v, const char *file, uint64_t number);
/* *ret_segment and what is known of series become those of the image, when it can be used. */
void verify_image(struct verify *v, const char *file, uint64_t *ret_segment);
void verify_stones(struct verify *v, const char *file);

/* Keeps others from opening the storage while it is looked at, until *ret_fd (or -1) is closed. A
 * copy without a lock file, or one on a medium that cannot be written, is in nobody's use. -EBUSY. */
int verify_share_lock(const char *dir, int *ret_fd, struct err *err);

#endif
