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

#include "base/arena.h"
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

/* What a channel was given to identify itself with, and keeps for its next messages. */
struct token {
    struct buf text; /* empty: none */
    unix_ns until;
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
    struct token token;
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

/* One attempt, which may take several requests. */
struct exchange {
    unsigned step; /* of its requests: 0, 1, ... */
    bool more; /* set by render() or judge(): another request follows when this one is accepted */
    struct buf kept;     /* what the channel has to remember until then */
    struct token *token; /* of the queue */
    unix_ns now;         /* when the attempt began */
};

/* What a request is made of. */
struct render {
    const void *settings; /* of config_channel */
    const struct notification *n;
    const char *external_url;
    struct template_set *templates;
    unix_ns now;
    bool html; /* texts are HTML: values are escaped for where they stand */
    bool
        characters; /* limits of texts count UTF-16 units, not bytes: what far ends call characters */
    struct arena *arena; /* lives until the request is handed over */
    struct exchange *x;
    struct err *trouble; /* gets the first template of a field that failed; never NULL with arena */
};

/* The answer to a request: 2xx. The configuration may be another one by now. */
struct answer {
    struct str body;
    struct exchange *x;
};

struct channel {
    const char *name;
    /* Fills *ret; its url and body live in the bufs, other texts in the arena. -errno with words when a
     * secret file cannot be read. */
    int (*render)(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err);
    /* What the answer means; words about a failure go to `why`. NULL: accepted. */
    enum verdict (*judge)(const struct answer *a, struct buf *why);
    unsigned per_minute; /* messages the far end takes; 0: any number */
    int busy_status;     /* one that means "later" besides 5xx, 408 and 429; 0: none */
};

const struct channel *channel_of(int kind); /* webhook's for a number that is none */
extern const struct channel channel_webhook, channel_wecom_robot, channel_dingtalk, channel_feishu,
    channel_email, channel_slack, channel_mattermost, channel_rocketchat, channel_telegram,
    channel_discord, channel_msteams, channel_msteamsv2, channel_webex, channel_pushover,
    channel_wechat, channel_pagerduty, channel_opsgenie, channel_victorops, channel_jira;

/* ---- robot.c: what the robots of chat groups have in common */

#define ROBOT_TITLE_MAX 100 /* bytes */

/* Appends the title, and the message of at most `max` bytes. */
void robot_texts(const struct render *r, size_t max, struct buf *title, struct buf *message);
/* A list of people to mention. */
void robot_add_names(struct json_writer *w, const char *key, const char *const *names, size_t n,
                     bool all);
/* The answer is JSON with a number that is 0 when all is well; codes of `retriable` (closed by 0)
 * pass by themselves. */
enum verdict robot_judge(const struct answer *a, const char *code, const char *words,
                         const int64_t *retriable, struct buf *why);
struct outgoing robot_post(const struct config_robot *c, const struct buf *url,
                           const struct buf *body);

/* ---- text.c: texts by template -------------------------------------------------------------- */

extern const struct str notify_stock;

/* The stock templates and those of the files that the configuration names. */
int texts_load(const struct config *c, struct template_set **ret, struct err *err);

/* Appends the text, or what the definition `stock` of the stock texts gives when there is none
 * (NULL), in at most `max` bytes, or what r->characters says. False when a text was cut within. */
bool text_render(const struct render *r, const char *text, const char *stock, bool english,
                 size_t max, struct buf *out);
/* For addresses and the like, in whose place nothing else can stand: -errno with the template's words, or
 * when it is longer. */
int text_render_exactly(const struct render *r, const char *text, size_t max, struct buf *out,
                        struct err *err);
void text_cut(struct buf *text, size_t max); /* at the end of a character, with an ellipsis */

/* ---- fields.c: requests of many small texts --------------------------------------------------- */

#define FIELD_MAX 65536 /* bytes of a text that the far end sets no limit for */

/* The text by template, or what the definition `stock` gives when there is none (NULL: ""), cut at `max`
 * (0: FIELD_MAX). A template that fails is noted as trouble and the stock text stands in its place. */
const char *field_text(const struct render *r, const char *text, const char *stock, size_t max);
/* The same for a message of alerts: those that do not fit are counted at its end. *whole: no text was
 * cut within; may be NULL. */
struct str field_message(const struct render *r, const char *text, const char *stock, size_t max,
                         bool *whole);
/* "key": the text, unless it is empty. */
void field_add(struct json_writer *w, const struct render *r, const char *key, const char *text,
               const char *stock);
/* Any YAML (JSON text) whose strings are templates. What such a template gives is read as YAML again, so
 * that a number can be made; as_text: it stays a text. */
void field_add_any(struct json_writer *w, const struct render *r, const char *json, bool as_text);
/* The members of an object, into one that is begun. */
void field_add_members(struct json_writer *w, const struct render *r, const char *json,
                       bool as_text);
/* A secret in its direct or file form; `name` is that of the key. */
int field_secret(const struct render *r, const char *direct, const char *file, const char *name,
                 const char **ret, struct err *err);
/* The identity of the group at the far end: SHA-256 of its key, in hex. */
const char *field_group_hash(const struct render *r);
bool field_firing(const struct render *r); /* any of the alerts */
size_t utf16_units(struct str s);
/* What JSON answers say: `flag` must be true; else `words` are the reason. */
enum verdict field_judge_flag(const struct answer *a, const char *flag, const char *words,
                              struct buf *why);
/* The fields and actions of an attachment, in its object that is begun (chat.c). */
void chat_add_fields(struct json_writer *w, const struct render *r,
                     const struct config_attachment *a, bool short_by_default);
void chat_add_actions(struct json_writer *w, const struct render *r,
                      const struct config_attachment *a);
/* A JSON body to post, with the usual time. */
struct outgoing field_post(const struct buf *url, const struct buf *body,
                           const struct http_options *http);

#endif
