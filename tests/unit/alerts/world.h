/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - an alerts room with a keeper and a message sink in memory, on a clock that the test moves
 *
 * Everything that goes to the sink is written down as one line a notification:
 *
 *     30 default/0 {alertname="A"} first notification: A+ B-
 *
 * second, receiver and integration, group labels, reason, and the alerts in their order: name, +
 * firing or
 * - resolved. A story is a list of acts, and its lines are compared with what they should be.
 */
#ifndef TOCSIN_TESTS_UNIT_ALERTS_WORLD_H
#define TOCSIN_TESTS_UNIT_ALERTS_WORLD_H

#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/config.h"
#include "model/alert.h"
#include "model/label_set.h"

#define T0 (INT64_C(1770192688) * NS_PER_S) /* 2026-02-04T08:11:28Z */

struct kept {
    char *table;
    struct str key, value; /* heap */
};

struct world {
    struct config *config;
    struct alerts *alerts;
    unix_ns now, wake;
    struct buf lines;

    struct map records;
    size_t writes, ops;    /* that succeeded, and the operations in them */
    int fail_writes;       /* so many fail; -1: all */
    bool refuse_after_put; /* the writes after the next put fail: as if the process died there */

    size_t attempts; /* to put */
    size_t puts, notes, largest_put;
    int fail_puts;
    const char *poison; /* a group key with this in it is refused */
    bool put_happened;
    void (*seen)(struct world *w, const struct notification *n); /* looks at each, may be NULL */
    void *seen_arg;
};

/* ---- the keeper ---------------------------------------------------------------------------- */

static inline bool kept_is(const void *key, const void *value)
{
    const struct keeper_op *op = key;
    const struct kept *k = value;

    return strcmp(op->table, k->table) == 0 && str_eq(op->key, k->key);
}

static inline uint64_t kept_hash(const struct keeper_op *op)
{
    return hash_mix(hash_bytes(op->table, strlen(op->table)), hash_bytes(op->key.p, op->key.len));
}

static inline void kept_free(struct kept *k)
{
    if (!k)
        return;
    free(k->table);
    free((char *)k->key.p);
    free((char *)k->value.p);
    free(k);
}

static inline void keep(struct world *w, const struct keeper_op *op)
{
    struct kept *k;

    kept_free(map_remove(&w->records, kept_hash(op), kept_is, op));
    if (!op->value.p)
        return;
    k = mem_zalloc(sizeof *k);
    k->table = mem_strdup(op->table);
    k->key = str_n(str_dup(op->key), op->key.len);
    k->value = str_n(str_dup(op->value), op->value.len);
    map_add(&w->records, kept_hash(op), k);
}

static inline int world_write(void *self, const struct keeper_op *ops, size_t n, struct err *err)
{
    struct world *w = self;

    assert_true(n > 0);
    if (w->fail_writes != 0 || (w->refuse_after_put && w->put_happened)) {
        w->fail_writes -= w->fail_writes > 0;
        return err_set(err, -ENOSPC, "disk is full");
    }
    for (size_t i = 0; i < n; i++)
        keep(w, &ops[i]);
    w->writes++;
    w->ops += n;
    return 0;
}

static inline int kept_order(const void *x, const void *y)
{
    const struct kept *const *kx = x, *const *ky = y;

    return str_cmp((*kx)->key, (*ky)->key);
}

static inline int world_each(void *self, const char *table,
                             int (*cb)(struct str key, struct str value, void *arg), void *arg,
                             struct err *err)
{
    struct world *w = self;
    struct kept **all = mem_array(w->records.n + 1, sizeof *all), *k;
    size_t n = 0;

    (void)err;
    for (size_t i = 0; (k = map_next(&w->records, &i));)
        if (strcmp(k->table, table) == 0)
            all[n++] = k;
    qsort(all, n, sizeof *all, kept_order);
    for (size_t i = 0; i < n; i++)
        if (cb(all[i]->key, all[i]->value, arg) != 0)
            break;
    free(all);
    return 0;
}

