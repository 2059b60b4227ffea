/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbered - the files of a folder whose names are numbers
 */
#ifndef TOCSIN_STORAGE_NUMBERED_PRIV_H
#define TOCSIN_STORAGE_NUMBERED_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "storage/file_ops_priv.h"

struct numbered {
    uint64_t *v; /* ascending */
    size_t n, cap;
};

/* Lists the numbers; removes temporary files that a crash left. */
int numbered_list(const char *dir, const struct file_ops *ops, struct numbered *ret,
                  struct err *err);
void numbered_deinit(struct numbered *s);

#endif
