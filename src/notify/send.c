/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send - who may send now, and what an answer means
 *
 * accepted   2xx, and what the channel finds in the body: the record is deleted, the lane goes on.
 * retriable  no answer, 5xx, 408, 429, or a secret file that cannot be read: again after 0.5 s
 * x 1.5^n, half to one and a half times that at random, at most a minute; for GIVE_UP_AFTER at the
 * longest. refused    any other status, and a mail server's 5xx. The far end will hardly change its mind about this message,
 * but people do mend URLs and passwords: again after one minute, doubling up to a quarter of an
 * hour. Once a newer message of the same group waits behind it, which tells the whole of the group,
 * it is given up for that.
 *
 * Given up means: moved from table "outbox" to "given_up", counted and logged.
 */
#include "notify/notify_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/selfmetrics.h"

#define GIVE_UP_AFTER                                                                              \
    (INT64_C(5) * 24 * 3600 * NS_PER_S) /* as long as Alertmanager keeps its data */
#define RETRY_FIRST     (500 * NS_PER_MS)
#define RETRY_LONGEST   (60 * NS_PER_S)
#define REFUSED_FIRST   (60 * NS_PER_S)
#define REFUSED_LONGEST (15 * 60 * NS_PER_S)
#define IN_FLIGHT_MAX   8 /* requests to one channel at a time */
#define BREAKER_AFTER                                                                              \
    5 /* failures in a row after which a channel is asked with one request at a time */
#define DISK_RETRY   (5 * NS_PER_S)
#define TOLD_LONGEST (15 * 60 * NS_PER_S) /* that a far end can make us wait */
#define STEPS_MAX    8                    /* requests of one attempt */
#define REQUEST_MAX  (32u << 20)          /* bytes of the texts of one request */
#define MINUTE       (60 * NS_PER_S)

SELFMETRIC(sent, METRIC_COUNTER, "tocsin_notifications_total", NULL,
           "Messages that the far end accepted.");
SELFMETRIC(failed, METRIC_COUNTER, "tocsin_notification_attempts_failed_total", NULL,
           "Attempts that did not succeed; the message is tried again.");
SELFMETRIC(given_up, METRIC_COUNTER, "tocsin_notifications_given_up_total", NULL,
           "Messages that were given up, see the log and the table given_up.");
SELFMETRIC(waiting, METRIC_GAUGE, "tocsin_outbox_waiting", NULL, "Messages in the outbox.");

/* One request under way, or its answer waiting for the next tick, which knows what time it is. */
struct attempt {
    struct notify *notify; /* NULL: forgotten, its answer is of no interest */
    struct lane *lane;
    const struct channel *channel;
    bool answered;
    enum verdict verdict;
    char why[sizeof((struct queue *)0)->last_error];
    int64_t wait; /* as long as the far end asked us to wait at least; 0: it did not say */
    struct exchange x;
    struct attempt *prev, *next;
};

static void attempt_free(struct attempt *a)
{
    buf_free(&a->x.kept);
    free(a);
}

/* ---- lanes and queues ---------------------------------------------------------------------- */

static void lane_free(struct lane *lane)
{
    for (struct message *m = lane->first, *next; m; m = next) {
        next = m->next;
        message_free(m);
    }
    free(lane->group_key);
    free(lane);
}

void queue_free(struct queue *q)
{
    struct lane *lane;

    for (size_t i = 0; (lane = map_next(&q->lanes, &i));)
        lane_free(lane);
    selfmetric_add(&waiting, -(int64_t)q->waiting);
    map_deinit(&q->lanes);
    heap_deinit(&q->due);
    buf_free(&q->token.text);
    free(q->sent_at);
    free(q->receiver);
    free(q);
}

static struct queue *queue_of(struct notify *n, const char *receiver, int integration)
{
    struct queue *q;

    for (q = n->queues; q; q = q->next)
        if (q->integration == integration && strcmp(q->receiver, receiver) == 0)
            return q;
    q = mem_zalloc(sizeof *q);
    q->notify = n;
    q->receiver = mem_strdup(receiver);
    q->integration = integration;
    q->next = n->queues;
    n->queues = q;
    return q;
}

static bool lane_has_key(const void *key, const void *lane)
{
    return strcmp(key, ((const struct lane *)lane)->group_key) == 0;
}

static struct lane *lane_of(struct queue *q, const char *group_key)
{
    uint64_t hash = hash_bytes(group_key, strlen(group_key));
    struct lane *lane = map_get(&q->lanes, hash, lane_has_key, group_key);

    if (lane)
        return lane;
    lane = mem_zalloc(sizeof *lane);
    lane->queue = q;
    lane->group_key = mem_strdup(group_key);
    lane->last = &lane->first;
    map_add(&q->lanes, hash, lane);
    return lane;
}

