/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame (512 bytes, the first and the last of the file):
 *
 *       0   7  "TOCSIN\0"
 *       7   1  kind
 *       8   4  version
 *      12   4  number of sections
 *      16   8  length of the file
 *      24 128  eight times: begin and length of a section
 *     152   4  zero
 *     156 352  the owner's
 *     508   4  CRC-32C of all before
 *
 * Section: its bytes, in pages of 4096 of which the last may be short; pages of parity (as long as
 * the longest page); then the CRC-32C of each page and of each page of parity, four bytes each.
 *
 * Parity: each stretch of 512 pages is dealt into eight lanes in turn, the last stretch into one,
 * two, four or eight, so that none has more than 64 pages; a page of parity is the exclusive-or of
 * a lane.
 */
#include "storage/section_file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "storage/wire_priv.h"

#define MAGIC       "TOCSIN"
#define META_AT     156
#define SUM_AT      (FRAME_BYTES - 4)
#define WRITE_BYTES ((size_t)256 * 1024) /* collected for one call */

static void frame_put(const struct file_frame *f, uint8_t out[FRAME_BYTES])
{
    uint8_t *p = out + 24;

    memset(out, 0, FRAME_BYTES);
    memcpy(out, MAGIC, sizeof MAGIC);
    out[7] = (uint8_t)f->kind;
    put_u32(out + 8, f->version);
    put_u32(out + 12, f->n_sections);
    put_u64(out + 16, f->file_len);
    for (size_t i = 0; i < SECTIONS_MAX; i++) {
        p = put_u64(p, f->sections[i].at);
        p = put_u64(p, f->sections[i].len);
    }
    memcpy(out + META_AT, f->meta, FRAME_META_MAX);
    put_u32(out + SUM_AT, hash_crc32c(0, out, SUM_AT));
}

static bool frame_get(const uint8_t *in, struct file_frame *f)
{
    const uint8_t *p = in + 24;

    if (memcmp(in, MAGIC, sizeof MAGIC) != 0 || get_u32(in + SUM_AT) != hash_crc32c(0, in, SUM_AT))
        return false;
    f->kind = (char)in[7];
    f->version = get_u32(in + 8);
    f->n_sections = get_u32(in + 12);
    f->file_len = get_u64(in + 16);
    for (size_t i = 0; i < SECTIONS_MAX; i++, p += 16)
        f->sections[i] = (struct frame_section){get_u64(p), get_u64(p + 8)};
    memcpy(f->meta, in + META_AT, FRAME_META_MAX);
    return f->n_sections <= SECTIONS_MAX;
}

static size_t pages_of(uint64_t len)
{
    return (size_t)((len + SECTION_PAGE - 1) / SECTION_PAGE);
}

/* Into how many lanes the pages of a stretch are dealt: with 64 pages at most in each, so that
 * damage to neighbours, which is the usual one, can be undone. */
static size_t lanes_of(size_t pages)
{
    size_t lanes = 1;

    while (pages > lanes * SECTION_GROUP)
        lanes *= 2;
    return pages ? lanes : 0;
}

/* Pages of the stretch that begins at page `first`. */
static size_t stretch_len(size_t pages, size_t first)
{
    return pages - first < SECTION_STRETCH ? pages - first : SECTION_STRETCH;
}

static size_t groups_of(size_t pages)
{
    return pages / SECTION_STRETCH * SECTION_LANES + lanes_of(pages % SECTION_STRETCH);
}

/* Bytes of one page of parity: a section of one short page is not blown up. */
static size_t parity_bytes(uint64_t len)
{
    return len < SECTION_PAGE ? (size_t)len : SECTION_PAGE;
}

/* ---- writing ------------------------------------------------------------------------------- */

