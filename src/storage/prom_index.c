/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_index_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/label_set.h"
#include "storage/prom_chunk_priv.h"

enum { TOC_SYMBOLS, TOC_SERIES, TOC_NAMES, TOC_NAMES_TABLE, TOC_POSTINGS, TOC_POSTINGS_TABLE };

#define TOC_OFFSETS 6

static int check_sum(const struct prom_index *x, const uint8_t *p, size_t n, uint32_t is,
                     const char *what, struct err *err)
{
    if (!x->unchecked && hash_crc32c(0, p, n) != is)
        return err_set(err, -EBADMSG, "%s: checksum differs", what);
    return 0;
}

/* The body of a section: length, body, checksum. */
static int section(const struct prom_index *x, uint64_t at, const char *what, struct wire *ret,
                   struct err *err)
{
    struct wire w = wire_of(x->bytes.p, x->bytes.len);
    const uint8_t *body;
    uint32_t len, sum;

    if (at < PROM_INDEX_HEAD || at > x->bytes.len)
        return err_set(err, -EBADMSG, "%s: begins outside the file", what);
    w.p += at;
    len = wire_be32(&w);
    body = wire_bytes(&w, len);
    sum = wire_be32(&w);
    if (w.bad)
        return err_set(err, -EBADMSG, "%s: cut off", what);
    *ret = wire_of(body, len);
    return check_sum(x, body, len, sum, what, err);
}

static int read_toc(const struct prom_index *x, uint64_t offsets[TOC_OFFSETS], struct err *err)
{
    struct wire w = wire_of(x->bytes.p, x->bytes.len);
    const uint8_t *toc;
    uint32_t magic = wire_be32(&w);
    uint8_t version = wire_u8(&w);

    if (x->bytes.len < PROM_INDEX_HEAD + PROM_INDEX_TOC)
        return err_set(err, -EBADMSG, "%zu bytes are too few", x->bytes.len);
    if (magic != PROM_INDEX_MAGIC)
        return err_set(err, -EBADMSG, "it begins with %08x instead of %08x", magic,
                       PROM_INDEX_MAGIC);
    if (version != PROM_INDEX_VERSION)
        return err_set(err, -ENOTSUP, "version %u is not known, only %u", version,
                       PROM_INDEX_VERSION);
    toc = (const uint8_t *)x->bytes.p + x->bytes.len - PROM_INDEX_TOC;
    w = wire_of(toc, PROM_INDEX_TOC);
    for (size_t i = 0; i < TOC_OFFSETS; i++)
        offsets[i] = wire_be64(&w);
    return check_sum(x, toc, PROM_INDEX_TOC - 4, wire_be32(&w), "table of contents", err);
}

static int read_symbols(struct prom_index *x, uint64_t at, struct err *err)
{
    struct wire w;
    uint32_t n;
    int r = section(x, at, "symbols", &w, err);

    if (r < 0)
        return r;
    n = wire_be32(&w);
    if (w.bad || n > wire_left(&w))
        return err_set(err, -EBADMSG, "symbols: more than there is room for");
    x->symbols = mem_array((size_t)n + 1, sizeof *x->symbols);
    for (uint32_t i = 0; i < n; i++) {
        struct str s = wire_str(&w);

        if (w.bad || !str_is_utf8(s))
            return err_set(err, -EBADMSG, "symbols: number %u is no text", i);
        if (i > 0 && str_cmp(s, x->symbols[i - 1]) <= 0)
            return err_set(err, -EBADMSG, "symbols: number %u is not in order", i);
        x->symbols[i] = s;
    }
    x->n_symbols = n;
    return 0;
}

/* The list of all series is the first of the lists. */
static int read_postings(struct prom_index *x, uint64_t table, struct err *err)
{
    struct wire w;
    struct str name, value;
    uint64_t n, at;
    int r = section(x, table, "table of postings", &w, err);

    if (r < 0)
        return r;
    if (wire_be32(&w) == 0 && !w.bad)
        return 0; /* a block without series */
    n = wire_uvarint(&w);
    name = wire_str(&w);
    value = wire_str(&w);
    at = wire_uvarint(&w);
    if (w.bad || n != 2 || name.len > 0 || value.len > 0)
        return err_set(err, -EBADMSG, "table of postings: the list of all series is missing");
    r = section(x, at, "list of all series", &w, err);
    if (r < 0)
        return r;
    x->n_series = wire_be32(&w);
    x->series = wire_bytes(&w, (size_t)x->n_series * 4);
    if (w.bad)
        return err_set(err, -EBADMSG, "list of all series: cut off");
    return 0;
}

int prom_index_open(struct prom_index *x, struct err *err)
{
    uint64_t offsets[TOC_OFFSETS];
    int r = read_toc(x, offsets, err);

    if (r == 0)
        r = read_symbols(x, offsets[TOC_SYMBOLS], err);
    if (r == 0)
        r = read_postings(x, offsets[TOC_POSTINGS_TABLE], err);
    if (r < 0)
        prom_index_deinit(x);
    return r;
}

