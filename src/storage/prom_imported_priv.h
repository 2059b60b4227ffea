/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_imported - remembers which Prometheus blocks were imported, by their ULIDs
 *
 * Importing one again would show nothing new and take its room a second time. Lost memory does no
 * more harm than that.
 */
#ifndef TOCSIN_STORAGE_PROM_IMPORTED_PRIV_H
#define TOCSIN_STORAGE_PROM_IMPORTED_PRIV_H

#include "storage/storage_priv.h"

#define PROM_IMPORTED_FILE "imported" /* in the folder of the storage */

/* -EBADMSG when the file is damaged. */
int prom_imported_has(const struct storage *st, struct str ulid, bool *ret, struct err *err);

/* -EBADMSG when the file of the storage in that folder is damaged. */
int prom_imported_check(const char *dir, struct err *err);

/* After 0 it is on the disk. A damaged file is begun anew. */
int prom_imported_add(const struct storage *st, struct str ulid, struct err *err);

#endif
