/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids - ascending sets of series numbers
 *
 * A zeroed struct ids is empty. One thread.
 */
#ifndef TOCSIN_STORAGE_IDS_PRIV_H
#define TOCSIN_STORAGE_IDS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids {
    uint32_t *v;
    size_t n, cap;
};

void ids_deinit(struct ids *s);
uint32_t *ids_room(struct ids *s,
                   size_t n); /* space for n more behind the last; caller adds to s->n */
void ids_push(struct ids *s, uint32_t id); /* behind the last, in any order: see ids_settle() */

/* Makes a set of what was pushed: sorts and drops doubles. Quick when it is a set already. */
void ids_settle(struct ids *s);

bool ids_has(const struct ids *s, uint32_t id);
void ids_intersect(struct ids *s, const struct ids *with);
void ids_subtract(struct ids *s, const struct ids *what);

/* Ascending numbers as uvarints of the differences (the first to 0): a list in memory and on disk.
 * Returns false, with s as it was, when the bytes are no such list of n numbers, all below `limit`.
 */
bool ids_read_deltas(struct ids *s, const uint8_t *bytes, size_t len, size_t n, uint64_t limit);

#endif