int section_writer_open(struct section_writer *w, const struct file_ops *ops, const char *path,
                        char kind, uint32_t version, struct err *err)
{
    struct buf temporary = {0};

    *w = (struct section_writer){.ops = ops, .path = mem_strdup(path), .fd = -1};
    buf_addf(&temporary, "%s" TEMPORARY_SUFFIX, path);
    w->temporary = buf_take(&temporary);
    w->frame = (struct file_frame){.kind = kind, .version = version};
    w->r = ops->create(ops->self, w->temporary);
    if (w->r < 0)
        return err_set(err, w->r, "create %s: %m", w->temporary);
    w->fd = w->r;
    w->r = 0;
    /* The place of the first frame, which is written last. */
    memset(buf_room(&w->pending, FRAME_BYTES), 0, FRAME_BYTES);
    w->pending.len = FRAME_BYTES;
    w->at = FRAME_BYTES;
    return 0;
}

static void flush(struct section_writer *w)
{
    if (w->r == 0 && w->pending.len > 0)
        w->r = w->ops->write(w->ops->self, w->fd, w->pending.p, w->pending.len,
                             w->at - w->pending.len);
    buf_reset(&w->pending);
}

static void put_bytes(struct section_writer *w, const void *p, size_t n)
{
    buf_add(&w->pending, p, n);
    w->at += n;
    if (w->pending.len >= WRITE_BYTES)
        flush(w);
}

static void add_page(uint8_t *parity, const uint8_t *page, size_t n)
{
    for (size_t i = 0; i < n; i++)
        parity[i] ^= page[i];
}

static void end_page(struct section_writer *w)
{
    size_t n = w->filled, lane = w->pages % SECTION_LANES, room = SECTION_LANES * SECTION_PAGE;

    if (n == 0)
        return;
    if (w->pages % SECTION_STRETCH == 0) {
        memset(buf_room(&w->parity, room), 0, room);
        w->parity.len += room;
    }
    add_page((uint8_t *)w->parity.p + w->parity.len - room + lane * SECTION_PAGE, w->page, n);
    buf_add_u32(&w->sums, hash_crc32c(0, w->page, n));
    w->pages++;
    w->filled = 0;
}

/* The last stretch has fewer lanes when it is short: those too many go into the others. */
static void join_lanes(struct section_writer *w)
{
    size_t lanes = lanes_of(w->pages % SECTION_STRETCH);
    uint8_t *first;

    if (lanes == 0)
        return;
    first = (uint8_t *)w->parity.p + w->parity.len - SECTION_LANES * SECTION_PAGE;
    for (size_t i = lanes; i < SECTION_LANES; i++)
        add_page(first + i % lanes * SECTION_PAGE, first + i * SECTION_PAGE, SECTION_PAGE);
}

void section_write(struct section_writer *w, const void *p, size_t n)
{
    const uint8_t *from = p;

    put_bytes(w, p, n);
    while (w->in_section && n > 0) {
        size_t k = SECTION_PAGE - w->filled < n ? SECTION_PAGE - w->filled : n;

        memcpy(w->page + w->filled, from, k);
        w->filled += k;
        from += k;
        n -= k;
        if (w->filled == SECTION_PAGE)
            end_page(w);
    }
}

void section_align(struct section_writer *w, size_t to)
{
    static const uint8_t zeroes[16];

    while (w->at % to != 0)
        section_write(w, zeroes,
                      to - w->at % to < sizeof zeroes ? to - (size_t)(w->at % to) : sizeof zeroes);
}

void section_begin(struct section_writer *w)
{
    must(!w->in_section && w->frame.n_sections < SECTIONS_MAX);
    section_align(w, 8);
    w->frame.sections[w->frame.n_sections].at = w->at;
    w->in_section = true;
    w->pages = w->filled = 0;
    buf_reset(&w->parity);
    buf_reset(&w->sums);
}

