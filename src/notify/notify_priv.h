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
#include "base/json.h"
#include "base/map.h"
#include "base/thread.h"
#include "notify/notify.h"
#include "template/template.h"

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
    unix_ns *sent_at;  /* of the last attempts, as many as the channel takes in a minute; a ring */
    unsigned n_sent_at, next_sent_at;
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
    struct template_set *templates;
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
const struct config_channel *channel_find(const struct config *c, const char *receiver,
                                          int integration);

/* ---- channels: one row and one file per kind ------------------------------------------------ */

enum verdict { ACCEPTED, RETRIABLE, REFUSED };

/* What a request is made of. */
struct render {
    const void *settings; /* of config_channel */
    const struct notification *n;
    const char *external_url;
    struct template_set *templates;
    unix_ns now;
    bool html; /* texts are HTML: values are escaped for where they stand */
};

struct channel {
    const char *name;
    /* Fills *ret; its url and body live in the bufs. -errno with words when a secret file cannot be
     * read. */
    int (*render)(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err);
    /* What the body of a 2xx answer means; words about a failure go to `why`. NULL: accepted. */
    enum verdict (*judge)(struct str body, struct buf *why);
    unsigned per_minute; /* messages the far end takes; 0: any number */
};

const struct channel *channel_of(int kind); /* webhook's for a number that is none */
extern const struct channel channel_webhook, channel_wecom_robot, channel_dingtalk, channel_feishu,
    channel_email;

/* ---- robot.c: what the robots of chat groups have in common */

#define ROBOT_TITLE_MAX 100 /* bytes */

/* Appends the title, and the message of at most `max` bytes. */
void robot_texts(const struct render *r, size_t max, struct buf *title, struct buf *message);
/* A list of people to mention. */
void robot_add_names(struct json_writer *w, const char *key, const char *const *names, size_t n,
                     bool all);
/* The answer is JSON with a number that is 0 when all is well; codes of `retriable` (closed by 0)
 * pass by themselves. */
enum verdict robot_judge(struct str body, const char *code, const char *words,
                         const int64_t *retriable, struct buf *why);
struct outgoing robot_post(const struct config_robot *c, const struct buf *url,
                           const struct buf *body);

/* ---- text.c: texts by template -------------------------------------------------------------- */

extern const struct str notify_stock;

/* The stock templates and those of the files that the configuration names. */
int texts_load(const struct config *c, struct template_set **ret, struct err *err);

/* Appends the text, or what the definition `stock` of the stock texts gives when there is none
 * (NULL), in at most `max` bytes. */
void text_render(const struct render *r, const char *text, const char *stock, bool english,
                 size_t max, struct buf *out);
/* For addresses and the like, in whose place nothing else can stand: -errno with the template's words, or
 * when it is longer. */
int text_render_exactly(const struct render *r, const char *text, size_t max, struct buf *out,
                        struct err *err);
void text_cut(struct buf *text, size_t max); /* at the end of a character, with an ellipsis */

#endif
