/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_metadata - what the comments of a page say about its metrics
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "scrape/scrape_priv.h"

#define ODD UINT64_C(0x9e3779b97f4a7c15)

void page_metadata_note(uint64_t *hash, const struct exposition_entry *line)
{
    size_t len = line->name.len;

    if (line->kind == EXPOSITION_COMMENT)
        return;
    if (line->text.len) /* the text stands behind the name */
        len = (size_t)(line->text.p + line->text.len - line->name.p);
    *hash = (*hash + hash_bytes(line->name.p, len) + (uint64_t)line->kind) * ODD | 1;
}

struct making {
    struct page_metadata *page;
    struct map by_name; /* place in v + 1 */
    size_t cap;
    struct buf text;
};

static bool is_at_place(const void *key, const void *value)
{
    const struct making *m = ((const void *const *)key)[0];
    const struct str *name = ((const void *const *)key)[1];

    return str_eq(m->page->v[(uintptr_t)value - 1].family, *name);
}

static struct str unescaped(struct making *m, struct str s, size_t max)
{
    struct str text;

    buf_reset(&m->text);
    exposition_unescape(s, &m->text);
    text = buf_str(&m->text);
    if (text.len > max)
        text.len = str_utf8_prefix(text, max);
    return arena_str(&m->page->texts, text);
}

static struct metric_metadata *family_of(struct making *m, struct str name)
{
    const void *key[] = {m, &name};
    uint64_t hash = hash_bytes(name.p, name.len);
    uintptr_t place = (uintptr_t)map_get(&m->by_name, hash, is_at_place, key);

    if (place == 0) {
        *VEC_PUSH(m->page->v, m->page->n, m->cap) = (struct metric_metadata){
            .family = arena_str(&m->page->texts, name), .help = STR(""), .unit = STR("")};
        place = m->page->n;
        map_add(&m->by_name, hash, (void *)place);
    }
    return &m->page->v[place - 1];
}

/* The last word on a family counts. */
static void take_line(struct making *m, const struct exposition_entry *line)
{
    struct metric_metadata *f = family_of(m, line->name);

    switch (line->kind) {
    case EXPOSITION_TYPE: f->type = line->type; break;
    case EXPOSITION_HELP: f->help = unescaped(m, line->text, METADATA_HELP_MAX); break;
    default: f->unit = unescaped(m, line->text, METADATA_UNIT_MAX); break;
    }
}

struct page_metadata *page_metadata_new(struct str page, enum exposition_format format)
{
    struct making m = {.page = mem_zalloc(sizeof *m.page)};
    struct exposition_reader r;
    struct exposition_entry line;

    atomic_init(&m.page->refs, 1);
    arena_init(&m.page->texts, SIZE_MAX);
    exposition_reader_init(&r, page, format);
    while (exposition_next(&r, &line, NULL) == 0 && line.kind != EXPOSITION_END)
        if (line.kind == EXPOSITION_HELP || line.kind == EXPOSITION_TYPE ||
            line.kind == EXPOSITION_UNIT)
            take_line(&m, &line);
    map_deinit(&m.by_name);
    buf_free(&m.text);
    return m.page;
}

struct page_metadata *page_metadata_ref(struct page_metadata *p)
{
    if (p)
        atomic_fetch_add(&p->refs, 1);
    return p;
}

void page_metadata_unref(struct page_metadata *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    free(p->v);
    arena_deinit(&p->texts);
    free(p);
}
