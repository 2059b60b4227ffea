/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_file - a file of Prometheus, mapped
 */
#ifndef TOCSIN_STORAGE_PROM_FILE_PRIV_H
#define TOCSIN_STORAGE_PROM_FILE_PRIV_H

#include "base/err.h"
#include "base/str.h"

/* dir/name; *ret is empty when the file is. */
int prom_file_map(const char *dir, const char *name, struct str *ret, struct err *err);
void prom_file_unmap(struct str bytes);

#endif
