/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notify.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/selfmetrics.h"
#include "notify/notify_priv.h"

SELFMETRIC(accepted, METRIC_COUNTER, "tocsin_outbox_messages_total", NULL,
           "Messages taken into the outbox.");
SELFMETRIC(unreadable, METRIC_COUNTER, "tocsin_outbox_unreadable_total", NULL,
           "Records of the outbox that could not be read back; they are left where they are.");

struct loading {
    struct notify *n;
    unix_ns now;
};

static int load_record(struct str key, struct str value, void *arg)
{
    struct loading *l = arg;
    struct message *m;
    struct err err = {0};

    if (message_decode(key, value, &m, &err) < 0) {
        selfmetric_add(&unreadable, 1);
        log_eventf(LOG_ERROR, "outbox_unreadable", "record", "%.*s: %s", STR_ARG(key), err.msg);
        return 0;
    }
    if (m->number >= l->n->next_number)
        l->n->next_number = m->number + 1;
    notify_enqueue(l->n, m, l->now);
    return 0;
}

/* Numbers go on above those of the messages that were given up, too: their records must not be
 * overwritten. */
static int skip_number(struct str key, struct str value, void *arg)
{
    struct loading *l = arg;
    CLEANUP(mem_freep)
    char *digits = str_dup(key);
    uint64_t number = strtoull(digits, NULL, 10);

    if (number >= l->n->next_number)
        l->n->next_number = number + 1;
    return 0;
}

int notify_new(const struct notify_options *o, const struct config *config, unix_ns now,
               struct notify **ret, struct err *err)
{
    struct notify *n = mem_zalloc(sizeof *n);
    struct loading l = {n, now};
    int r;

    n->options = *o;
    n->external_url = mem_strdup(o->external_url);
    n->random = o->seed | 1;
    n->next_number = 1;
    n->inbox_last = &n->inbox;
    n->config = config_ref(config);
    lock_init(&n->lock);
    r = texts_load(config, &n->templates, err);
    if (r < 0) {
        notify_free(n);
        return r;
    }
    r = o->keeper.each(o->keeper.self, "outbox", load_record, &l, err);
    if (r == 0)
        r = o->keeper.each(o->keeper.self, "given_up", skip_number, &l, err);
    if (r < 0) {
        notify_free(n);
        return err_in(err, r, "outbox");
    }
    *ret = n;
    return 0;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    attempts_forget(n);
    for (struct queue *q = n->queues, *next; q; q = next) {
        next = q->next;
        queue_free(q);
    }
    for (struct message *m = n->inbox, *next; m; m = next) {
        next = m->next;
        message_free(m);
    }
    template_set_unref(n->templates);
    config_unref(n->config);
    lock_deinit(&n->lock);
    free(n->external_url);
    free(n);
}

void notify_reconfigure(struct notify *n, const struct config *config, unix_ns now)
{
    struct config *old = n->config;
    struct template_set *templates = NULL;
    struct err err = {0};

    n->config = config_ref(config);
    config_unref(old);
    if (texts_load(config, &templates, &err) == 0) {
        template_set_unref(n->templates);
        n->templates = templates;
    } else { /* notify_check() said yes, so that somebody changed a file just now */
        log_event(LOG_ERROR, "templates_not_read", "error", err.msg, NULL);
    }
    /* A mended URL or password deserves an attempt at once. */
    for (struct queue *q = n->queues; q; q = q->next) {
        struct lane *lane;

        buf_reset(&q->token.text); /* its secret may be another one now */
        for (size_t i = 0; (lane = map_next(&q->lanes, &i));) {
            lane->next_attempt = now;
            if (heap_contains(&lane->due))
                heap_set(&q->due, &lane->due, now);
        }
    }
}

int notify_check(const struct config *config, struct err *err)
{
    struct template_set *templates = NULL;
    int r = texts_load(config, &templates, err);

    template_set_unref(templates);
    return r;
}

/* Encodes each message into one buffer, then hands all of them to the keeper at once. */
static int write_records(struct notify *n, struct message **messages, size_t count, struct err *err)
{
    struct keeper_op *ops = mem_array(count, sizeof *ops);
    char(*keys)[KEY_LEN + 1] = mem_array(count, sizeof *keys);
    size_t *ends = mem_array(count, sizeof *ends);
    struct buf values = {0};
    int r;

    for (size_t i = 0; i < count; i++) {
        message_key(messages[i]->number, keys[i]);
        message_encode(messages[i], &values);
        ends[i] = values.len;
    }
    for (size_t i = 0; i < count; i++) {
        size_t begin = i ? ends[i - 1] : 0;

        ops[i] = (struct keeper_op){"outbox", str_n(keys[i], KEY_LEN),
                                    str_n(values.p + begin, ends[i] - begin)};
    }
    r = n->options.keeper.write(n->options.keeper.self, ops, count, err);
    buf_free(&values);
    free(ends);
    free(keys);
    free(ops);
    return r;
}

int notify_put(struct notify *n, const struct notification *ns, size_t count, struct err *err)
{
    struct message **messages = mem_array(count, sizeof *messages);
    int r;

    for (size_t i = 0; i < count; i++)
        messages[i] = message_new(&ns[i]);
    lock_take(&n->lock);
    for (size_t i = 0; i < count; i++)
        messages[i]->number = n->next_number++;
    lock_give(&n->lock);
    r = count ? write_records(n, messages, count, err) : 0;
    if (r < 0) {
        for (size_t i = 0; i < count; i++)
            message_free(messages[i]);
        free(messages);
        return err_in(err, r, "outbox");
    }
    lock_take(&n->lock);
    for (size_t i = 0; i < count; i++) {
        *n->inbox_last = messages[i];
        n->inbox_last = &messages[i]->next;
    }
    lock_give(&n->lock);
    free(messages);
    selfmetric_add(&accepted, (int64_t)count);
    if (count && n->options.wake)
        n->options.wake(n->options.wake_arg);
    return 0;
}

static int sink_put(void *self, const struct notification *ns, size_t n, struct err *err)
{
    return notify_put(self, ns, n, err);
}

struct message_sink notify_sink(struct notify *n)
{
    return (struct message_sink){.self = n, .put = sink_put};
}

void notify_each_queue(struct notify *n, void (*cb)(const struct notify_queue_view *v, void *arg),
                       void *arg)
{
    for (struct queue *q = n->queues; q; q = q->next) {
        struct notify_queue_view v = {.receiver = q->receiver,
                                      .kind = channel_of(q->integration >> 16)->name,
                                      .index = q->integration & 0xffff,
                                      .waiting = q->waiting,
                                      .oldest = INT64_MAX,
                                      .next_attempt = INT64_MAX,
                                      .failures = q->failures,
                                      .last_error = q->last_error};
        struct lane *lane;

        for (size_t i = 0; (lane = map_next(&q->lanes, &i));) {
            if (lane->first && lane->first->now < v.oldest)
                v.oldest = lane->first->now;
            if (lane->first && lane->next_attempt < v.next_attempt)
                v.next_attempt = lane->next_attempt;
        }
        cb(&v, arg);
    }
}
