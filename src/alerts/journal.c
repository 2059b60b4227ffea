/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is pending stands in the two lists of dirty things and in the post under way; a write
 * carries all of it, the dirty things first: a posted alert that is dirty too has the last word
 * about its record. Texts of firing alerts that changed go along once in a while, all at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "alerts/alerts_priv.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"

void journal_alert(struct alerts *a, struct held *h)
{
    if (h->dirty)
        return;
    h->dirty = true;
    *VEC_PUSH(a->dirty_alerts, a->n_dirty_alerts, a->dirty_alerts_cap) = h;
}

void journal_entry(struct alerts *a, struct log_entry *e)
{
    if (e->dirty)
        return;
    e->dirty = true;
    *VEC_PUSH(a->dirty_entries, a->n_dirty_entries, a->dirty_entries_cap) = e;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct ops {
    struct arena arena; /* keys and values */
    struct buf text;    /* the one being written */
    struct keeper_op *ops;
    size_t n;
};

static void ops_deinit(struct ops *o)
{
    buf_free(&o->text);
    free(o->ops);
    arena_deinit(&o->arena);
}

static void add_op(struct ops *o, const char *table, struct str key, bool delete)
{
    struct keeper_op *op = &o->ops[o->n++];

    op->table = table;
    op->key = key;
    op->value = delete ? STR_NONE : arena_str(&o->arena, buf_str(&o->text));
}

static struct str held_key(struct ops *o, const struct held *h)
{
    buf_reset(&o->text);
    record_alert_key(h->number, h->fingerprint, &o->text);
    return arena_str(&o->arena, buf_str(&o->text));
}

static void add_alert(struct ops *o, const struct held *h, const struct alert *al, bool resolved,
                      bool delete)
{
    struct str key = held_key(o, h);

    buf_reset(&o->text);
    if (!delete)
        record_alert(al, resolved, &o->text);
    add_op(o, TABLE_ALERT, key, delete);
}

static void add_entry(struct ops *o, const struct log_entry *e)
{
    buf_reset(&o->text);
    if (!e->dead)
        record_entry(e, &o->text);
    add_op(o, TABLE_NFLOG, str_c(e->key), e->dead);
}

/* Whether the record of this alert is to be written for its texts alone. */
static bool has_old_texts(const struct held *h)
{
    return h->old_texts && !h->dirty && !h->gone;
}

static size_t count_old_texts(const struct alerts *a)
{
    const struct held *h;
    size_t n = 0;

    for (size_t i = 0; (h = map_next(&a->held, &i));)
        n += has_old_texts(h);
    return n;
}

static void collect_texts(const struct alerts *a, struct ops *o)
{
    const struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));)
        if (has_old_texts(h))
            add_alert(o, h, h->alert, h->saved_end, false);
}

static void collect(const struct alerts *a, struct ops *o, bool with_texts, unix_ns now)
{
    o->ops = mem_array(a->n_dirty_alerts + a->n_dirty_entries + a->n_posted +
                           (with_texts ? count_old_texts(a) : 0) + 1,
                       sizeof *o->ops);
    if (with_texts)
        collect_texts(a, o);
    for (size_t i = 0; i < a->n_dirty_entries; i++)
        add_entry(o, a->dirty_entries[i]);
    for (size_t i = 0; i < a->n_dirty_alerts; i++)
        add_alert(o, a->dirty_alerts[i], a->dirty_alerts[i]->alert, true, a->dirty_alerts[i]->gone);
    for (size_t i = 0; i < a->n_posted; i++) {
        const struct held *h = a->posted[i];

        if (h->write_posted)
            add_alert(o, h, h->posted, alert_is_resolved(h->posted, now), false);
    }
}

static void texts_written(struct alerts *a)
{
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));)
        h->old_texts = false;
    a->texts_due = INT64_MAX;
}

static void written(struct alerts *a, bool with_texts, unix_ns now)
{
    if (with_texts)
        texts_written(a);
    for (size_t i = 0; i < a->n_dirty_alerts; i++) {
        struct held *h = a->dirty_alerts[i];

        h->dirty = h->old_texts = false;
        h->saved_end = true;
    }
    a->n_dirty_alerts = 0;
    for (size_t i = 0; i < a->n_dirty_entries; i++) {
        a->dirty_entries[i]->dirty = false;
        if (a->dirty_entries[i]->dead)
            nflog_drop(a, a->dirty_entries[i]);
    }
    a->n_dirty_entries = 0;
    for (size_t i = 0; i < a->n_posted; i++) {
        struct held *h = a->posted[i];

        if (!h->write_posted)
            continue;
        h->saved_end = alert_is_resolved(h->posted, now);
        h->old_texts = false;
    }
}

