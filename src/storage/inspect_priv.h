/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect - tells what is in the files of a storage
 *
 * inspect.c walks through the folders, reads the log and the tombstones; inspect_file.c does blocks
 * and images. One thread; nothing is changed, and nothing is repaired but in memory.
 */
#ifndef TOCSIN_STORAGE_INSPECT_PRIV_H
#define TOCSIN_STORAGE_INSPECT_PRIV_H

#include "storage/section_file_priv.h"
#include "storage/storage.h"

/* What is gathered of one file; inspected_deinit() frees it. */
struct inspected {
    struct storage_file f;
    struct storage_section sections[SECTIONS_MAX];
    struct storage_metric *metrics, *by_bytes;
    size_t n_metrics, cap_metrics;
    struct storage_chunk *found;
    size_t n_found, cap_found;
    uint64_t *parents;
};

void inspected_deinit(struct inspected *i);

/* Of an opened file: version, frame, sections. */
void inspect_sections(const struct section_file *file, const char *const *names, size_t n_names,
                      struct inspected *ret);
void inspect_time(struct storage_file *f, unix_ms from, unix_ms to); /* widens its time */

/* Negative with words when the file cannot be read at all. */
int inspect_block(const struct storage_inspect *o, const char *path, struct inspected *ret,
                  struct err *err);
int inspect_image(const struct storage_inspect *o, const char *path, struct inspected *ret,
                  struct err *err);
/* Counts what the sections of a log record say, times too. */
bool inspect_record(const uint8_t *sections, size_t len, struct storage_file *f);

#endif