static void schedule(struct lane *lane, unix_ns when)
{
    lane->next_attempt = when;
    heap_set(&lane->queue->due, &lane->due, when);
}

void notify_enqueue(struct notify *n, struct message *take_m, unix_ns now)
{
    struct lane *lane = lane_of(queue_of(n, take_m->receiver, take_m->integration),
                                take_m->group_key);
    bool was_empty = !lane->first;

    take_m->next = NULL;
    *lane->last = take_m;
    lane->last = &take_m->next;
    lane->queue->waiting++;
    selfmetric_add(&waiting, 1);
    if (was_empty && !lane->in_flight)
        schedule(lane, now);
}

/* The first message has left the outbox; an empty lane vanishes. */
static void drop_first(struct lane *lane, unix_ns now)
{
    struct message *m = lane->first;

    lane->first = m->next;
    if (!lane->first)
        lane->last = &lane->first;
    lane->queue->waiting--;
    selfmetric_add(&waiting, -1);
    message_free(m);
    if (lane->first) {
        schedule(lane, now);
        return;
    }
    heap_remove(&lane->queue->due, &lane->due);
    must(map_remove(&lane->queue->lanes, hash_bytes(lane->group_key, strlen(lane->group_key)),
                    lane_has_key, lane->group_key) == lane);
    lane_free(lane);
}

/* ---- outcomes ------------------------------------------------------------------------------ */

static uint64_t next_random(struct notify *n)
{
    /* xorshift64: jitter needs no better */
    n->random ^= n->random << 13;
    n->random ^= n->random >> 7;
    n->random ^= n->random << 17;
    return n->random;
}

static int64_t back_off(struct notify *n, unsigned attempts, enum verdict verdict)
{
    int64_t wait = verdict == REFUSED ? REFUSED_FIRST : RETRY_FIRST;
    int64_t longest = verdict == REFUSED ? REFUSED_LONGEST : RETRY_LONGEST;

    for (unsigned i = 1; i < attempts && wait < longest; i++)
        wait = verdict == REFUSED ? wait * 2 : wait * 3 / 2;
    if (wait > longest)
        wait = longest;
    return wait / 2 + (int64_t)(next_random(n) % (uint64_t)wait);
}

/* When the disk takes no changes the message stays and is sent again later: twice is better than
 * never. */
static bool record_end(struct notify *n, const struct message *m, struct str epitaph)
{
    char key[KEY_LEN + 1];
    struct keeper_op ops[2] = {{"outbox", STR_NONE, STR_NONE}, {"given_up", STR_NONE, epitaph}};
    struct err err = {0};

    message_key(m->number, key);
    ops[0].key = ops[1].key = str_n(key, KEY_LEN);
    if (n->options.keeper.write(n->options.keeper.self, ops, epitaph.p ? 2 : 1, &err) == 0)
        return true;
    log_event(LOG_ERROR, "outbox_unwritable", "error", err.msg, NULL);
    return false;
}

static void give_up(struct lane *lane, unix_ns now, const char *why)
{
    struct notify *n = lane->queue->notify;
    CLEANUP(buf_free)
    struct buf epitaph = {0}, record = {0};
    struct json_writer w;

    message_encode(lane->first, &record);
    json_writer_init(&w, &epitaph, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_c(&w, "why", why);
    json_kv_i64(&w, "given_up_at", now);
    json_kv_i64(&w, "attempts", lane->first->attempts);
    json_key_c(&w, "message");
    json_raw(&w, buf_str(&record));
    json_object_end(&w);
    if (!record_end(n, lane->first, buf_str(&epitaph))) {
        schedule(lane, now + DISK_RETRY);
        return;
    }
    selfmetric_add(&given_up, 1);
    log_event(LOG_ERROR, "notification_given_up", "receiver", lane->queue->receiver, "group",
              lane->group_key, "why", why, NULL);
    drop_first(lane, now);
}

static void succeed(struct lane *lane, unix_ns now)
{
    struct queue *q = lane->queue;

    if (q->failures >= BREAKER_AFTER)
        log_event(LOG_INFO, "channel_recovered", "receiver", q->receiver, NULL);
    q->failures = 0;
    q->last_error[0] = '\0';
    selfmetric_add(&sent, 1);
    if (record_end(q->notify, lane->first, STR_NONE))
        drop_first(lane, now);
    else
        schedule(lane, now + DISK_RETRY);
}

static void fail(struct lane *lane, unix_ns now, enum verdict verdict, int64_t wait,
                 const char *why)
{
    struct queue *q = lane->queue;
    struct message *m = lane->first;
    int64_t back;

    m->attempts++;
    q->failures++;
    snprintf(q->last_error, sizeof q->last_error, "%s", why);
    selfmetric_add(&failed, 1);
    if (now - m->now > GIVE_UP_AFTER || (verdict == REFUSED && m->next)) {
        give_up(lane, now, why);
        return;
    }
    /* Told when it begins, when it lasts, and not for every one of thousands in between. */
    if (m->attempts == 1 || m->attempts == BREAKER_AFTER)
        log_event(LOG_WARN, "notification_failed", "receiver", q->receiver, "group",
                  lane->group_key, "error", why, NULL);
    back = back_off(q->notify, m->attempts, verdict);
    schedule(lane, now + (back > wait ? back : wait));
}

/* What Telegram and Discord say with 429, in seconds. */
static int64_t told_to_wait(struct str body)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    const struct json *wait;
    double seconds;

    if (json_doc_parse(body, &doc, NULL) < 0)
        return 0;
    wait = json_get(doc, "retry_after");
    if (!wait)
        wait = json_get(json_get(doc, "parameters"), "retry_after");
    seconds = json_double(wait);
    if (!(seconds > 0))
        return 0;
    return seconds > TOLD_LONGEST / NS_PER_S ? TOLD_LONGEST : (int64_t)(seconds * NS_PER_S);
}

