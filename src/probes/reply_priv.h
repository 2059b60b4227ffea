/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_priv - reads Redis' protocol into trees of struct redis_reply
 *
 * Bytes are fed as they arrive; complete replies come out one by one and live in the arena that was
 * given. What is too large or malformed is an error, after which the reader is of no more use.
 */
#ifndef TOCSIN_PROBES_REPLY_PRIV_H
#define TOCSIN_PROBES_REPLY_PRIV_H

#include "base/arena.h"
#include "probes/probes.h"

#define REPLY_BYTES_MAX  ((size_t)8 << 20)  /* received for one page; usual are 30 to 300 KiB */
#define REPLY_MEMORY_MAX ((size_t)32 << 20) /* for the replies of one page as trees */
#define REPLY_ITEMS_MAX  16384              /* of one array; CONFIG GET * has about 500 */
#define REPLY_DEPTH_MAX  7                  /* arrays within arrays; hiredis' own limit */

struct reply_reader;

struct reply_reader *reply_reader_new(struct arena *a);
void reply_reader_free(struct reply_reader *r); /* NULL is fine */
DEFINE_FREEP(reply_reader, struct reply_reader)

void reply_reader_feed(struct reply_reader *r, struct str bytes);

/* 1 and the next reply; 0 when it is not complete yet; -EPROTO or -E2BIG with words. */
int reply_reader_next(struct reply_reader *r, const struct redis_reply **ret, struct err *err);

bool reply_reader_is_empty(
    const struct reply_reader *r); /* no byte waits for the rest of a reply */

/* The same for all kinds of replies, and for none (NULL): */
static inline bool reply_is(const struct redis_reply *r, enum redis_reply_type type)
{
    return r && r->type == type;
}

static inline const struct redis_reply *reply_at(const struct redis_reply *r, size_t i)
{
    return reply_is(r, REPLY_ARRAY) && i < r->n ? &r->items[i] : NULL;
}

static inline struct str reply_text(const struct redis_reply *r)
{
    return reply_is(r, REPLY_TEXT) ? r->text : STR_NONE;
}

static inline bool reply_integer(const struct redis_reply *r, int64_t *ret)
{
    if (reply_is(r, REPLY_INTEGER))
        *ret = r->integer;
    return reply_is(r, REPLY_INTEGER);
}

#endif
