/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_block_writer_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/must.h"
#include "storage/prom_chunk_priv.h"

#define FILE_BYTES_MAX    ((uint64_t)512 << 20) /* of one file of chunks */
#define CHUNK_SAMPLES_MAX 120
#define UNFINISHED        ".tmp-for-creation"

/* ---- its name ------------------------------------------------------------------------------ */

/* 48 bits of time in ms and 80 random ones, five bits a letter, the first letter has three. */
static void make_ulid(char out[PROM_ULID_LEN + 1])
{
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t now = (uint64_t)clock_unix_ms();
    uint8_t bytes[16];

    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(now >> (40 - 8 * i));
    must(getrandom(bytes + 6, sizeof bytes - 6, 0) == (ssize_t)sizeof bytes - 6);
    for (int i = 0; i < PROM_ULID_LEN; i++) {
        unsigned v = 0;

        for (int k = 5 * i - 2; k < 5 * i + 3; k++)
            v = v << 1 | (k < 0 ? 0 : bytes[k / 8] >> (7 - k % 8) & 1u);
        out[i] = letters[v];
    }
    out[PROM_ULID_LEN] = '\0';
}

/* ---- files --------------------------------------------------------------------------------- */

static void note_error(struct prom_block_writer *w, int r)
{
    if (w->error == 0)
        w->error = r;
}

static FILE *create(struct prom_block_writer *w, const char *name)
{
    CLEANUP(buf_free) struct buf path = {0};
    FILE *f;

    buf_addf(&path, "%s/%s", w->dir, name);
    f = fopen(path.p, "wbxe");
    if (!f)
        note_error(w, -errno);
    return f;
}

/* With its bytes on the disk. */
static void close_file(struct prom_block_writer *w, FILE *f)
{
    if (!f)
        return;
    errno = EIO;
    if (fflush(f) != 0 || ferror(f) || fsync(fileno(f)) < 0)
        note_error(w, -errno);
    fclose(f);
}

static void sync_folder(struct prom_block_writer *w, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        note_error(w, -errno);
    if (fd >= 0)
        close(fd);
}

static void write_small(struct prom_block_writer *w, const char *name, struct str bytes)
{
    FILE *f = create(w, name);

    if (f)
        fwrite(bytes.p, 1, bytes.len, f);
    close_file(w, f);
}

/* ---- chunks -------------------------------------------------------------------------------- */

static void next_file(struct prom_block_writer *w)
{
    static const uint8_t head[PROM_CHUNKS_HEAD] = {0x85, 0xbd, 0x40, 0xdd, PROM_CHUNKS_VERSION};
    char name[32];

    close_file(w, w->file);
    snprintf(name, sizeof name, "chunks/%06u", ++w->n_files);
    w->file = create(w, name);
    if (w->file)
        fwrite(head, 1, sizeof head, w->file);
    w->at = sizeof head;
}

/* w->chunk holds the encoding and the data. */
static void write_chunk(struct prom_block_writer *w, unix_ms min, unix_ms max)
{
    uint32_t sum = __builtin_bswap32(hash_crc32c(0, w->chunk.p, w->chunk.len));
    uint8_t len[UVARINT_MAX];
    size_t n = (size_t)(put_uvarint(len, w->chunk.len - 1) - len);

    if (w->n_files == 0 || w->at + n + w->chunk.len + sizeof sum > FILE_BYTES_MAX)
        next_file(w);
    *VEC_PUSH(w->chunks, w->n_chunks, w->cap_chunks) = (struct prom_chunk_ref){
        min, max, (uint64_t)(w->n_files - 1) << 32 | w->at};
    if (w->file) {
        fwrite(len, 1, n, w->file);
        fwrite(w->chunk.p, 1, w->chunk.len, w->file);
        fwrite(&sum, 1, sizeof sum, w->file);
    }
    w->at += n + w->chunk.len + sizeof sum;
}

/* Where the chunk that begins at `from` ends: of one kind, floats cut evenly. */
static size_t chunk_end(const struct columns *c, size_t from)
{
    bool histograms = c->histograms && c->histograms[from];
    size_t run = from + 1, n, parts;

    while (run < c->n && (c->histograms && c->histograms[run]) == histograms &&
           (!histograms || (run - from < CHUNK_SAMPLES_MAX &&
                            prom_histogram_goes_on(c->histograms[run - 1], c->histograms[run]))))
        run++;
    n = run - from;
    parts = (n + CHUNK_SAMPLES_MAX - 1) / CHUNK_SAMPLES_MAX;
    return from + (n + parts - 1) / parts;
}

static void write_samples(struct prom_block_writer *w, const struct columns *c)
{
    for (size_t from = 0, to; from < c->n; from = to) {
        enum prom_encoding encoding = prom_encoding_of(c->histograms ? c->histograms[from] : NULL);

        to = chunk_end(c, from);
        buf_reset(&w->chunk);
        buf_add_byte(&w->chunk, (char)encoding);
        if (encoding != PROM_XOR)
            prom_histogram_put(c->times + from, c->histograms + from, to - from, &w->chunk);
        else
            prom_xor_put(c->times + from, c->values + from, to - from, &w->chunk);
        write_chunk(w, c->times[from], c->times[to - 1]);
    }
}

/* ---- series -------------------------------------------------------------------------------- */

static bool is_symbol(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, ((const struct prom_symbol *)value)->text);
}

