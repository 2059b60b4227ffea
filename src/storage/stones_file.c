/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of tombstones: what is deleted of the blocks, all of it in each file. A section file of
 * kind 'T' and version 1 with one section, and in its frame the number that blocks made later must
 * be above. Byte table: docs/formats/storage.md, "Tombstones".
 *
 * Each delete writes a file with the next number and removes the one before. So it holds for all
 * blocks or for none, and of two files the newer one is right.
 */
#include "storage/stones_file_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/numbered_priv.h"
#include "storage/storage_priv.h"

/* ---- writing ------------------------------------------------------------------------------- */

static const struct stones *changed(const struct view *v, size_t i,
                                    const struct stones_change *changes, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (changes[k].block == v->blocks[i])
            return changes[k].take;
    return v->stones[i];
}

static int write_file(struct storage *st, const char *path, const struct buf *bytes,
                      struct err *err)
{
    uint8_t meta[STONES_META_BYTES];
    struct section_writer w;
    int r = section_writer_open(&w, st->ops, path, STONES_KIND, STONES_VERSION, err);

    if (r < 0) {
        section_writer_abort(&w);
        return r;
    }
    section_begin(&w);
    section_write_buf(&w, bytes);
    section_end(&w);
    put_u64(meta, st->next_block);
    return section_writer_finish(&w, meta, sizeof meta, err);
}

/* What cannot be removed is older than the newest file, and so does no harm. */
static void remove_file(struct storage *st, uint64_t number)
{
    struct buf path = {0};

    storage_path(st, STORAGE_FOLDER_STONES, number, &path);
    (void)st->ops->unlink(st->ops->self, path.p);
    buf_free(&path);
}

int storage_write_stones(struct storage *st, const struct view *v,
                         const struct stones_change *changes, size_t n, struct err *err)
{
    uint64_t number = st->stones_number + 1;
    struct buf bytes = {0}, path = {0};
    int r;

    for (size_t i = 0; i < v->n_blocks; i++) {
        const struct stones *s = changed(v, i, changes, n);

        if (!s)
            continue;
        buf_add_uvarint(&bytes, v->blocks[i]->number);
        buf_add_uvarint(&bytes, s->n);
        stones_put(s->v, s->n, &bytes);
    }
    storage_path(st, STORAGE_FOLDER_STONES, number, &path);
    r = write_file(st, path.p, &bytes, err);
    if (r == 0 && st->stones_number > 0)
        remove_file(st, st->stones_number);
    if (r == 0)
        st->stones_number = number;
    buf_free(&bytes);
    buf_free(&path);
    return r;
}

/* ---- the start ----------------------------------------------------------------------------- */

/* Sets those of one block. False when the bytes make no sense. */
static bool load_block(struct storage *st, struct wire *w)
{
    const struct view *v = st->views.current;
    struct stones_change c = {0};
    uint64_t number = wire_uvarint(w), n = wire_uvarint(w);
    struct stone *stones = NULL;
    size_t n_stones = 0, cap = 0;
    bool good = stones_get(w, n, &stones, &n_stones, &cap);

    for (size_t i = 0; i < v->n_blocks && good; i++)
        if (v->blocks[i]->number == number)
            c.block = v->blocks[i];
    if (c.block) { /* else it was merged or removed since */
        c.take = stones_join(NULL, stones, n_stones);
        views_set_stones(&st->views, &c, 1);
    }
    free(stones);
    return good;
}

bool stones_bytes_count(const uint8_t *p, size_t len, uint64_t *count_sum)
{
    struct wire w = wire_of(p, len);
    struct stone *stones = NULL;
    size_t n = 0, cap = 0;
    bool good = true;

    while (good && w.p < w.end) {
        uint64_t number = wire_uvarint(&w), count = wire_uvarint(&w);

        good = number > 0 && stones_get(&w, count, &stones, &n, &cap);
    }
    *count_sum += n;
    free(stones);
    return good;
}

bool stones_bytes_are_good(const uint8_t *p, size_t len)
{
    uint64_t count = 0;

    return stones_bytes_count(p, len, &count);
}

static int load_file(struct storage *st, const char *path, struct err *err)
{
    struct section_file file;
    struct section_damage d = {0};
    bool frame_damaged = false, good = true;
    int r = section_file_open(path, STONES_KIND, STONES_VERSION, &file, &frame_damaged, err);
    struct wire w;

    if (r < 0)
        return r;
    if (file.frame.n_sections == 1) {
        uint64_t next = get_u64(file.frame.meta);

        section_check(&file, 0, &d);
        st->next_block = next > st->next_block ? next : st->next_block;
        w = wire_of(section_at(&file, 0), section_len(&file, 0));
        while (good && w.p < w.end)
            good = load_block(st, &w);
    }
    if (d.lost > 0 || !good || file.frame.n_sections != 1)
        r = err_set(err, -EBADMSG, "it is damaged; some of what was deleted may be seen again");
    section_file_close(&file);
    return r;
}

int storage_load_stones(struct storage *st, struct err *err)
{
    struct numbered files = {0};
    struct buf folder = {0};
    int r;

    buf_addf(&folder, "%s/" STORAGE_FOLDER_STONES, st->dir);
    r = numbered_list(folder.p, st->ops, &files, err);
    buf_free(&folder);
    if (r < 0 || files.n == 0)
        return r;
    st->stones_number = files.v[files.n - 1];
    for (size_t i = 0; i + 1 < files.n; i++)
        remove_file(st, files.v[i]);
    storage_path(st, STORAGE_FOLDER_STONES, st->stones_number, &folder);
    {
        struct err own = {0};

        if (load_file(st, folder.p, &own) < 0) {
            err_in(&own, own.code, "tombstones %08llu", (unsigned long long)st->stones_number);
            st->damage.told(st->damage.self, own.msg);
        }
    }
    buf_free(&folder);
    numbered_deinit(&files);
    return 0;
}
