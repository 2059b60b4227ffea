/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - tells somebody: an outbox on disk, and channels that turn a notification into a request
 *
 * A notification is in the outbox (keeper table "outbox") before notify_put() returns, and leaves
 * it only when the far end accepted it, or when it was given up, and that is logged, counted and
 * kept (table "given_up"). Each integration has its own queue: within a group the order is kept, a
 * resolved message never overtakes its firing one, and a channel that hangs holds up no other.
 * Failed attempts are repeated with back-off and jitter. At least once: a crash between the answer
 * and its record repeats the message.
 *
 * notify_put() may be called by any thread; everything else belongs to one thread (in the program:
 * "notify"). Time is a parameter.
 */
#ifndef TOCSIN_NOTIFY_NOTIFY_H
#define TOCSIN_NOTIFY_NOTIFY_H

#include "base/clock.h"
#include "base/err.h"
#include "config/config.h"
#include "model/ports.h"

struct notify;
struct http_client;

/* One request that has to go out. Texts are borrowed for the call. */
struct outgoing {
    const char *method, *url;
    const char *content_type;          /* NULL: no such header */
    struct str body;                   /* .p NULL: none */
    const struct http_header *headers; /* besides those of `http` */
    size_t n_headers;
    const struct http_options *http; /* authentication, TLS, proxy, headers */
    /* Not NULL: a mail, `body`, for these addresses, one a line: the sender's, then those of the
     * recipients. Of the above only url has a meaning: the server's host:port, for people. */
    const struct smtp_options *smtp;
    struct str envelope;
    dur_ms timeout;
};

/* The end of an attempt: status 0 when there was no answer, then err says why. */
typedef void outgoing_done(int status, struct str body, const struct err *err, void *arg);

/* How requests leave the house. The program uses notify_http_transport(); scenes have a fake one.
 */
struct transport {
    void *self;
    /* done is called exactly once, now or later, on the owner's thread */
    void (*send)(void *self, const struct outgoing *o, outgoing_done *done, void *arg);
};

struct notify_options {
    const char *external_url;
    struct keeper keeper;
    struct transport transport;
    void (*wake)(void *arg); /* called by notify_put(), from any thread: tick soon. May be NULL */
    void *wake_arg;
    uint64_t seed; /* of the jitter */
};

/* Reads the outbox back and goes on with it. */
int notify_new(const struct notify_options *o, const struct config *config, unix_ns now,
               struct notify **ret, struct err *err);
void notify_free(
    struct notify *n); /* attempts under way are forgotten; they are repeated at the next start */
/* Whether the template files of a configuration can be used; -errno with FILE: words. To be asked
 * before notify_reconfigure(). */
int notify_check(const struct config *config, struct err *err);
void notify_reconfigure(struct notify *n, const struct config *config, unix_ns now);

int notify_put(struct notify *n, const struct notification *ns, size_t count, struct err *err);
struct message_sink notify_sink(struct notify *n);

/* Starts the attempts that are due; returns when it next wants to be called. */
unix_ns notify_tick(struct notify *n, unix_ns now);

/* Requests through a client of net/, whose loop is the owner's. Freeing cancels what is under way
 * and is done after notify_free() and before http_client_free(). */
struct transport notify_http_transport_new(struct http_client *client);
void notify_http_transport_free(struct transport *t); /* a zeroed one is fine */

/* ---- looking in ---------------------------------------------------------------------------- */

struct notify_queue_view {
    const char *receiver;
    const char *kind; /* of the channel: "webhook", "dingtalk" */
    int index;        /* its place among the receiver's of the kind */
    size_t waiting;   /* messages in the outbox */
    unix_ns oldest;   /* when the oldest of them was put in */
    unix_ns next_attempt;
    unsigned failures;      /* attempts since the last success */
    const char *last_error; /* "" */
};
void notify_each_queue(struct notify *n, void (*cb)(const struct notify_queue_view *v, void *arg),
                       void *arg);

/* ---- bodies, pure: also for previews and tests --------------------------------------------- */

/* Alertmanager's webhook body, version 4. max_alerts 0: all. */
void webhook_body_alertmanager(const struct notification *n, const char *external_url,
                               uint64_t max_alerts, struct buf *out);

/* notification-manager's body (spec: kubesphere.md 4.5), with `cluster` added where an alert has
 * none. */
void webhook_body_kubesphere(const struct notification *n, const char *cluster, struct buf *out);

/* notification-manager's id of one alert: decimal text of a 64-bit hash. */
uint64_t kubesphere_alert_id(const char *status, const struct label_set *labels,
                             const struct label_set *annotations, unix_ns starts_at,
                             int starts_zone_min, unix_ns ends_at, int ends_zone_min);

#endif
