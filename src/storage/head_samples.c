/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of the head: open chunks, sealed chunks, late samples. All under the apply lock.
 */
#include "storage/head_priv.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"

#define SEALED_ROOM (POOL_PIECE_MAX - sizeof(struct sealed))

/* ---- tables beside the series, by number --------------------------------------------------- */

/* The newest histogram of a series, so that appending needs not read the chunk from its begin. */
struct histogram_tip {
    series_id id;
    struct histogram_own *last;
};

static bool is_late_of(const void *key, const void *value)
{
    return ((const struct late *)value)->id == *(const series_id *)key;
}

static bool is_histogram_of(const void *key, const void *value)
{
    return ((const struct histogram_tip *)value)->id == *(const series_id *)key;
}

static struct late *find_late(const struct head *h, series_id id)
{
    return map_get(&h->late, id, is_late_of, &id);
}

static void late_free(struct late *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        free(l->samples[i].histogram);
    free(l->samples);
    free(l);
}

static void histogram_tip_free(struct histogram_tip *t)
{
    if (t)
        free(t->last);
    free(t);
}

void head_forget_histogram(struct head *h, series_id id)
{
    histogram_tip_free(map_remove(&h->histograms, id, is_histogram_of, &id));
}

void head_samples_deinit(struct head *h)
{
    struct histogram_tip *t;
    struct late *l;

    for (size_t i = 0; (l = map_next(&h->late, &i));)
        late_free(l);
    for (size_t i = 0; (t = map_next(&h->histograms, &i));)
        histogram_tip_free(t);
    map_deinit(&h->late);
    map_deinit(&h->histograms);
}

static struct sealed *sealed_at(const struct head *h, pool_ref ref)
{
    return (struct sealed *)(void *)pool_at(h->pool, ref);
}

/* ---- sealing ------------------------------------------------------------------------------- */

static void note_time(struct head *h, struct series *s, unix_ms t)
{
    if (t < s->first_t)
        s->first_t = t;
    /* Read without order: the writer is alone, and others only want to know about when. */
    if (t < h->min_time)
        h->min_time = t;
    if (t > h->max_time)
        h->max_time = t;
}

void head_add_sealed(struct head *h, struct series *s, const struct sealed *chunk)
{
    size_t size = sizeof *chunk + chunk->len;
    uint8_t class;
    pool_ref ref = pool_get(h->pool, size, POOL_LASTING, &class);
    struct sealed *copy = (struct sealed *)(void *)pool_at(h->pool, ref);

    memcpy(copy, chunk, size);
    copy->class = (uint8_t)((chunk->class & SEALED_HISTOGRAMS) | class);
    copy->older = s->sealed;
    s->sealed = ref;
    h->n_chunks++;
}

/* Packs the floats of the open chunk as columns. */
static void pack_open(const struct head *h, const struct series *s, struct sealed *chunk)
{
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];
    struct buf columns = {0};
    size_t n;

    must(open_chunk_read(pool_at(h->pool, s->open), s->tip.len, s->tip.n, INT64_MIN, times, values,
                         &n));
    column_put_times(times, s->tip.n, &columns);
    column_put_values(values, s->tip.n, &columns);
    must(columns.len <= SEALED_ROOM);
    chunk->first_t = times[0];
    chunk->len = (uint16_t)columns.len;
    memcpy(chunk->bytes, columns.p, columns.len);
    buf_free(&columns);
}

static void seal(struct head *h, struct series *s)
{
    union {
        struct sealed chunk;
        uint8_t room[POOL_PIECE_MAX];
    } u;
    struct sealed *chunk = &u.chunk;

    if (s->tip.n == 0)
        return;
    *chunk = (struct sealed){.n = s->tip.n, .last_t = s->tip.last_t};
    if (s->tip.state & SERIES_HISTOGRAMS) {
        const uint8_t *bytes = pool_at(h->pool, s->open);

        chunk->class = SEALED_HISTOGRAMS;
        chunk->first_t = (unix_ms)get_u64(bytes);
        chunk->len = s->tip.len;
        memcpy(chunk->bytes, bytes, s->tip.len);
    } else {
        pack_open(h, s, chunk);
    }
    head_add_sealed(h, s, chunk);
    h->n_chunks--; /* the open one is no more */
    pool_put(h->pool, s->open, s->tip.piece_class);
    s->open = 0;
    s->tip.n = 0;
    s->tip.len = 0;
}

/* ---- appending ----------------------------------------------------------------------------- */

/* Moves the open chunk to a larger piece when it cannot hold `more` bytes. */
static void make_room(struct head *h, struct series *s, size_t more)
{
    size_t need = s->tip.len + more;
    uint8_t class;
    pool_ref ref;

    if (s->open && pool_class_bytes(s->tip.piece_class) >= need)
        return;
    ref = pool_get(h->pool, need, POOL_BRIEF, &class);
    if (s->open) {
        memcpy(pool_at(h->pool, ref), pool_at(h->pool, s->open), s->tip.len);
        pool_put(h->pool, s->open, s->tip.piece_class);
    }
    s->open = ref;
    s->tip.piece_class = class;
}

