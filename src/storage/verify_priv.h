/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - looks at every byte of a data directory, changes nothing
 *
 * What it finds is told one by one, with the place and with what is lost. verify.c walks through the
 * folders and reads the log; verify_file.c does section files. One thread; nobody writes meanwhile.
 */
#ifndef TOCSIN_STORAGE_VERIFY_PRIV_H
#define TOCSIN_STORAGE_VERIFY_PRIV_H

#include "storage/storage.h"

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

#endif
