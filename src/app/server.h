/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - all that runs, in one struct; private to app/
 */
#ifndef TOCSIN_APP_SERVER_H
#define TOCSIN_APP_SERVER_H

#include <stdatomic.h>

#include "api/api.h"
#include "app/features.h"
#include "app/role.h"
#include "app/serve_options.h"
#include "base/thread.h"
#include "config/config.h"
#include "net/http_client.h"
#include "notify/notify.h"

#define RULE_WORKERS 2 /* threads that evaluate groups: as many groups at the same time */

struct alerts;
struct own_alerts;
struct api;
struct push_gateway;
struct pushed;
struct remote_write;
struct rules;
struct scrape;
struct state;
struct storage;
struct targets;

struct server {
    const struct serve_options *options;
    struct features features;
    struct buf external_url;
    unix_ms started;
    atomic_bool ready;

    /* main thread */
    struct loop *loop;
    struct loop_timer *targets_timer, *log_timer, *own_alerts_timer;
    struct own_alerts *own_alerts;
    struct targets *targets;

    /* under lock: what is in force; replaced by main */
    struct lock lock;
    struct config *config;
    struct target_list *target_list;
    bool loaded;          /* whether the newest configuration was right */
    unix_ms loaded_since; /* when the one in force was taken over */

    struct state *state;
    struct storage *storage;

    struct role *notify_role;
    struct http_client *http; /* notify's */
    struct transport transport;
    struct notify *notify;

    struct role *alerts_role;
    struct alerts *alerts;

    struct role *rule_roles[RULE_WORKERS];
    struct rules *rules;

    struct scrape *scrape;
    struct remote_write *remote_write; /* NULL unless asked for */
    struct push_gateway *push;         /* likewise, with what commits it and its thread */
    struct pushed *pushed;
    struct role *push_role;

    struct api *api;
    struct api_flag *flags; /* for status/flags, texts in flag_texts */
    struct buf flag_texts;
};

/* Reads the configuration again and, if all of it is right, has every room take it over. main
 * thread. */
int server_reload(struct server *s, struct err *err);

/* The same from another thread, waiting for main. */
int server_ask_reload(void *self, struct err *err);

/* Takes over the targets of the first configuration, and from then on looks after them. main thread. */
void server_begin(struct server *s);
void server_refresh_targets(void *arg); /* called by a timer */

void server_loaded(void *self, bool *ret_ok, unix_ms *ret_since);
const struct config *server_config(void *self); /* a new reference */
struct target_list *server_targets(void *self); /* a new reference */

#endif