static void judge_status(struct attempt *a, int status, struct str body, const struct err *err)
{
    struct str excerpt = str_trim(str_n(body.p, str_utf8_prefix(body, 120)));

    if (status == 429)
        a->wait = told_to_wait(body);
    if (status == 0 && err && err->code == -EBADMSG) /* net/mail.h */
        a->verdict = REFUSED;
    else if (status == 0 || status >= 500 || status == 408 || status == 429 ||
             status == a->channel->busy_status)
        a->verdict = RETRIABLE;
    else
        a->verdict = REFUSED;
    if (status == 0)
        snprintf(a->why, sizeof a->why, "%.*s", (int)sizeof a->why - 1,
                 err && err->code ? err->msg : "no answer");
    else
        snprintf(a->why, sizeof a->why, "HTTP status %d%s%.*s", status, excerpt.len ? ": " : "",
                 STR_ARG(excerpt));
}

static void judge(struct attempt *a, int status, struct str body, const struct err *err)
{
    CLEANUP(buf_free) struct buf why = {.max = sizeof a->why};

    if (status < 200 || status > 299) {
        judge_status(a, status, body, err);
        return;
    }
    a->verdict = ACCEPTED;
    if (a->channel->judge)
        a->verdict = a->channel->judge(&(struct answer){body, &a->x}, &why);
    snprintf(a->why, sizeof a->why, "%s", why.len ? why.p : "");
}

/* ---- attempts ------------------------------------------------------------------------------ */

void attempts_forget(struct notify *n)
{
    for (struct attempt *a = n->attempts, *next; a; a = next) {
        next = a->next;
        a->notify = NULL;
        if (a->answered)
            attempt_free(a);
    }
    n->attempts = NULL;
}

static void on_answer(int status, struct str body, const struct err *err, void *arg)
{
    struct attempt *a = arg;

    if (!a->notify) {
        attempt_free(a);
        return;
    }
    judge(a, status, body, err);
    a->answered = true;
    if (a->notify->options.wake)
        a->notify->options.wake(a->notify->options.wake_arg);
}

static void run_step(struct attempt *a, unix_ns now);

static void settle(struct attempt *a, unix_ns now)
{
    struct notify *n = a->notify;
    struct lane *lane = a->lane;

    if (a->verdict == ACCEPTED && a->x.more && a->x.step + 1 < STEPS_MAX) {
        a->x.step++;
        run_step(a, now);
        return;
    }
    lane->in_flight = false;
    lane->queue->in_flight--;
    if (a->verdict == ACCEPTED)
        succeed(lane, now);
    else
        fail(lane, now, a->verdict, a->wait, a->why);
    if (a->prev)
        a->prev->next = a->next;
    else
        n->attempts = a->next;
    if (a->next)
        a->next->prev = a->prev;
    attempt_free(a);
}

static bool settle_answers(struct notify *n, unix_ns now)
{
    bool any = false;

    for (struct attempt *a = n->attempts, *next; a; a = next) {
        next = a->next;
        if (a->answered) {
            settle(a, now);
            any = true;
        }
    }
    return any;
}

/* ---- at most so many a minute -------------------------------------------------------------- */

/* When the channel takes the next message; a time in the past: now. */
static unix_ns next_allowed(struct queue *q, const struct channel *c)
{
    if (q->n_sent_at != c->per_minute) {
        free(q->sent_at);
        q->sent_at = mem_array(c->per_minute, sizeof *q->sent_at);
        q->n_sent_at = c->per_minute;
        q->next_sent_at = 0;
    }
    return c->per_minute ? q->sent_at[q->next_sent_at] + MINUTE : 0;
}

