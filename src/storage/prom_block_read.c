/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_block_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "storage/prom_chunk_priv.h"
#include "storage/prom_file_priv.h"
#include "storage/samples_priv.h"

#define META_MAX    ((size_t)16 << 20)   /* bytes; names of parents make it long */
#define CHUNK_MAX   ((uint64_t)16 << 20) /* bytes of data; Prometheus' have about a thousand */
#define DELETED_MAX ((size_t)64 << 20)
#define FILES_MAX   100000 /* of 512 MiB each */

/* ---- files --------------------------------------------------------------------------------- */

/* Numbered from 1 without a gap. */
static int open_chunks(struct prom_block *b, struct err *err)
{
    for (unsigned i = 1; i <= FILES_MAX; i++) {
        struct str bytes = STR_NONE;
        struct wire w;
        char name[32];
        int r;

        snprintf(name, sizeof name, "chunks/%06u", i);
        r = prom_file_map(b->dir, name, &bytes, err);
        if (r == -ENOENT)
            break;
        if (r < 0)
            return err_in(err, r, "%s", name);
        *VEC_PUSH(b->files, b->n_files, b->cap_files) = bytes;
        w = wire_of(bytes.p, bytes.len);
        if (wire_be32(&w) != PROM_CHUNKS_MAGIC || wire_u8(&w) != PROM_CHUNKS_VERSION || w.bad)
            return err_set(err, -EBADMSG, "%s: it does not begin like a file of chunks", name);
    }
    return 0;
}

static bool is_ulid(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'A' && s.p[i] <= 'Z')))
            return false;
    return s.len == PROM_ULID_LEN;
}

static void parse_meta(const struct json *doc, struct prom_meta *ret)
{
    struct str ulid = json_text(json_get(doc, "ulid"));
    const struct json *hints = json_get(json_get(doc, "compaction"), "hints");

    *ret = (struct prom_meta){.min = json_int(json_get(doc, "minTime")),
                              .end = json_int(json_get(doc, "maxTime"))};
    if (is_ulid(ulid))
        memcpy(ret->ulid, ulid.p, PROM_ULID_LEN);
    for (size_t i = 0; i < json_len(hints); i++)
        ret->is_late = ret->is_late ||
                       str_eq(json_text(json_at(hints, i)), STR("from-out-of-order"));
}

int prom_meta_read(const char *dir, struct prom_meta *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    int r;

    buf_addf(&path, "%s/meta.json", dir);
    r = file_read(path.p, META_MAX, &text, err);
    if (r < 0)
        return r;
    r = json_doc_parse(buf_str(&text), &doc, err);
    if (r < 0)
        return err_in(err, r, "meta.json");
    if (json_int(json_get(doc, "version")) != 1)
        return err_set(err, -ENOTSUP, "meta.json: version %lld is not known, only 1",
                       (long long)json_int(json_get(doc, "version")));
    parse_meta(doc, ret);
    return 0;
}

static int compare_deleted(const void *pa, const void *pb)
{
    const struct prom_deleted *a = pa, *b = pb;

    return (a->series > b->series) - (a->series < b->series);
}

static int parse_deleted(struct prom_block *b, struct str bytes, struct err *err)
{
    struct wire w = wire_of(bytes.p, bytes.len), sum;

    if (bytes.len < PROM_DELETED_HEAD + 4 || wire_be32(&w) != PROM_DELETED_MAGIC ||
        wire_u8(&w) != 1)
        return err_set(err, -EBADMSG, "it does not begin like a file of deletions");
    sum = wire_of(bytes.p + bytes.len - 4, 4);
    w.end -= 4;
    if (hash_crc32c(0, w.p, wire_left(&w)) != wire_be32(&sum))
        return err_set(err, -EBADMSG, "checksum differs");
    while (wire_left(&w) > 0) {
        struct prom_deleted d = {.series = wire_uvarint(&w)};

        d.min = wire_svarint(&w);
        d.max = wire_svarint(&w);
        if (w.bad)
            return err_set(err, -EBADMSG, "cut off");
        *VEC_PUSH(b->deleted, b->n_deleted, b->cap_deleted) = d;
    }
    if (b->n_deleted > 0)
        qsort(b->deleted, b->n_deleted, sizeof *b->deleted, compare_deleted);
    return 0;
}

