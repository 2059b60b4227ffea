/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tsdb - what the commands below `tsdb` share
 */
#ifndef TOCSIN_APP_CMD_TSDB_PRIV_H
#define TOCSIN_APP_CMD_TSDB_PRIV_H

#include "base/buf.h"
#include "base/err.h"

#define FOLDER_SAMPLES "tsdb" /* of the data directory, as serve has it */
#define FOLDER_BLOCKS  "blocks"

struct storage;
struct storage_find;

/* The folder of the storage for what a person calls the data directory: DIR/tsdb, or DIR itself. */
void tsdb_folder(const char *dir, struct buf *out);
int tsdb_is_storage(const char *folder, struct err *err); /* -ENOENT when it is none */

/* Opens the samples of a stopped tocsin; what was found amiss is told on standard error. With
 * must_be_there a data directory is not made where there is none. NULL: words in err. */
struct storage *tsdb_open(const char *data_path, bool must_be_there, struct err *err);

/* One line on standard output, for storage_verify(). */
void tsdb_print_find(void *arg, const struct storage_find *f);

#endif
