/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - all of tocsin but its sockets, on a clock that the scene turns
 *
 * Real: configuration, targets, scrapers, storage, PromQL, rules, alerts, outbox, state. Played:
 * the pages that targets serve and the answers of webhooks. Every room is called when it said it
 * wants to be, so that twelve hours take milliseconds.
 */
#ifndef TOCSIN_TESTS_SCENES_WORLD_H
#define TOCSIN_TESTS_SCENES_WORLD_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "model/ports.h"

/* Of the first moment of every scene: 2026-02-04T08:00:00Z, the founding day. */
#define WORLD_BEGIN (INT64_C(1770192000) * NS_PER_S)

struct world;

/* `folder` holds the scene's files; tocsin.yml is the configuration. Nothing runs yet. */
struct world *world_new(const char *folder);
void world_free(struct world *w);

int world_start(struct world *w, struct err *err);
void world_stop(struct world *w); /* a clean stop */
int world_crash(struct world *w,
                struct err *err); /* what kill -9 leaves on the disk is kept, nothing else */
int world_reload(struct world *w, struct err *err);

void world_run_until(struct world *w, unix_ns when);
unix_ns world_now(const struct world *w);
void world_jump(struct world *w, int64_t ns); /* the wall clock is set; nothing happens meanwhile */

/* What target `address` serves from now on; page.p NULL: it is down. */
void world_target_serves(struct world *w, struct str address, struct str page);

enum webhook_mood { WEBHOOK_ANSWERS, WEBHOOK_HANGS, WEBHOOK_REFUSES };
void world_webhook(struct world *w, struct str url, enum webhook_mood mood, int status);

struct world_request {
    char *url;
    char *body;
    unix_ns when;
    int answered; /* status, 0: not at all */
    bool checked; /* an expectation has looked at it */
};

/* The requests that came so far, in order. */
struct world_request *world_requests(struct world *w, size_t *ret_n);

const struct series_reader *world_reader(struct world *w);
struct rules *world_rules(struct world *w);

#endif
