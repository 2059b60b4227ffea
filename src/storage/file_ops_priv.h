/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_ops - the system calls by which storage changes the disk
 *
 * All writing goes through such a table, so that a test can let the n-th call fail. Every function
 * returns 0 (or a descriptor) or a negative errno. Reading is done directly: its faults are faults
 * of the data, which checksums find.
 */
#ifndef TOCSIN_STORAGE_FILE_OPS_PRIV_H
#define TOCSIN_STORAGE_FILE_OPS_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct file_ops {
    void *self;
    int (*create)(void *self,
                  const char *path); /* for reading and writing; an old one is emptied */
    int (*write)(void *self, int fd, const void *p, size_t n, uint64_t at); /* all n bytes */
    int (*truncate)(void *self, int fd, uint64_t len);
    int (*sync)(void *self, int fd);
    int (*close)(void *self, int fd);
    int (*rename)(void *self, const char *from, const char *to);
    int (*unlink)(void *self, const char *path);
    int (*make_dir)(void *self, const char *path); /* an existing one is fine */
    int (*sync_dir)(void *self, const char *path);
    int (*link)(void *self, const char *from, const char *to); /* a second name */
    int64_t (*free_bytes)(void *self, const char *path);       /* of its disk; NULL: nobody asks */
};

extern const struct file_ops file_ops_system;

#endif
