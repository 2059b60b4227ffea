/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify_priv - messages, lanes and queues; for the files of notify/ only
 *
 *     notify -> queue (one per integration of a receiver) -> lane (one per group) -> messages in
 * order
 *
 * A lane sends one message at a time; that keeps the order within a group. A queue sends several
 * lanes at once, until its far end fails repeatedly: then one at a time, until it answers again.
 */
#ifndef TOCSIN_NOTIFY_NOTIFY_PRIV_H
#define TOCSIN_NOTIFY_NOTIFY_PRIV_H

#include "base/heap.h"
#include "base/map.h"
#include "base/thread.h"
#include "notify/notify.h"

#define KEY_LEN                                                                                    \
    20 /* decimal digits of a message's number, zero-padded, so that keys sort as numbers */

/* A notification that owns what it points to. */
struct message {
    uint64_t number;
    char *receiver, *group_key, *reason;
    int integration;
    const struct label_set *group_labels;
    struct str *group_by; /* texts behind the array */
    size_t n_group_by;
    const struct alert **alerts;
    size_t n_alerts;
    unix_ns now;

    unsigned attempts;    /* failed ones, since the start */
    struct message *next; /* in its lane, or in the inbox */
};

struct lane {
    struct queue *queue;
    char *group_key;
    struct message *first, **last;
    bool in_flight;       /* first is being sent */
    unix_ns next_attempt; /* of first */
    struct heap_node due; /* in queue->due while it has messages and none is in flight */
};

struct queue {
    struct notify *notify;
    char *receiver;
    int integration;
    struct map lanes; /* by group key */
    struct heap due;  /* lanes that may send, by next_attempt */
    unsigned in_flight;
    unsigned failures; /* attempts in a row that did not succeed, all lanes together */
    size_t waiting;    /* messages in its lanes */
    char last_error[256];
    struct queue *next;
};

struct notify {
    struct notify_options options;
    char *external_url;

    /* any thread, under lock */
    struct lock lock;
    struct message *inbox, **inbox_last;
    uint64_t next_number;

    /* owner's thread */
    struct config *config;
    struct queue *queues;
    uint64_t random;
    struct attempt *attempts; /* in flight, so that notify_free() can make their answers harmless */
};

/* ---- record.c: messages as bytes ----------------------------------------------------------- */

void message_encode(const struct message *m, struct buf *out);
int message_decode(struct str key, struct str value, struct message **ret, struct err *err);
struct message *message_new(const struct notification *n);
void message_free(struct message *m);
void message_key(uint64_t number, char out[KEY_LEN + 1]);
struct notification message_view(const struct message *m); /* borrows from m */

/* ---- send.c -------------------------------------------------------------------------------- */

void queue_free(struct queue *q);
void notify_enqueue(struct notify *n, struct message *take_m, unix_ns now);
void attempts_forget(struct notify *n);

/* ---- channel.c: the integration a message is for, as the configuration has it -------------- */

/* NULL: there is no such receiver or integration any more. */
const struct config_webhook *channel_find(const struct config *c, const char *receiver,
                                          int integration);

/* Fills *ret; its body and url live in the bufs. -errno with words when a secret file cannot be
 * read. */
int channel_render(const struct config_webhook *w, const struct message *m,
                   const char *external_url, struct buf *url, struct buf *body,
                   struct outgoing *ret, struct err *err);

#endif