static void note_sent(struct queue *q, unix_ns now)
{
    if (q->n_sent_at == 0)
        return;
    q->sent_at[q->next_sent_at] = now;
    q->next_sent_at = (q->next_sent_at + 1) % q->n_sent_at;
}

static void fail_step(struct attempt *a, const char *why)
{
    a->answered = true;
    a->verdict = RETRIABLE;
    snprintf(a->why, sizeof a->why, "%.*s", (int)sizeof a->why - 1, why);
}

static void tell_trouble(const struct attempt *a, const struct err *trouble)
{
    if (trouble->code && a->lane->first->attempts == 0)
        log_event(LOG_WARN, "template_failed", "receiver", a->lane->queue->receiver, "group",
                  a->lane->group_key, "error", trouble->msg, NULL);
}

/* Makes the next request of an attempt and sends it. */
static void run_step(struct attempt *a, unix_ns now)
{
    struct queue *q = a->lane->queue;
    struct notify *n = a->notify;
    const struct config_channel *config = channel_find(n->config, q->receiver, q->integration);
    struct notification note = message_view(a->lane->first);
    struct err err = {0}, trouble = {0};
    CLEANUP(arena_deinit) struct arena arena = {0};
    CLEANUP(buf_free) struct buf url = {0};
    CLEANUP(buf_free) struct buf body = {0};
    struct render r = {.n = &note,
                       .external_url = n->external_url,
                       .templates = n->templates,
                       .now = now,
                       .arena = &arena,
                       .x = &a->x,
                       .trouble = &trouble};
    struct outgoing o = {0};
    int status;

    a->answered = a->x.more = false;
    if (!config) {
        fail_step(a, "the configuration has changed meanwhile");
        return;
    }
    arena_init(&arena, REQUEST_MAX);
    r.settings = config->settings;
    status = a->channel->render(&r, &url, &body, &o, &err);
    tell_trouble(a, &trouble);
    if (status < 0)
        fail_step(a, err.msg);
    else
        n->options.transport.send(n->options.transport.self, &o, on_answer, a);
}

static void start_attempt(struct lane *lane, unix_ns now)
{
    struct queue *q = lane->queue;
    struct notify *n = q->notify;
    const struct config_channel *config = channel_find(n->config, q->receiver, q->integration);
    const struct channel *channel = config ? channel_of(config->kind) : NULL;
    struct attempt *a;

    if (!channel) {
        give_up(lane, now, "the configuration has no such receiver any more");
        return;
    }
    if (next_allowed(q, channel) > now) {
        schedule(lane, next_allowed(q, channel));
        return;
    }
    note_sent(q, now);
    a = mem_zalloc(sizeof *a);
    a->notify = n;
    a->lane = lane;
    a->channel = channel;
    a->x.token = &q->token;
    a->x.now = now;
    a->next = n->attempts;
    if (a->next)
        a->next->prev = a;
    n->attempts = a;
    lane->in_flight = true;
    q->in_flight++;
    heap_remove(&q->due, &lane->due);
    run_step(a, now);
}

static void take_inbox(struct notify *n, unix_ns now)
{
    struct message *m, *next;

    lock_take(&n->lock);
    m = n->inbox;
    n->inbox = NULL;
    n->inbox_last = &n->inbox;
    lock_give(&n->lock);
    for (; m; m = next) {
        next = m->next;
        notify_enqueue(n, m, now);
    }
}

static unix_ns run_queue(struct queue *q, unix_ns now)
{
    unsigned most = q->failures >= BREAKER_AFTER ? 1 : IN_FLIGHT_MAX;
    struct heap_node *first;

    while (q->in_flight < most && (first = heap_first(&q->due)) && first->due <= now)
        start_attempt(CONTAINER_OF(first, struct lane, due), now);
    first = heap_first(&q->due);
    /* At its limit the next answer wakes us; before that nothing can be done. */
    return first && q->in_flight < most ? first->due : INT64_MAX;
}

static unix_ns run_queues(struct notify *n, unix_ns now)
{
    unix_ns next = INT64_MAX;

    for (struct queue *q = n->queues; q; q = q->next) {
        unix_ns when = run_queue(q, now);

        if (when < next)
            next = when;
    }
    return next;
}

unix_ns notify_tick(struct notify *n, unix_ns now)
{
    unix_ns next;

    take_inbox(n, now);
    settle_answers(n, now);
    do
        next = run_queues(n, now);
    while (settle_answers(n, now)); /* a transport may answer at once */
    return next;
}
