/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts_priv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

static bool has_key(const void *key, const void *value)
{
    return str_eq_c(*(const struct str *)key, ((const struct log_entry *)value)->key);
}

/* The entry of a key whether it is dead or alive. */
static struct log_entry *find(const struct alerts *a, struct str key)
{
    return map_get(&a->log, hash_bytes(key.p, key.len), has_key, &key);
}

void log_entry_free(struct log_entry *e)
{
    if (!e)
        return;
    free(e->key);
    free(e->firing);
    free(e->resolved);
    free(e);
}

void nflog_key(const struct group *g, const struct config_channel *c, struct buf *ret)
{
    buf_addf(ret, "%s:%s/%s/%d", g->key, g->receiver->name, c->kind_name, c->index);
}

struct log_entry *nflog_get(const struct alerts *a, struct str key)
{
    struct log_entry *e = find(a, key);

    return e && !e->dead ? e : NULL;
}

/* Both ascending. */
static bool is_subset(const uint64_t *part, size_t n_part, const uint64_t *whole, size_t n_whole)
{
    size_t j = 0;

    for (size_t i = 0; i < n_part; i++) {
        while (j < n_whole && whole[j] < part[i])
            j++;
        if (j == n_whole || whole[j] != part[i])
            return false;
    }
    return true;
}

const char *nflog_news(const struct log_entry *e, const struct hashes *h, bool send_resolved,
                       dur_ms repeat, unix_ns now)
{
    if (!e)
        return h->n_firing > 0 ? "first notification" : NULL;
    if (!is_subset(h->firing, h->n_firing, e->firing, e->n_firing))
        return e->n_firing > 0 ? "new alerts added" : "first notification";
    if (h->n_firing == 0)
        return e->n_firing > 0 ? "all alerts resolved" : NULL;
    if (send_resolved && !is_subset(h->resolved, h->n_resolved, e->resolved, e->n_resolved))
        return "some alerts resolved";
    return later(e->time, repeat) < now ? "repeat interval elapsed" : NULL;
}

static uint64_t *copy_hashes(uint64_t *old, const uint64_t *from, size_t n)
{
    uint64_t *copy = mem_resize(old, n > 0 ? n : 1, sizeof *copy);

    if (n > 0)
        memcpy(copy, from, n * sizeof *copy);
    return copy;
}

void nflog_set(struct alerts *a, struct str key, const struct hashes *h, dur_ms repeat, unix_ns now)
{
    struct log_entry *e = find(a, key);

    if (!e) {
        e = mem_zalloc(sizeof *e);
        e->key = str_dup(key);
        map_add(&a->log, hash_bytes(key.p, key.len), e);
    }
    e->time = now;
    e->expires = later(later(now, repeat), repeat);
    e->firing = copy_hashes(e->firing, h->firing, h->n_firing);
    e->n_firing = h->n_firing;
    e->resolved = copy_hashes(e->resolved, h->resolved, h->n_resolved);
    e->n_resolved = h->n_resolved;
    e->dead = false;
    journal_entry(a, e);
}

void nflog_load(struct alerts *a, struct log_entry *take_e)
{
    struct str key = str_c(take_e->key);

    must(!find(a, key));
    map_add(&a->log, hash_bytes(key.p, key.len), take_e);
}

void nflog_drop(struct alerts *a, struct log_entry *e)
{
    struct str key = str_c(e->key);

    must(map_remove(&a->log, hash_bytes(key.p, key.len), has_key, &key) == e);
    log_entry_free(e);
}

/* An expired entry of a group that lives stays: without it the end of an alert that was muted for
 * long, or of one whose group_interval is longer than twice its repeat_interval, would have nobody
 * to be told to. */
void nflog_sweep(struct alerts *a, unix_ns now)
{
    struct buf key = {0};
    struct group *g;
    struct log_entry *e;

    for (size_t i = 0; (e = map_next(&a->log, &i));)
        e->in_use = false;
    for (size_t i = 0; (g = map_next(&a->groups, &i));)
        for (size_t k = 0; g->receiver && k < g->receiver->n_channels; k++) {
            buf_reset(&key);
            nflog_key(g, &g->receiver->channels[k], &key);
            e = find(a, buf_str(&key));
            if (e)
                e->in_use = true;
        }
    buf_free(&key);
    for (size_t i = 0; (e = map_next(&a->log, &i));)
        if (!e->in_use && !e->dead && e->expires <= now) {
            e->dead = true;
            journal_entry(a, e);
        }
}

void nflog_shift(struct alerts *a, int64_t back_ns)
{
    struct log_entry *e;

    for (size_t i = 0; (e = map_next(&a->log, &i));) {
        e->time = earlier(e->time, back_ns);
        if (e->expires != INT64_MAX)
            e->expires = earlier(e->expires, back_ns);
    }
}

void nflog_deinit(struct alerts *a)
{
    struct log_entry *e;

    for (size_t i = 0; (e = map_next(&a->log, &i));)
        log_entry_free(e);
    map_deinit(&a->log);
}