void section_end(struct section_writer *w)
{
    struct frame_section *s = &w->frame.sections[w->frame.n_sections++];
    size_t each;

    end_page(w);
    join_lanes(w);
    w->in_section = false;
    s->len = w->at - s->at;
    each = parity_bytes(s->len);
    for (size_t g = 0; g < groups_of(w->pages); g++) {
        const char *parity = w->parity.p + g * SECTION_PAGE;

        put_bytes(w, parity, each);
        buf_add_u32(&w->sums, hash_crc32c(0, parity, each));
    }
    put_bytes(w, w->sums.p, w->sums.len);
}

static void writer_free(struct section_writer *w)
{
    free(w->path);
    free(w->temporary);
    buf_free(&w->pending);
    buf_free(&w->parity);
    buf_free(&w->sums);
    w->path = w->temporary = NULL;
}

void section_writer_abort(struct section_writer *w)
{
    if (!w->path)
        return;
    if (w->fd >= 0) {
        w->ops->close(w->ops->self, w->fd);
        w->ops->unlink(w->ops->self, w->temporary);
    }
    writer_free(w);
}

/* The folder of a path, in a buf. */
static void add_folder(struct buf *b, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash)
        buf_add(b, path, (size_t)(slash - path));
    else
        buf_add_byte(b, '.');
}

static int install(struct section_writer *w)
{
    const struct file_ops *ops = w->ops;
    struct buf folder = {0};
    int r = w->r < 0 ? w->r : ops->sync(ops->self, w->fd), closed;

    closed = ops->close(ops->self, w->fd);
    w->fd = -1;
    r = r < 0 ? r : closed;
    if (r == 0)
        r = ops->rename(ops->self, w->temporary, w->path);
    if (r < 0) {
        ops->unlink(ops->self, w->temporary);
        return r;
    }
    add_folder(&folder, w->path);
    r = ops->sync_dir(ops->self, folder.p);
    buf_free(&folder);
    if (r < 0) /* the name may be gone after a loss of power: as good as not written */
        ops->unlink(ops->self, w->path);
    return r;
}

int section_writer_finish(struct section_writer *w, const void *meta, size_t meta_len,
                          struct err *err)
{
    uint8_t frame[FRAME_BYTES];
    int r;

    must(meta_len <= FRAME_META_MAX && !w->in_section);
    memcpy(w->frame.meta, meta, meta_len);
    w->frame.file_len = w->at + FRAME_BYTES;
    frame_put(&w->frame, frame);
    put_bytes(w, frame, sizeof frame);
    flush(w);
    if (w->r == 0)
        w->r = w->ops->write(w->ops->self, w->fd, frame, sizeof frame, 0);
    r = install(w);
    if (r < 0)
        err_set(err, r, "write %s: %m", w->path);
    writer_free(w);
    return r;
}

/* ---- reading ------------------------------------------------------------------------------- */

static uint64_t guard_bytes(uint64_t len)
{
    size_t pages = pages_of(len), groups = groups_of(pages);

    return groups * parity_bytes(len) + 4 * (pages + groups);
}

static bool sections_fit(const struct section_file *f)
{
    for (uint32_t i = 0; i < f->frame.n_sections; i++) {
        const struct frame_section *s = &f->frame.sections[i];

        if (s->at > f->len || s->len > f->len - s->at ||
            guard_bytes(s->len) > f->len - s->at - s->len)
            return false;
    }
    return true;
}

static int read_frame(struct section_file *f, char kind, uint32_t version, bool *ret_damaged,
                      struct err *err)
{
    bool last = f->len >= FRAME_BYTES && frame_get(f->map + f->len - FRAME_BYTES, &f->frame);
    bool first = false;

