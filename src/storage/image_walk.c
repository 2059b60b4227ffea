/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/image_walk_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"

/* ---- series -------------------------------------------------------------------------------- */

bool image_series_get(struct wire series, uint32_t place, struct image_series *ret)
{
    struct wire w = series;
    const uint8_t *labels, *chunks;
    uint32_t chunk_bytes;

    if (!wire_bytes(&w, (size_t)place * SERIES_ALIGN))
        return false;
    *ret = (struct image_series){.bytes = w.p};
    ret->id = wire_u32(&w);
    ret->n_labels = wire_u16(&w);
    ret->tip.state = wire_u8(&w);
    ret->tip.n = wire_u8(&w);
    ret->tip.decimals = wire_u8(&w);
    ret->tip.flags = wire_u8(&w);
    ret->tip.len = wire_u16(&w);
    ret->tip.step = wire_u32(&w);
    ret->hash = wire_u64(&w);
    ret->tip.last_t = (unix_ms)wire_u64(&w);
    ret->tip.last_bits = wire_u64(&w);
    ret->sealed = wire_u32(&w);
    chunk_bytes = wire_u32(&w);
    if (w.bad || ret->n_labels > LABEL_COUNT_MAX)
        return false;
    labels = wire_bytes(&w, 4 * ret->n_labels);
    chunks = labels ? wire_bytes(&w, chunk_bytes) : NULL;
    if (!chunks)
        return false;
    ret->labels = wire_of(labels, 4 * ret->n_labels);
    ret->chunks = wire_of(chunks, chunk_bytes);
    return true;
}

bool image_sealed_get(struct wire *chunks, struct image_chunk *ret)
{
    *ret = (struct image_chunk){.len = wire_u16(chunks)};
    ret->n = wire_u8(chunks);
    ret->histograms = (wire_u8(chunks) & SEALED_HISTOGRAMS) != 0;
    ret->first_t = (unix_ms)wire_u64(chunks);
    ret->last_t = (unix_ms)wire_u64(chunks);
    ret->bytes = wire_bytes(chunks, ret->len);
    return ret->bytes != NULL;
}

bool image_open_get(const struct image_series *e, struct wire chunks, struct image_chunk *ret)
{
    *ret = (struct image_chunk){.n = e->tip.n,
                                .open = true,
                                .histograms = (e->tip.state & SERIES_HISTOGRAMS) != 0,
                                .last_t = e->tip.last_t,
                                .bytes = chunks.p,
                                .len = e->tip.len};
    if (wire_left(&chunks) != ret->len || ret->len < 8 || e->tip.decimals > DECIMALS_MAX)
        return false;
    ret->first_t = (unix_ms)get_u64(ret->bytes);
    return true;
}

static bool read_histograms(const struct image_chunk *c, unix_ms *times)
{
    struct histogram histograms[OPEN_SAMPLES_MAX];
    struct arena a;
    bool good;

    arena_init(&a, 0);
    good = histogram_chunk_read(c->bytes, c->len, c->n, times, histograms, &a);
    arena_deinit(&a);
    return good;
}

bool image_chunk_read(const struct image_chunk *c, unix_ms *times, double *values)
{
    struct wire w = wire_of(c->bytes, c->len);
    size_t n;

    if (c->n == 0 || c->n > OPEN_SAMPLES_MAX)
        return false;
    if (c->histograms)
        return read_histograms(c, times);
    if (c->open)
        return open_chunk_read(c->bytes, c->len, c->n, INT64_MIN, times, values, &n);
    return column_get_times(&w, c->first_t, c->n, times) && column_get_values(&w, c->n, values);
}

/* ---- the file ------------------------------------------------------------------------------ */

uint32_t image_sections_of(uint32_t version)
{
    switch (version) {
    case 1: return IMAGE_STONES;
    case 2: return IMAGE_EXTRAS;
    default: return IMAGE_SECTIONS;
    }
}

bool image_meta_makes_sense(const struct section_file *f, const struct image_meta *m)
{
    return f->frame.n_sections == image_sections_of(f->frame.version) &&
           section_len(f, IMAGE_PLACES) == (size_t)m->series * 4 &&
           section_len(f, IMAGE_PAIRS) == (size_t)m->pairs * 8 &&
           section_len(f, IMAGE_SYMBOLS) / 4 >= m->symbols;
}

int image_walk_open(const char *path, struct image_walk *ret, bool *ret_frame_damaged,
                    struct err *err)
{
    struct image_walk w = {0};
    int r = section_file_open(path, IMAGE_KIND, IMAGE_VERSION, &w.file, ret_frame_damaged, err);

    if (r < 0)
        return r;
    w.meta = image_meta_get(w.file.frame.meta);
    if (!image_meta_makes_sense(&w.file, &w.meta)) {
        section_file_close(&w.file);
        return err_set(err, -EBADMSG, "its frame makes no sense");
    }
    *ret = w;
    return 0;
}

void image_walk_close(struct image_walk *w)
{
    free(w->texts);
    section_file_close(&w->file);
    *w = (struct image_walk){0};
}

bool image_walk_symbols(struct image_walk *w)
{
    struct wire section = image_walk_section(w, IMAGE_SYMBOLS);
    const uint8_t *lengths = wire_bytes(&section, 4 * (size_t)w->meta.symbols);
    uint64_t at = 0;

    w->texts = mem_array((size_t)w->meta.symbols + 1, sizeof *w->texts);
    w->text_bytes = section.p;
    for (size_t i = 0; i < w->meta.symbols && at <= wire_left(&section); i++) {
        w->texts[i] = (uint32_t)at;
        at += get_u32(lengths + 4 * i);
        w->texts[i + 1] = (uint32_t)at;
    }
    if (at == wire_left(&section) && at <= UINT32_MAX)
        return true;
    memset(w->texts, 0, ((size_t)w->meta.symbols + 1) * sizeof *w->texts); /* all are empty */
    return false;
}

bool image_walk_series(const struct image_walk *w, uint32_t i, struct image_series *ret)
{
    struct wire places = image_walk_section(w, IMAGE_PLACES);

    return i < w->meta.series && image_series_get(image_walk_section(w, IMAGE_SERIES),
                                                  get_u32(places.p + 4 * (size_t)i), ret);
}

bool image_walk_symbol(const struct image_walk *w, uint32_t no, struct str *ret)
{
    if (no >= w->meta.symbols)
        return false;
    *ret = str_n((const char *)w->text_bytes + w->texts[no], w->texts[no + 1] - w->texts[no]);
    return ret->len > 0;
}

bool image_walk_pair(const struct image_walk *w, uint32_t no, struct label *ret)
{
    struct wire pairs = image_walk_section(w, IMAGE_PAIRS);
    const uint8_t *p = pairs.p + 8 * (size_t)no;

    return no < w->meta.pairs && image_walk_symbol(w, get_u32(p), &ret->name) &&
           image_walk_symbol(w, get_u32(p + 4), &ret->value);
}

bool image_walk_labels(const struct image_walk *w, const struct image_series *e,
                       struct label_set **ret)
{
    struct label labels[LABEL_COUNT_MAX];
    struct wire numbers = e->labels;

    for (size_t i = 0; i < e->n_labels; i++)
        if (!image_walk_pair(w, wire_u32(&numbers), &labels[i]))
            return false;
    *ret = label_set_new(labels, e->n_labels);
    return true;
}
