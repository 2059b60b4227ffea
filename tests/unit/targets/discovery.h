/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery - a loop with targets that are discovered, and an HTTP server that is asked
 */
#ifndef TOCSIN_TESTS_UNIT_TARGETS_DISCOVERY_H
#define TOCSIN_TESTS_UNIT_TARGETS_DISCOVERY_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/http_server.h"
#include "targets/targets_priv.h"
#include "tests/unit/targets/setup.h"

#define PATIENCE_MS 20000 /* nothing that a test waits for takes longer */

struct world {
    struct loop *loop;
    struct targets *targets;
    struct loop_timer *tick, *end;
    struct buf complaints;
    int lists; /* new ones since the start */

    bool (*until)(struct world *w, void *arg);
    void *until_arg;
    bool is_late;
};

static inline void note_list(void *world)
{
    ((struct world *)world)->lists++;
}

static inline void look_again(void *world)
{
    struct world *w = world;

    if (w->until && w->until(w, w->until_arg))
        loop_stop(w->loop);
    else
        loop_timer_after(w->tick, 10);
}

static inline void give_up(void *world)
{
    struct world *w = world;

    w->is_late = true;
    loop_stop(w->loop);
}

static inline void world_begin(struct world *w, const char *yaml)
{
    struct config *c = configure(yaml);

    *w = (struct world){.loop = loop_new()};
    w->tick = loop_timer_new(w->loop, look_again, w);
    w->end = loop_timer_new(w->loop, give_up, w);
    w->targets = targets_new(c, 0, keep_words, &w->complaints);
    targets_discover(w->targets, w->loop, note_list, w);
    config_unref(c);
}

static inline void world_reconfigure(struct world *w, const char *yaml)
{
    struct config *c = configure(yaml);

    targets_reconfigure(w->targets, c, 0);
    config_unref(c);
}

static inline void world_end(struct world *w)
{
    targets_free(w->targets);
    loop_timer_free(w->tick);
    loop_timer_free(w->end);
    loop_free(w->loop);
    buf_free(&w->complaints);
}

/* False when it does not come true. */
static inline bool world_runs_until(struct world *w, bool (*until)(struct world *w, void *arg),
                                    void *arg)
{
    w->until = until;
    w->until_arg = arg;
    w->is_late = false;
    loop_timer_after(w->end, PATIENCE_MS);
    loop_timer_after(w->tick, 0);
    loop_run(w->loop);
    loop_timer_cancel(w->end);
    loop_timer_cancel(w->tick);
    return !w->is_late;
}

static inline bool never(struct world *w, void *arg)
{
    return false;
}

/* The server that is asked. */
static inline int serve(void (*handler)(struct http_exchange *x, void *arg), int workers,
                        struct http_server **ret)
{
    static const char *const address = "127.0.0.1:0";

    return http_server_start(&(struct http_server_options){.addresses = &address,
                                                           .n_addresses = 1,
                                                           .workers = workers,
                                                           .max_body = 4096,
                                                           .max_header = 4096,
                                                           .max_connections = 16,
                                                           .read_timeout = 5000,
                                                           .handler = handler},
                             ret, NULL);
}

/* Addresses of all targets, a blank behind each. */
static inline void add_addresses(struct world *w, struct buf *out)
{
    struct target_list *l = targets_list(w->targets);

    for (size_t i = 0; i < l->n_targets; i++)
        buf_addf(out, "%s ", l->targets[i].address);
    target_list_unref(l);
}

static inline bool has_addresses(struct world *w, void *wanted)
{
    CLEANUP(buf_free) struct buf got = {0};

    add_addresses(w, &got);
    return str_eq_c(buf_str(&got), wanted);
}

static inline void wait_for_addresses(struct world *w, const char *wanted)
{
    CLEANUP(buf_free) struct buf got = {0};

    if (world_runs_until(w, has_addresses, (void *)(uintptr_t)wanted))
        return;
    add_addresses(w, &got);
    fail_msg("targets \"%s\", expected \"%s\", complaints: %s", got.len ? got.p : "", wanted,
             w->complaints.len ? w->complaints.p : "");
}

static inline bool has_complained(struct world *w, void *part)
{
    return str_find(buf_str(&w->complaints), str_c(part)) < w->complaints.len;
}

static inline void wait_for_complaint(struct world *w, const char *part)
{
    if (!world_runs_until(w, has_complained, (void *)(uintptr_t)part))
        fail_msg("complaints \"%s\" do not say \"%s\"", w->complaints.len ? w->complaints.p : "",
                 part);
}

/* Each group of one: "ADDRESS LABELS", a line each. Frees the groups. */
static inline void assert_groups(struct found_group *groups, size_t n, const char *expected)
{
    CLEANUP(buf_free) struct buf got = {0};

    for (size_t i = 0; i < n; i++) {
        buf_addf(&got, "%s ", groups[i].addresses[0]);
        label_set_print(groups[i].labels, &got);
        buf_add_c(&got, "\n");
    }
    assert_string_equal(got.p ? got.p : "", expected);
    found_groups_free(groups, n);
}

/* A server, and a world whose configuration names its port. */
struct served_world {
    struct http_server *server;
    struct world w;
};

static inline void served_begin(struct served_world *s,
                                void (*handler)(struct http_exchange *x, void *arg), int workers,
                                const char *before_port, const char *behind_port)
{
    CLEANUP(buf_free) struct buf yaml = {0};

    assert_int_equal(serve(handler, workers, &s->server), 0);
    buf_addf(&yaml, "%s%d%s", before_port, http_server_port(s->server, 0), behind_port);
    world_begin(&s->w, yaml.p);
}

static inline void served_end(struct served_world *s)
{
    world_end(&s->w);
    http_server_stop(s->server);
}

#endif
