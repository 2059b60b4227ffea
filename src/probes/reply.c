/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - hiredis finds where replies and their parts begin and end; the trees are ours, so that all
 * of a page lies in one arena and every size is checked before memory is taken for it.
 */
#include "probes/reply_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <hiredis/read.h>

#include "base/mem.h"

struct reply_reader {
    redisReader *reader;
    struct arena *arena;
    int too_many; /* items that an array was said to have, when that was above the limit */
};

/* The place of a part within its parent, or a new root. NULL makes hiredis stop. */
static struct redis_reply *place(const redisReadTask *task, enum redis_reply_type type)
{
    struct reply_reader *r = task->privdata;
    struct redis_reply *reply;

    if (r->arena->overflow)
        return NULL;
    if (task->parent)
        reply = &((struct redis_reply *)task->parent->obj)->items[task->idx];
    else
        reply = arena_zalloc(r->arena, sizeof *reply);
    reply->type = type;
    return reply;
}

static void *create_text(const redisReadTask *task, char *p, size_t len)
{
    struct reply_reader *r = task->privdata;
    struct redis_reply *reply = place(task,
                                      task->type == REDIS_REPLY_ERROR ? REPLY_ERROR : REPLY_TEXT);

    if (reply)
        reply->text = arena_str(r->arena, str_n(p, len));
    return reply;
}

static void *create_array(const redisReadTask *task, int n)
{
    struct reply_reader *r = task->privdata;
    struct redis_reply *reply;

    if (n < 0 || n > REPLY_ITEMS_MAX) {
        r->too_many = n;
        return NULL;
    }
    reply = place(task, REPLY_ARRAY);
    if (reply) {
        reply->items = arena_array(r->arena, (size_t)n, sizeof *reply->items);
        reply->n = (size_t)n;
    }
    return reply;
}

static void *create_integer(const redisReadTask *task, long long v)
{
    struct redis_reply *reply = place(task, REPLY_INTEGER);

    if (reply)
        reply->integer = v;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return place(task, REPLY_NIL);
}

static redisReplyObjectFunctions functions = {
    .createString = create_text,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    /* no freeObject: the arena goes as a whole */
};

struct reply_reader *reply_reader_new(struct arena *a)
{
    struct reply_reader *r = mem_zalloc(sizeof *r);

    r->arena = a;
    r->reader = redisReaderCreateWithFunctions(&functions);
    if (!r->reader)
        abort(); /* out of memory, as in base/mem.h */
    r->reader->privdata = r;
    return r;
}

void reply_reader_free(struct reply_reader *r)
{
    if (!r)
        return;
    redisReaderFree(r->reader);
    free(r);
}

void reply_reader_feed(struct reply_reader *r, struct str bytes)
{
    redisReaderFeed(r->reader, bytes.p, bytes.len); /* fails as the next reply does */
}

int reply_reader_next(struct reply_reader *r, const struct redis_reply **ret, struct err *err)
{
    void *reply = NULL;

    if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
        if (r->too_many)
            return err_set(err, -E2BIG, "an array of %d items in a reply, at most %d are taken",
                           r->too_many, REPLY_ITEMS_MAX);
        if (r->arena->overflow)
            return err_set(err, -E2BIG, "replies need more than %zu bytes of memory",
                           REPLY_MEMORY_MAX);
        return err_set(err, -EPROTO, "no answer of a Redis: %s", r->reader->errstr);
    }
    if (!reply)
        return 0;
    *ret = reply;
    return 1;
}

bool reply_reader_is_empty(const struct reply_reader *r)
{
    return r->reader->pos == r->reader->len && r->reader->ridx < 0;
}