void head_append(struct head *h, struct series *s, unix_ms t, double v)
{
    uint8_t token[OPEN_TOKEN_MAX], none = 0, *last = &none;
    size_t n, len;

    if (s->tip.state & SERIES_HISTOGRAMS || !open_chunk_takes(&s->tip, t)) {
        seal(h, s);
        s->tip.state &= (uint8_t)~SERIES_HISTOGRAMS;
    }
    if (s->tip.n == 0)
        h->n_chunks++;
    else
        last = pool_at(h->pool, s->open) + s->tip.len - 1;
    n = open_chunk_append(&s->tip, t, v, last, token);
    if (n > 0) {
        len = s->tip.len;
        s->tip.len = (uint16_t)(len - n); /* what a move has to copy */
        make_room(h, s, n);
        memcpy(pool_at(h->pool, s->open) + s->tip.len, token, n);
        s->tip.len = (uint16_t)len;
    }
    h->n_samples++;
    note_time(h, s, t);
}

static void set_last_histogram(struct head *h, series_id id, const struct histogram *v)
{
    struct histogram_tip *t = map_get(&h->histograms, id, is_histogram_of, &id);

    if (!t) {
        t = mem_zalloc(sizeof *t);
        t->id = id;
        map_add(&h->histograms, id, t);
    }
    free(t->last);
    t->last = histogram_copy(v);
}

void head_append_histogram(struct head *h, series_id id, struct series *s, unix_ms t,
                           const struct histogram *v)
{
    struct buf token = {0};

    if (s->tip.n > 0 && (!(s->tip.state & SERIES_HISTOGRAMS) || !open_chunk_takes(&s->tip, t)))
        seal(h, s);
    s->tip.state |= SERIES_HISTOGRAMS;
    histogram_chunk_append(&s->tip, t, v, s->tip.n ? head_last_histogram(h, id, s) : NULL, &token);
    if (s->tip.n > 0 && s->tip.len + token.len > SEALED_ROOM) {
        seal(h, s);
        buf_reset(&token);
        histogram_chunk_append(&s->tip, t, v, NULL, &token);
    }
    if (s->tip.n == 0)
        h->n_chunks++;
    make_room(h, s, token.len);
    memcpy(pool_at(h->pool, s->open) + s->tip.len, token.p, token.len);
    s->tip.len = (uint16_t)(s->tip.len + token.len);
    s->tip.step = (uint32_t)(s->tip.n ? t - s->tip.last_t : 0);
    s->tip.n++;
    s->tip.last_t = t;
    s->tip.last_bits = double_bits(v->sum);
    set_last_histogram(h, id, v);
    buf_free(&token);
    h->n_samples++;
    note_time(h, s, t);
}

const struct histogram *head_last_histogram(const struct head *h, series_id id,
                                            const struct series *s)
{
    const struct histogram_tip *t;

    if (!(s->tip.state & SERIES_HISTOGRAMS))
        return NULL;
    t = map_get(&h->histograms, id, is_histogram_of, &id);
    return t ? &t->last->h : NULL;
}

/* ---- late samples -------------------------------------------------------------------------- */

static struct late_sample *add_late(struct head *h, series_id id, struct series *s, unix_ms t)
{
    struct late *l = find_late(h, id);
    size_t cap, n;
    struct late_sample *added;

    if (!l) {
        l = mem_zalloc(sizeof *l);
        l->id = id;
        map_add(&h->late, id, l);
        s->tip.state |= SERIES_LATE;
    }
    cap = l->cap;
    n = l->n;
    added = VEC_PUSH(l->samples, n, cap);
    l->cap = (uint32_t)cap;
    l->n = (uint32_t)n;
    added->t = t;
    added->serial = h->late_serial++;
    h->late_samples++;
    h->n_samples++;
    if (t < s->first_t)
        s->first_t = t;
    return added;
}

void head_append_late(struct head *h, series_id id, struct series *s, unix_ms t, double v)
{
    add_late(h, id, s, t)->bits = double_bits(v);
}

void head_append_late_histogram(struct head *h, series_id id, struct series *s, unix_ms t,
                                const struct histogram *v)
{
    add_late(h, id, s, t)->histogram = histogram_copy(v);
}

const struct late *head_late(const struct head *h, series_id id)
{
    return find_late(h, id);
}

static unix_ms oldest_time(const struct head *h, series_id id, const struct series *s)
{
    const struct late *l = s->tip.state & SERIES_LATE ? find_late(h, id) : NULL;
    unix_ms least = s->tip.n > 0 ? (unix_ms)get_u64(pool_at(h->pool, s->open)) : TIME_NONE_MIN;

    for (pool_ref ref = s->sealed; ref; ref = sealed_at(h, ref)->older)
        least = sealed_at(h, ref)->first_t;
    for (uint32_t i = 0; l && i < l->n; i++)
        least = l->samples[i].t < least ? l->samples[i].t : least;
    return least;
}

