/* SPDX-License-Identifier: Apache-2.0 */
/*
 * families - what was told about metric families: type, help, unit
 *
 * Of each family the newest; beyond a limit those go that nobody has told for longest. In memory, and
 * in the log and the image (docs/formats/storage.md, section 8).
 *
 * Any thread may read. Telling: under the head's commit lock, or at the start, alone.
 */
#ifndef TOCSIN_STORAGE_FAMILIES_PRIV_H
#define TOCSIN_STORAGE_FAMILIES_PRIV_H

#include "base/map.h"
#include "base/thread.h"
#include "model/metadata.h"

#define FAMILIES_MAX       ((size_t)65536)    /* a large site has a few thousand */
#define FAMILIES_BYTES_MAX ((size_t)32 << 20) /* of their texts */

struct family {
    struct family *older, *newer; /* in the order in which they were told */
    struct metric_metadata m;     /* texts in the same piece of memory */
    size_t bytes;
};

struct families {
    struct lock lock;
    struct map by_name;
    struct family *oldest, *newest;
    size_t bytes;
};

void families_init(struct families *f);
void families_deinit(struct families *f);

/* Whether the log has to be told. What is known already counts as told anew. */
bool families_is_news(struct families *f, const struct metric_metadata *m);

void families_tell(struct families *f, const struct metric_metadata *m);

size_t families_count(struct families *f, size_t *ret_bytes);

/* Calls cb for all, oldest first, with the lock held. */
void families_walk(struct families *f, void (*cb)(const struct metric_metadata *m, void *arg),
                   void *arg);

/* metadata_reader.each */
void families_each(void *families, struct str family,
                   void (*cb)(const struct metric_metadata *m, void *arg), void *arg);

#endif