    if (last) {
        struct file_frame other;

        first = frame_get(f->map, &other);
    } else {
        first = f->len >= FRAME_BYTES && frame_get(f->map, &f->frame);
    }
    if (!first && !last)
        return err_set(err, -EBADMSG, "not a file of tocsin, or both its frames are damaged");
    if (f->frame.kind != kind)
        return err_set(err, -EBADMSG, "a file of kind '%c', expected '%c'", f->frame.kind, kind);
    if (f->frame.version > version)
        return err_set(err, -EPROTONOSUPPORT, "version %u, this program reads up to %u",
                       f->frame.version, version);
    if (f->frame.file_len != f->len || !sections_fit(f))
        return err_set(err, -EBADMSG, "%zu bytes long, should be %llu", f->len,
                       (unsigned long long)f->frame.file_len);
    *ret_damaged = !first || !last;
    return 0;
}

int section_file_open(const char *path, char kind, uint32_t version, struct section_file *ret,
                      bool *ret_frame_damaged, struct err *err)
{
    struct section_file f = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC), r;
    struct stat st;

    if (fd < 0)
        return err_set(err, -errno, "open: %m");
    r = fstat(fd, &st) < 0 ? -errno : 0;
    f.len = r < 0 ? 0 : (size_t)st.st_size;
    if (f.len > 0) {
        f.map = mmap(NULL, f.len, PROT_READ, MAP_PRIVATE, fd, 0);
        r = f.map == MAP_FAILED ? -errno : 0;
    }
    close(fd);
    if (r < 0)
        return err_set(err, r, "map: %m");
    r = read_frame(&f, kind, version, ret_frame_damaged, err);
    if (r < 0) {
        section_file_close(&f);
        return r;
    }
    *ret = f;
    return 0;
}

void section_file_close(struct section_file *f)
{
    if (f->map && f->len > 0)
        munmap(f->map, f->len);
    *f = (struct section_file){0};
}

/* The parts of a section that checking needs. */
struct checked {
    uint8_t *bytes;
    const uint8_t *parity, *sums;
    size_t len, pages, parity_len;
};

static size_t page_len(const struct checked *c, size_t page)
{
    return page + 1 < c->pages ? SECTION_PAGE : c->len - page * SECTION_PAGE;
}

static bool page_is_good(const struct checked *c, size_t page)
{
    return hash_crc32c(0, c->bytes + page * SECTION_PAGE, page_len(c, page)) ==
           get_u32(c->sums + 4 * page);
}

/* What the page must have been, if the others of its group and the parity are good. */
static void from_parity(const struct checked *c, size_t page, uint8_t out[SECTION_PAGE])
{
    size_t begin = page / SECTION_STRETCH * SECTION_STRETCH,
           end = begin + stretch_len(c->pages, begin);
    size_t lanes = lanes_of(end - begin), lane = (page - begin) % lanes;
    size_t group = begin / SECTION_STRETCH * SECTION_LANES + lane;

    memset(out, 0, SECTION_PAGE);
    memcpy(out, c->parity + group * c->parity_len, c->parity_len);
    for (size_t p = begin + lane; p < end; p += lanes)
        if (p != page)
            add_page(out, c->bytes + p * SECTION_PAGE, page_len(c, p));
}

/* Mappings are made writable by whole pages of the system. */
static bool overwrite(uint8_t *at, const uint8_t *with, size_t n)
{
    uintptr_t mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1, from = (uintptr_t)at & ~mask;
    size_t len = (uintptr_t)at + n - from;

    if (mprotect((void *)from, len, PROT_READ | PROT_WRITE) < 0)
        return false;
    memcpy(at, with, n);
    mprotect((void *)from, len, PROT_READ);
    return true;
}

static void mend(struct checked *c, size_t page, struct section_damage *d)
{
    size_t n = page_len(c, page);
    uint8_t was[SECTION_PAGE];

    from_parity(c, page, was);
    /* Parity agrees with the page: then it is its checksum that is damaged. */
    if (memcmp(was, c->bytes + page * SECTION_PAGE, n) == 0 ||
        (hash_crc32c(0, was, n) == get_u32(c->sums + 4 * page) &&
         overwrite(c->bytes + page * SECTION_PAGE, was, n)))
        d->restored++;
    else
        d->lost++;
}