static uint32_t symbol(struct prom_block_writer *w, struct str text)
{
    uint64_t hash = hash_bytes(text.p, text.len);
    struct prom_symbol *s = map_get(&w->by_text, hash, is_symbol, &text);

    if (!s) {
        s = mem_alloc(sizeof *s + text.len);
        memcpy(s + 1, text.p, text.len);
        s->text = str_n((const char *)(s + 1), text.len);
        s->seen = (uint32_t)w->n_symbols;
        map_add(&w->by_text, hash, s);
        *VEC_PUSH(w->symbols, w->n_symbols, w->cap_symbols) = s;
    }
    return s->seen;
}

void prom_block_writer_series(struct prom_block_writer *w, const struct label_set *labels,
                              const struct columns *c)
{
    struct prom_written *s = VEC_PUSH(w->series, w->n_series, w->cap_series);

    s->labels = (uint32_t)w->n_labels;
    s->n_labels = (uint32_t)label_set_count(labels);
    s->chunks = w->n_chunks;
    if (w->n_labels + s->n_labels > UINT32_MAX)
        note_error(w, -E2BIG);
    for (size_t i = 0; i < s->n_labels; i++) {
        struct label l = label_set_at(labels, i);
        struct prom_pair p = {symbol(w, l.name), symbol(w, l.value)};

        *VEC_PUSH(w->labels, w->n_labels, w->cap_labels) = p;
    }
    write_samples(w, c);
    s->n_chunks = (uint32_t)(w->n_chunks - s->chunks);
    w->samples += c->n;
    w->min = c->times[0] < w->min ? c->times[0] : w->min;
    w->max = c->times[c->n - 1] > w->max ? c->times[c->n - 1] : w->max;
}

/* ---- life ---------------------------------------------------------------------------------- */

int prom_block_writer_open(struct prom_block_writer *w, const char *out, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};

    *w = (struct prom_block_writer){.min = INT64_MAX, .max = INT64_MIN};
    make_ulid(w->ulid);
    buf_addf(&path, "%s/%s", out, w->ulid);
    w->dir_after = mem_strdup(path.p);
    buf_add_c(&path, UNFINISHED);
    w->dir = mem_strdup(path.p);
    buf_add_c(&path, "/chunks");
    if (mkdir(w->dir, 0755) < 0 || mkdir(path.p, 0755) < 0) {
        int r = err_set(err, -errno, "make folder %s: %m", path.p);

        prom_block_writer_abort(w);
        return r;
    }
    return 0;
}

static void writer_free(struct prom_block_writer *w)
{
    for (size_t i = 0; i < w->n_symbols; i++)
        free(w->symbols[i]);
    free(w->symbols);
    map_deinit(&w->by_text);
    free(w->labels);
    free(w->chunks);
    free(w->series);
    buf_free(&w->chunk);
    free(w->dir);
    free(w->dir_after);
    *w = (struct prom_block_writer){0};
}

void prom_block_writer_abort(struct prom_block_writer *w)
{
    static const char *const names[] = {"index", "meta.json", "tombstones"};
    CLEANUP(buf_free) struct buf path = {0};

    if (w->file)
        fclose(w->file);
    for (uint32_t i = 1; i <= w->n_files; i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/chunks/%06u", w->dir, i);
        unlink(path.p);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", w->dir, names[i]);
        unlink(path.p);
    }
    buf_reset(&path);
    buf_addf(&path, "%s/chunks", w->dir);
    rmdir(path.p);
    rmdir(w->dir);
    writer_free(w);
}

static void write_meta(struct prom_block_writer *w)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_addf(&text,
             "{\n\t\"ulid\": \"%s\",\n\t\"minTime\": %lld,\n\t\"maxTime\": %lld,\n\t\"stats\": "
             "{\n\t\t\"numSamples\": %llu,\n\t\t\"numSeries\": %zu,\n\t\t\"numChunks\": "
             "%zu\n\t},\n\t\"compaction\": {\n\t\t\"level\": 1,\n\t\t\"sources\": "
             "[\n\t\t\t\"%s\"\n\t\t]\n\t},\n\t\"version\": 1\n}\n",
             w->ulid, (long long)w->min, (long long)w->max + 1, (unsigned long long)w->samples,
             w->n_series, w->n_chunks, w->ulid);
    write_small(w, "meta.json", buf_str(&text));
}

int prom_block_writer_finish(struct prom_block_writer *w, struct err *err)
{
    static const char no_deletions[] = {0x01, 0x30, (char)0xba, 0x30, 1, 0, 0, 0, 0};
    CLEANUP(buf_free) struct buf path = {0};
    FILE *f = create(w, "index");
    int r = f ? prom_index_write(w, f, err) : 0;

    close_file(w, f);
    close_file(w, TAKE(w->file));
    write_small(w, "tombstones", str_n(no_deletions, sizeof no_deletions));
    write_meta(w);
    buf_addf(&path, "%s/chunks", w->dir);
    sync_folder(w, path.p);
    sync_folder(w, w->dir);
    if (r == 0 && w->error == 0 && rename(w->dir, w->dir_after) < 0)
        note_error(w, -errno);
    if (r == 0 && w->error < 0)
        r = err_set(err, w->error, "write %s: %m", w->dir_after);
    if (r < 0)
        prom_block_writer_abort(w);
    else
        writer_free(w);
    return r;
}
