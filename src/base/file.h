/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - whole files
 */
#ifndef TOCSIN_BASE_FILE_H
#define TOCSIN_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes to out. -E2BIG when it is larger than max bytes. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* Writes beside, syncs, renames, syncs the folder: afterwards the old or the new content is there. */
int file_write_atomic(const char *path, struct str content, struct err *err);

int file_make_dirs(const char *path, struct err *err); /* mkdir -p, mode 0750 */

#endif
