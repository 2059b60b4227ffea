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

#define SECRET_MAX 65536 /* bytes of a file that holds one */

/* A secret in its direct or file form (without blanks at its ends), appended to ret; nothing when
 * both are NULL or empty. */
int secret_read(const char *direct, const char *file, struct buf *ret, struct err *err);

/* Writes beside, syncs, renames, syncs the folder: afterwards the old or the new content is there.
 */
int file_write_atomic(const char *path, struct str content, struct err *err);

/* Removes a folder and all that is in it, as far as that can be done; links are not followed. */
void file_remove_tree(const char *path);

int file_make_dirs(const char *path, struct err *err); /* mkdir -p, mode 0750 */

#endif