static struct checked checked_of(const struct section_file *f, unsigned i)
{
    const struct frame_section *s = &f->frame.sections[i];
    struct checked c = {.bytes = f->map + s->at, .len = (size_t)s->len};

    c.pages = pages_of(s->len);
    c.parity_len = parity_bytes(s->len);
    c.parity = c.bytes + c.len;
    c.sums = c.parity + groups_of(c.pages) * c.parity_len;
    return c;
}

void section_check(struct section_file *f, unsigned i, struct section_damage *ret)
{
    struct checked c = checked_of(f, i);

    for (size_t p = 0; p < c.pages; p++)
        if (!page_is_good(&c, p))
            mend(&c, p, ret);
}

/* ---- verifying ----------------------------------------------------------------------------- */

enum frames_state section_file_frames(const struct section_file *f)
{
    struct file_frame frame;

    if (!frame_get(f->map, &frame))
        return FRAMES_FIRST_BAD;
    if (!frame_get(f->map + f->len - FRAME_BYTES, &frame))
        return FRAMES_LAST_BAD;
    return memcmp(f->map, f->map + f->len - FRAME_BYTES, FRAME_BYTES) == 0 ? FRAMES_GOOD
                                                                           : FRAMES_DIFFER;
}

uint64_t section_end_at(const struct section_file *f, unsigned i)
{
    const struct frame_section *s = &f->frame.sections[i];

    return s->at + s->len + guard_bytes(s->len);
}

/* What is amiss about a page that differs from its checksum. */
static enum section_part judge_page(const struct checked *c, size_t page)
{
    size_t n = page_len(c, page);
    uint8_t was[SECTION_PAGE];

    from_parity(c, page, was);
    if (memcmp(was, c->bytes + page * SECTION_PAGE, n) == 0)
        return SECTION_PAGE_SUM;
    return hash_crc32c(0, was, n) == get_u32(c->sums + 4 * page) ? SECTION_PAGE_HELD
                                                                 : SECTION_PAGE_LOST;
}

/* The parity of a group, made anew from its pages. */
static void parity_of(const struct checked *c, size_t group, uint8_t out[SECTION_PAGE])
{
    size_t begin = group / SECTION_LANES * SECTION_STRETCH,
           end = begin + stretch_len(c->pages, begin), lanes = lanes_of(end - begin);

    memset(out, 0, SECTION_PAGE);
    for (size_t p = begin + group % SECTION_LANES; p < end; p += lanes)
        add_page(out, c->bytes + p * SECTION_PAGE, page_len(c, p));
}

void section_scan(const struct section_file *f, unsigned i,
                  void (*found)(void *arg, enum section_part part, uint64_t at, size_t len),
                  void *arg)
{
    struct checked c = checked_of(f, i);

    for (size_t p = 0; p < c.pages; p++)
        if (!page_is_good(&c, p)) {
            enum section_part part = judge_page(&c, p);
            const uint8_t *at = part == SECTION_PAGE_SUM ? c.sums + 4 * p
                                                         : c.bytes + p * SECTION_PAGE;

            found(arg, part, (uint64_t)(at - f->map),
                  part == SECTION_PAGE_SUM ? 4 : page_len(&c, p));
        }
    for (size_t g = 0; g < groups_of(c.pages); g++) {
        const uint8_t *parity = c.parity + g * c.parity_len, *sum = c.sums + 4 * (c.pages + g);
        uint8_t should[SECTION_PAGE];

        if (hash_crc32c(0, parity, c.parity_len) == get_u32(sum))
            continue;
        parity_of(&c, g, should);
        if (memcmp(should, parity, c.parity_len) == 0)
            found(arg, SECTION_PARITY_SUM, (uint64_t)(sum - f->map), 4);
        else
            found(arg, SECTION_PARITY, (uint64_t)(parity - f->map), c.parity_len);
    }
}