int journal_write(struct alerts *a, unix_ns now, struct err *err)
{
    CLEANUP(ops_deinit)
    struct ops o = {0};
    bool with_texts = now >= a->texts_due;
    int r;

    collect(a, &o, with_texts, now);
    if (o.n == 0) {
        written(a, with_texts, now);
        return 0;
    }
    r = a->keeper.write(a->keeper.self, o.ops, o.n, err);
    if (r < 0) {
        metrics_keeper_failed();
        return err_in(err, r, "state");
    }
    written(a, with_texts, now);
    return 0;
}

/* ---- reading back -------------------------------------------------------------------------- */

struct loading {
    struct alerts *a;
    unix_ns now;
};

/* The source of a firing alert could not report while we were down, and reports that only moved the
 * end are not in the record: it has resolve_timeout from now. An end that was told cannot lie ahead
 * of the clock. */
static const struct alert *as_of_now(const struct loading *l, const struct alert *al, bool resolved)
{
    unix_ns least = later(l->now, l->a->config->resolve_timeout);

    if (resolved && al->ends_at > l->now)
        return alert_with_end(al, l->now, al->timed_out);
    if (!resolved && al->ends_at != UNIX_NS_ZERO && al->ends_at < least)
        return alert_with_end(al, least, true);
    return alert_ref(al);
}

static void damaged(const char *table, struct str key, const struct err *err)
{
    struct buf text = {0};

    buf_add_str(&text, key);
    log_event(LOG_WARN, "record_damaged", "table", table, "key", buf_str(&text).p, "error",
              err->msg, "consequence", "it is ignored", NULL);
    buf_free(&text);
    metrics_record_damaged();
}

static int load_alert(struct str key, struct str value, void *arg)
{
    const struct loading *l = arg;
    struct err err = {0};
    struct alert *al = NULL;
    struct held *h = NULL;
    uint64_t number;
    bool resolved;

    if (record_alert_read(key, value, &al, &number, &resolved, &err) >= 0) {
        h = store_add_as(l->a, al->labels, number);
        if (!h)
            err_set(&err, -EEXIST, "an alert with these labels was read already");
    }
    if (h) {
        h->alert = as_of_now(l, al, resolved);
        h->saved_end = resolved;
        l->a->n_present++;
    } else {
        damaged(TABLE_ALERT, key, &err);
    }
    alert_unref(al);
    return 0;
}

static int load_entry(struct str key, struct str value, void *arg)
{
    const struct loading *l = arg;
    struct err err = {0};
    struct log_entry *e = NULL;

    if (record_entry_read(key, value, &e, &err) < 0) {
        damaged(TABLE_NFLOG, key, &err);
        return 0;
    }
    if (e->time > l->now)
        e->time = l->now; /* the clock was set back since: it must not put off a repetition */
    nflog_load(l->a, e);
    return 0;
}

static int load_silence(struct str key, struct str value, void *arg)
{
    const struct loading *l = arg;
    struct err err = {0};
    struct held_silence *s = NULL;

    if (record_silence_read(key, value, &s, &err) < 0)
        damaged(TABLE_SILENCE, key, &err);
    else
        silence_load(l->a, s);
    return 0;
}

int journal_load(struct alerts *a, unix_ns now, struct err *err)
{
    struct loading l = {a, now};
    int r = a->keeper.each(a->keeper.self, TABLE_ALERT, load_alert, &l, err);

    if (r < 0)
        return err_in(err, r, "reading table " TABLE_ALERT);
    r = a->keeper.each(a->keeper.self, TABLE_NFLOG, load_entry, &l, err);
    if (r < 0)
        return err_in(err, r, "reading table " TABLE_NFLOG);
    r = a->keeper.each(a->keeper.self, TABLE_SILENCE, load_silence, &l, err);
    return r < 0 ? err_in(err, r, "reading table " TABLE_SILENCE) : 0;
}