static int read_deleted(struct prom_block *b, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf bytes = {0};
    int r;

    buf_addf(&path, "%s/tombstones", b->dir);
    if (access(path.p, F_OK) < 0 && errno == ENOENT)
        return 0;
    r = file_read(path.p, DELETED_MAX, &bytes, err);
    if (r < 0)
        return r;
    r = parse_deleted(b, buf_str(&bytes), err);
    return r < 0 ? err_in(err, r, "tombstones") : 0;
}

static int open_index(struct prom_block *b, struct err *err)
{
    int r = prom_file_map(b->dir, "index", &b->index.bytes, err);

    if (r == 0)
        r = prom_index_open(&b->index, err);
    return r < 0 ? err_in(err, r, "index") : 0;
}

int prom_block_open(const char *dir, struct prom_block **ret, struct err *err)
{
    CLEANUP(prom_block_freep) struct prom_block *b = mem_zalloc(sizeof *b);
    int r = prom_meta_read(dir, &b->meta, err);

    b->dir = mem_strdup(dir);
    if (r == 0)
        r = open_index(b, err);
    if (r == 0)
        r = open_chunks(b, err);
    if (r == 0)
        r = read_deleted(b, err);
    if (r == 0)
        *ret = TAKE(b);
    return r;
}

void prom_block_free(struct prom_block *b)
{
    if (!b)
        return;
    prom_index_deinit(&b->index);
    prom_file_unmap(b->index.bytes);
    for (size_t i = 0; i < b->n_files; i++)
        prom_file_unmap(b->files[i]);
    free(b->files);
    free(b->deleted);
    free(b->dir);
    free(b);
}

/* ---- samples ------------------------------------------------------------------------------- */

static int read_chunk(const struct prom_block *b, uint64_t at, struct columns *c, struct err *err)
{
    uint64_t file = at >> 32, len;
    struct wire w, sum;
    uint8_t encoding;

    at &= UINT32_MAX;
    if (file >= b->n_files || at > b->files[file].len)
        return err_set(err, -EBADMSG, "it is not there");
    w = wire_of(b->files[file].p + at, b->files[file].len - at);
    len = wire_uvarint(&w);
    if (w.bad || len > CHUNK_MAX || len + 5 > wire_left(&w))
        return err_set(err, -EBADMSG, "cut off");
    sum = wire_of(w.p + 1 + len, 4);
    if (hash_crc32c(0, w.p, (size_t)len + 1) != wire_be32(&sum))
        return err_set(err, -EBADMSG, "checksum differs");
    encoding = wire_u8(&w);
    if (encoding < PROM_XOR || encoding > PROM_FLOAT_HISTOGRAM)
        return err_set(err, -ENOTSUP, "encoding %u is not known", encoding);
    if (!prom_chunk_read(encoding, str_n((const char *)w.p, (size_t)len), c))
        return err_set(err, -EBADMSG, "its samples make no sense or are not in order");
    return 0;
}

static size_t first_deleted(const struct prom_block *b, uint64_t series)
{
    size_t low = 0, high = b->n_deleted;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (b->deleted[mid].series < series)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool is_deleted(const struct prom_block *b, size_t i, uint64_t series, unix_ms t)
{
    for (; i < b->n_deleted && b->deleted[i].series == series; i++)
        if (t >= b->deleted[i].min && t <= b->deleted[i].max)
            return true;
    return false;
}

static void drop_deleted(const struct prom_block *b, uint64_t series, struct columns *c)
{
    size_t first = first_deleted(b, series), n = 0;

    if (first == b->n_deleted || b->deleted[first].series != series)
        return;
    for (size_t i = 0; i < c->n; i++) {
        if (is_deleted(b, first, series, c->times[i]))
            continue;
        c->times[n] = c->times[i];
        c->values[n] = c->values[i];
        if (c->histograms)
            c->histograms[n] = c->histograms[i];
        n++;
    }
    c->n = n;
}

int prom_block_samples(const struct prom_block *b, const struct prom_series *s, struct columns *ret,
                       struct err *err)
{
    samples_begin(ret);
    for (size_t i = 0; i < s->n_chunks; i++) {
        uint64_t at = s->chunks[i].at;
        int r = read_chunk(b, at, ret, err);

        if (r < 0) {
            CLEANUP(buf_free) struct buf labels = {0};

            prom_series_print(&b->index, s, &labels);
            return err_in(err, r, "%s: chunk at %llu of chunks/%06llu", labels.p,
                          (unsigned long long)(at & UINT32_MAX),
                          (unsigned long long)((at >> 32) + 1));
        }
    }
    drop_deleted(b, s->number, ret);
    return 0;
}