static inline size_t world_count(const struct world *w, const char *table)
{
    const struct kept *k;
    size_t n = 0;

    for (size_t i = 0; (k = map_next(&w->records, &i));)
        n += strcmp(k->table, table) == 0;
    return n;
}

/* ---- the sink ------------------------------------------------------------------------------ */

static inline void write_down(struct world *w, const struct notification *n)
{
    const char *labels = strchr(n->group_key, ':') + 1;

    buf_addf(&w->lines, "%g %s/%d %s %s:", (double)(w->now - T0) / NS_PER_S, n->receiver,
             n->integration, labels, n->reason);
    for (size_t i = 0; i < n->n_alerts; i++) {
        struct str name = alert_name(n->alerts[i]);

        buf_addf(&w->lines, " " STR_FMT "%c", STR_ARG(name),
                 alert_is_resolved(n->alerts[i], n->now) ? '-' : '+');
    }
    buf_add_byte(&w->lines, '\n');
}

static inline int world_put(void *self, const struct notification *ns, size_t n, struct err *err)
{
    struct world *w = self;

    assert_true(n > 0);
    w->attempts++;
    if (w->fail_puts != 0) {
        w->fail_puts -= w->fail_puts > 0;
        return err_set(err, -ENOSPC, "outbox is full");
    }
    for (size_t i = 0; w->poison && i < n; i++)
        if (strstr(ns[i].group_key, w->poison))
            return err_set(err, -E2BIG, "too large");
    w->put_happened = true;
    w->puts++;
    w->notes += n;
    w->largest_put = n > w->largest_put ? n : w->largest_put;
    for (size_t i = 0; i < n; i++) {
        if (w->seen)
            w->seen(w, &ns[i]);
        else
            write_down(w, &ns[i]);
    }
    return 0;
}

/* ---- life and time ------------------------------------------------------------------------- */