void prom_index_deinit(struct prom_index *x)
{
    free(TAKE(x->symbols));
    x->n_symbols = x->n_series = 0;
}

/* ---- series -------------------------------------------------------------------------------- */

void prom_series_deinit(struct prom_series *s)
{
    free(TAKE(s->labels));
    free(TAKE(s->chunks));
}

static int read_labels(const struct prom_index *x, struct wire *w, struct prom_series *s,
                       struct err *err)
{
    uint64_t n = wire_uvarint(w);

    if (w->bad || n == 0 || n > LABEL_COUNT_MAX)
        return err_set(err, -EBADMSG, "it has %llu labels", (unsigned long long)n);
    s->n_labels = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t name = wire_uvarint(w), value = wire_uvarint(w);

        if (w->bad || name >= x->n_symbols || value >= x->n_symbols)
            return err_set(err, -EBADMSG, "a label has a symbol that does not exist");
        if (x->symbols[name].len == 0 || x->symbols[value].len == 0 ||
            (i > 0 && name <= s->labels[i - 1].name))
            return err_set(err, -EBADMSG, "its labels are empty or not in order");
        *VEC_PUSH(s->labels, s->n_labels, s->cap_labels) = (struct prom_pair){(uint32_t)name,
                                                                              (uint32_t)value};
    }
    return 0;
}

static bool is_time(unix_ms t)
{
    return t >= -PROM_TIME_MAX && t <= PROM_TIME_MAX;
}

static int read_chunks(struct wire *w, struct prom_series *s, struct err *err)
{
    uint64_t n = wire_uvarint(w);
    struct prom_chunk_ref c = {0};

    if (w->bad || n > wire_left(w))
        return err_set(err, -EBADMSG, "it has more chunks than there is room for");
    s->n_chunks = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t gap = i ? wire_uvarint(w) : 0, length;

        if (i == 0)
            c.min = wire_svarint(w);
        else
            c.min = (unix_ms)((uint64_t)c.max + gap);
        length = wire_uvarint(w);
        if (i > 0 && gap == 0)
            return err_set(err, -EBADMSG, "its chunks overlap");
        c.max = (unix_ms)((uint64_t)c.min + length);
        c.at = i ? c.at + (uint64_t)wire_svarint(w) : wire_uvarint(w);
        if (w->bad || length > 2 * PROM_TIME_MAX || gap > 2 * PROM_TIME_MAX || !is_time(c.min) ||
            !is_time(c.max))
            return err_set(err, -EBADMSG, "entry of chunk %llu makes no sense",
                           (unsigned long long)i);
        *VEC_PUSH(s->chunks, s->n_chunks, s->cap_chunks) = c;
    }
    return 0;
}

static int read_series(const struct prom_index *x, uint64_t at, struct prom_series *s,
                       struct err *err)
{
    struct wire w = wire_of(x->bytes.p, x->bytes.len);
    const uint8_t *body;
    uint64_t len;
    uint32_t sum;
    int r;

    if (at < PROM_INDEX_HEAD || at > x->bytes.len)
        return err_set(err, -EBADMSG, "begins outside the file");
    w.p += at;
    len = wire_uvarint(&w);
    body = wire_bytes(&w, len < SIZE_MAX ? (size_t)len : SIZE_MAX);
    sum = wire_be32(&w);
    if (w.bad)
        return err_set(err, -EBADMSG, "cut off");
    r = check_sum(x, body, (size_t)len, sum, "entry", err);
    if (r < 0)
        return r;
    w = wire_of(body, (size_t)len);
    r = read_labels(x, &w, s, err);
    return r < 0 ? r : read_chunks(&w, s, err);
}

int prom_index_series(const struct prom_index *x, uint32_t i, struct prom_series *ret,
                      struct err *err)
{
    int r;

    ret->number = __builtin_bswap32(get_u32(x->series + (size_t)i * 4));
    r = read_series(x, (uint64_t)ret->number * PROM_SERIES_ALIGN, ret, err);
    return r < 0 ? err_in(err, r, "series %u", ret->number) : 0;
}

void prom_series_print(const struct prom_index *x, const struct prom_series *s, struct buf *out)
{
    struct label *labels = mem_array(s->n_labels + 1, sizeof *labels);
    struct label_set *set;

    for (size_t i = 0; i < s->n_labels; i++)
        labels[i] = (struct label){x->symbols[s->labels[i].name], x->symbols[s->labels[i].value]};
    set = label_set_new(labels, s->n_labels);
    label_set_print(set, out);
    label_set_unref(set);
    free(labels);
}

int prom_labels_cmp(const struct prom_pair *a, size_t n_a, const struct prom_pair *b, size_t n_b)
{
    for (size_t i = 0; i < n_a && i < n_b; i++) {
        if (a[i].name != b[i].name)
            return a[i].name < b[i].name ? -1 : 1;
        if (a[i].value != b[i].value)
            return a[i].value < b[i].value ? -1 : 1;
    }
    return (n_a > n_b) - (n_a < n_b);
}
