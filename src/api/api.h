/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - the HTTP faces: Prometheus v1, Alertmanager v2, health, reload, metrics
 *
 * Handlers run on the worker threads of net/http_server.h. They read snapshots and call the
 * looking-in functions of the rooms; what belongs to one thread (alerts, notify) they reach through
 * a door that runs a function there and waits. What changes something is reload, quit, samples,
 * alerts, silences and, where they are enabled, the admin calls of the storage.
 */
#ifndef TOCSIN_API_API_H
#define TOCSIN_API_API_H

#include <stdbool.h>

#include "api/backtest.h" /* for who tries rules without a server */
#include "base/clock.h"
#include "base/err.h"
#include "config/config.h"
#include "model/ports.h"
#include "promql/promql.h"

struct api;
struct alerts;
struct notify;
struct push_gateway;
struct remote_write;
struct rules;
struct scrape;
struct storage;
struct targets;

/* Runs fn(arg) on the thread that owns something, waits until it has returned. -ESHUTDOWN when it
 * is gone. */
struct api_door {
    void *self;
    int (*run)(void *self, void (*fn)(void *arg), void *arg);
};

struct api_options {
    const char *const *listen_addresses;
    size_t n_listen_addresses;
    int workers;
    const char *external_url; /* without a slash at its end */
    bool enable_lifecycle;    /* POST /-/reload and /-/quit */
    bool enable_admin;        /* delete_series, clean_tombstones, compact, snapshot */
    dur_ms lookback;
    dur_ms query_timeout;
    int64_t query_max_samples;
    int64_t
        query_max_concurrency; /* queries at a time, others wait; 0: as many as there are workers */
    uint64_t query_max_memory; /* bytes of one query; 0: what its samples may take */
    struct promql_features features;                 /* of expressions */
    bool delayed_name_removal, type_and_unit_labels; /* as in struct promql_options */
    bool per_step_stats;                             /* stats=all tells the samples of each step */

    struct series_reader reader;
    struct storage *storage;
    struct remote_write *remote_write; /* NULL: requests to write are refused */
    struct push_gateway *push;         /* NULL: pushes are refused */
    struct rules *rules;
    struct scrape *scrape;
    struct alerts *alerts; /* behind alerts_door */
    struct api_door alerts_door;
    struct notify *notify; /* behind notify_door */
    struct api_door notify_door;

    /* What the program does and knows; all may be called by any worker. */
    void *self;
    const struct config *(*config)(void *self); /* a new reference */
    struct target_list *(*targets)(void *self); /* a new reference */
    bool (*ready)(void *self);
    int (*reload)(void *self, struct err *err); /* waits for the outcome */
    void (*quit)(void *self);
    /* Whether the newest configuration was taken over, and since when the one in force is. NULL:
     * nobody tells, it is taken for good and as old as the program. */
    void (*loaded)(void *self, bool *ret_ok, unix_ms *ret_since);

    const struct api_flag {
        const char *name, *value;
    } * flags; /* status/flags */
    size_t n_flags;
    unix_ms started;
};

/* Listens before it returns. Before `ready` says yes, what asks the rooms gets 503. Texts and arrays
 * of the options are borrowed until api_stop(). */
int api_start(const struct api_options *o, struct api **ret, struct err *err);
void api_stop(struct api *a);                /* answers what was asked; NULL is fine */
int api_port(const struct api *a, size_t i); /* of listen address i */

#endif