/* ---- the image ----------------------------------------------------------------------------- */

void head_add_open(struct head *h, struct series *s, const uint8_t *bytes)
{
    uint8_t class;

    s->open = pool_get(h->pool, s->tip.len, POOL_BRIEF, &class);
    s->tip.piece_class = class;
    memcpy(pool_at(h->pool, s->open), bytes, s->tip.len);
    h->n_chunks++;
    h->n_samples += s->tip.n;
}

/* Reads the newest chunk of histograms for its last one. */
static void restore_last_histogram(struct head *h, series_id id, const struct series *s)
{
    const struct sealed *c = s->sealed ? sealed_at(h, s->sealed) : NULL;
    const uint8_t *bytes = s->tip.n > 0 ? pool_at(h->pool, s->open) : c ? c->bytes : NULL;
    size_t len = s->tip.n > 0 ? s->tip.len
                 : c          ? c->len
                              : 0,
           n = s->tip.n > 0 ? s->tip.n
               : c          ? c->n
                            : 0;
    struct histogram hs[OPEN_SAMPLES_MAX];
    unix_ms times[OPEN_SAMPLES_MAX];
    struct arena a;

    if (n == 0 || (s->tip.n == 0 && !(c->class & SEALED_HISTOGRAMS)))
        return;
    arena_init(&a, 0);
    if (histogram_chunk_read(bytes, len, n, times, hs, &a))
        set_last_histogram(h, id, &hs[n - 1]);
    arena_deinit(&a);
}

void head_restored(struct head *h, series_id id, struct series *s)
{
    unix_ms oldest = oldest_time(h, id, s);

    s->first_t = TIME_NONE_MIN;
    if (oldest != TIME_NONE_MIN)
        note_time(h, s, oldest);
    if (s->tip.last_t != TIME_NONE_MAX && s->tip.last_t > h->max_time)
        h->max_time = s->tip.last_t;
    if (s->tip.state & SERIES_HISTOGRAMS)
        restore_last_histogram(h, id, s);
}

/* ---- trimming ------------------------------------------------------------------------------ */

static void drop_sealed(struct head *h, pool_ref ref)
{
    while (ref) {
        struct sealed *c = sealed_at(h, ref);
        pool_ref older = c->older;

        h->n_chunks--;
        h->n_samples -= c->n;
        pool_put(h->pool, ref, c->class & (uint8_t)~SEALED_HISTOGRAMS);
        ref = older;
    }
}

static void trim_sealed(struct head *h, struct series *s, unix_ms t)
{
    pool_ref *link = &s->sealed;

    while (*link && sealed_at(h, *link)->last_t >= t)
        link = &sealed_at(h, *link)->older;
    drop_sealed(h, *link);
    *link = 0;
}

static void trim_open(struct head *h, struct series *s, unix_ms t)
{
    if (s->tip.n == 0 || s->tip.last_t >= t)
        return;
    h->n_chunks--;
    h->n_samples -= s->tip.n;
    pool_put(h->pool, s->open, s->tip.piece_class);
    s->open = 0;
    s->tip.n = 0;
    s->tip.len = 0;
}

static void trim_late(struct head *h, series_id id, struct series *s, unix_ms t)
{
    struct late *l = s->tip.state & SERIES_LATE ? find_late(h, id) : NULL;
    uint32_t n = 0;

    if (!l)
        return;
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->samples[i].t < t && l->dropped + i < l->written)
            free(l->samples[i].histogram);
        else
            l->samples[n++] = l->samples[i];
    }
    /* What is kept moves down, so its numbers change: those who know the old ones have gone
     * (view_priv.h), and of the new ones none is written. */
    h->late_samples -= l->n - n;
    h->n_samples -= l->n - n;
    l->dropped += l->n - n;
    l->n = n;
    if (n == 0) {
        late_free(map_remove(&h->late, id, is_late_of, &id));
        s->tip.state &= (uint8_t)~SERIES_LATE;
    }
}

unix_ms head_oldest(const struct head *h, const struct series *s, unix_ms from)
{
    unix_ms least = TIME_NONE_MIN;

    if (s->tip.n > 0 && s->tip.last_t >= from)
        least = (unix_ms)get_u64(pool_at(h->pool, s->open));
    for (pool_ref ref = s->sealed; ref && sealed_at(h, ref)->last_t >= from;
         ref = sealed_at(h, ref)->older)
        least = sealed_at(h, ref)->first_t;
    return least < from ? from : least;
}

void head_trim(struct head *h, series_id id, struct series *s, unix_ms t)
{
    if (s->first_t >= t)
        return;
    trim_sealed(h, s, t);
    trim_open(h, s, t);
    trim_late(h, id, s, t);
    s->first_t = oldest_time(h, id, s);
}
