/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - looks at every byte of a data directory, changes nothing
 *
 * What it finds is told one by one, with the place and with what is lost. verify.c walks through the
 * folders and reads the log; verify_file.c does section files. One thread; nobody writes meanwhile.
 */
#ifndef TOCSIN_STORAGE_VERIFY_PRIV_H
#define TOCSIN_STORAGE_VERIFY_PRIV_H

#include "storage/log_priv.h"
#include "storage/log_record_priv.h"
#include "storage/storage.h"

/* A segment is full at LOG_SEGMENT_BYTES, and its last record may go beyond. */
#define SEGMENT_BYTES_MAX ((size_t)LOG_SEGMENT_BYTES + LOG_RECORD_MAX + 64)

struct verify {
    const char *dir;
    void (*found)(void *arg, const struct storage_find *f);
    void *arg;
    struct storage_verified *counts;
};

/* Tells a find; the file is `folder`/`name`. */
void verify_found(struct verify *v, const char *file, const struct storage_find *f);

/* Of one file, with its name below the folder of the storage. */
void verify_block(struct verify *v, const char *file, uint64_t number);
void verify_image(struct verify *v, const char *file, uint64_t *ret_segment);
void verify_stones(struct verify *v, const char *file);

/* Keeps others from opening the storage while it is looked at, until *ret_fd (or -1) is closed. A
 * copy without a lock file, or one on a medium that cannot be written, is in nobody's use. -EBUSY. */
int verify_share_lock(const char *dir, int *ret_fd, struct err *err);

#endif