static inline struct config *world_parse(const char *yaml)
{
    struct config *c = NULL;
    struct err err = {0};

    if (config_parse("test.yml", str_c(yaml), &c, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

/* Starts, or starts again on the records that are there. */
static inline void world_start(struct world *w)
{
    struct keeper keeper = {w, world_write, world_each};
    struct message_sink sink = {w, world_put};
    struct err err = {0};

    alerts_free(w->alerts);
    w->alerts = NULL;
    if (alerts_new(w->config, &keeper, &sink, w->now, &w->alerts, &err) < 0)
        fail_msg("%s", err.msg);
    w->wake = w->now;
}

static inline void world_init(struct world *w, const char *yaml)
{
    *w = (struct world){.now = T0, .config = world_parse(yaml)};
    world_start(w);
}

static inline void world_deinit(struct world *w)
{
    struct kept *k;

    alerts_free(w->alerts);
    config_unref(w->config);
    for (size_t i = 0; (k = map_next(&w->records, &i));)
        kept_free(k);
    map_deinit(&w->records);
    buf_free(&w->lines);
}

static inline void world_tick(struct world *w)
{
    w->wake = alerts_tick(w->alerts, w->now);
    assert_true(w->wake > w->now);
}

/* Moves the clock to t and calls whenever it is asked for. */
static inline void world_run(struct world *w, unix_ns t)
{
    size_t ticks = 0;

    while (w->wake <= t) {
        w->now = w->wake > w->now ? w->wake : w->now;
        world_tick(w);
        assert_true(++ticks < 100000); /* no busy loop */
    }
    w->now = t;
}

static inline unix_ns world_time(double seconds)
{
    return T0 + (unix_ns)(seconds * (double)NS_PER_S);
}

/* ---- acts ---------------------------------------------------------------------------------- */

/* Reads "alertname=A job=j"; words that begin with @ are of the alert: @start=-60 @end=9
 * @note=text. */
static inline struct alert *world_alert(const struct world *w, const char *text)
{
    struct label_builder labels = {0}, annotations = {0};
    struct str rest = str_c(text);
    unix_ns start = w->now, end = w->now + unix_ns_of_ms(w->config->resolve_timeout);
    bool timed_out = true, has_start = false;
    const struct label_set *ls, *as;
    struct alert *al;

    while (rest.len > 0) {
        struct str word = str_cut(&rest, ' '), name = str_cut(&word, '=');

        if (str_eq_c(name, "@start")) {
            start = world_time(atof(word.p));
            has_start = true;
        } else if (str_eq_c(name, "@end")) {
            end = world_time(atof(word.p));
            timed_out = false;
        } else if (str_eq_c(name, "@note")) {
            label_builder_set(&annotations, STR("note"), word);
        } else {
            label_builder_set(&labels, name, word);
        }
    }
    if (!has_start && !timed_out && end < start)
        start = end;
    ls = label_builder_build(&labels);
    as = label_builder_build(&annotations);
    al = alert_new(ls, as, start, end, w->now, "");
    al->timed_out = timed_out;
    label_set_unref(ls);
    label_set_unref(as);
    label_builder_deinit(&labels);
    label_builder_deinit(&annotations);
    return al;
}

/* Posts the alerts of a text, separated by semicolons. */
static inline int world_post(struct world *w, const char *text)
{
    const struct alert *alerts[16] = {NULL};
    struct str rest = str_c(text);
    struct err err = {0};
    size_t n = 0;
    int r;

    while (rest.len > 0) {
        char *one = str_dup(str_trim(str_cut(&rest, ';')));

        assert_true(n < ARRAY_LEN(alerts));
        alerts[n++] = world_alert(w, one);
        free(one);
    }
    r = alerts_post(w->alerts, alerts, n, w->now, &err);
    for (size_t i = 0; i < n; i++)
        alert_unref(alerts[i]);
    w->wake = w->now; /* a tick follows every post */
    return r;
}

enum act_kind {
    POST,       /* text: alerts */
    POST_FAILS, /* the same, and it is refused */
    RESTART,    /* kill -9 and start: only the records stay; text: posted before the first tick, or
                   NULL */
    RELOAD,     /* text: configuration */
    FAIL_PUTS,  /* text: how many, -1 all, 0 none */
    FAIL_WRITES,
    DIE_AFTER_PUT, /* from the next put on no write succeeds */
    LIVE,          /* writes succeed again */
    CLOCK,         /* text: seconds by which the clock jumps */
    SAVED,         /* text: number of alert records */
    LOGGED,        /* text: number of log records */
    END,
};

struct act {
    double at;
    enum act_kind kind;
    const char *text;
};

static inline void world_reload(struct world *w, const char *yaml)
{
    struct config *c = world_parse(yaml);

    alerts_reconfigure(w->alerts, c, w->now);
    config_unref(w->config);
    w->config = c;
    w->wake = w->now;
}

static inline void perform(struct world *w, const struct act *act)
{
    switch (act->kind) {
    case POST: assert_int_equal(world_post(w, act->text), 0); break;
    case POST_FAILS: assert_true(world_post(w, act->text) < 0); break;
    case RESTART:
        world_start(w);
        if (act->text)
            assert_int_equal(world_post(w, act->text), 0);
        break;
    case RELOAD: world_reload(w, act->text); break;
    case FAIL_PUTS: w->fail_puts = atoi(act->text); break;
    case FAIL_WRITES: w->fail_writes = atoi(act->text); break;
    case DIE_AFTER_PUT:
        w->refuse_after_put = true;
        w->put_happened = false;
        break;
    case LIVE: w->refuse_after_put = false; break;
    case CLOCK:
        w->now += (int64_t)(atof(act->text) * (double)NS_PER_S);
        w->wake = w->now;
        break;
    case SAVED: assert_int_equal(world_count(w, "alert"), atoi(act->text)); break;
    case LOGGED: assert_int_equal(world_count(w, "nflog"), atoi(act->text)); break;
    case END: break;
    }
}

/* The last act is END; its time is how long the story goes on. Times are of the moved clock. */
static inline void world_play(const char *yaml, const struct act *acts, const char *lines)
{
    struct world w;

    world_init(&w, yaml);
    for (;; acts++) {
        world_run(&w, world_time(acts->at));
        if (acts->kind == END)
            break;
        perform(&w, acts);
    }
    assert_string_equal(w.lines.p ? w.lines.p : "", lines);
    world_deinit(&w);
}

#endif
