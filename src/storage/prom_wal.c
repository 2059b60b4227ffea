/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fragment: one byte (bits 0 to 2: 0 nothing more in this page, 1 a whole record, 2 its first,
 * 3 a middle, 4 its last part; bit 3: snappy, bit 4: zstd), BE16 length, CRC-32C, bytes. It never
 * goes over the end of a page, a record never over the end of a segment.
 */
#include "storage/prom_wal_priv.h"

#include <errno.h>

#include <zstd.h>

#include "base/hash.h"
#include "base/snappy.h"
#include "storage/prom_index_priv.h"

enum part { PART_NONE, PART_WHOLE, PART_FIRST, PART_MIDDLE, PART_LAST };

#define PART_BITS  0x07
#define BIT_SNAPPY 0x08
#define BIT_ZSTD   0x10
#define KNOWN_BITS (PART_BITS | BIT_SNAPPY | BIT_ZSTD)

void prom_wal_deinit(struct prom_wal *w)
{
    buf_free(&w->record);
    buf_free(&w->plain);
}

static int damaged(const struct prom_wal *w, int code, const char *words, struct err *err)
{
    return err_set(err, code, "at byte %zu: %s", w->at, words);
}

/* The next fragment, from w->at on. 1; 0 at the end. */
static int next_fragment(struct prom_wal *w, uint8_t *ret_type, struct str *ret, struct err *err)
{
    for (;;) {
        size_t left = w->bytes.len - w->at, in_page = PROM_WAL_PAGE - w->at % PROM_WAL_PAGE;
        struct wire h;
        uint16_t len;
        uint32_t sum;

        if (left == 0)
            return 0;
        if (in_page < PROM_WAL_HEAD || (w->bytes.p[w->at] & PART_BITS) == PART_NONE) {
            w->at += left < in_page ? left : in_page;
            continue;
        }
        if (left < PROM_WAL_HEAD)
            return damaged(w, -ENODATA, "the file ends in a record", err);
        h = wire_of(w->bytes.p + w->at, PROM_WAL_HEAD);
        *ret_type = wire_u8(&h);
        len = __builtin_bswap16(wire_u16(&h));
        sum = wire_be32(&h);
        if ((size_t)len + PROM_WAL_HEAD > in_page || *ret_type & ~KNOWN_BITS)
            return damaged(w, -EBADMSG, "no record begins here", err);
        if ((size_t)len + PROM_WAL_HEAD > left)
            return damaged(w, -ENODATA, "the file ends in a record", err);
        *ret = str_n(w->bytes.p + w->at + PROM_WAL_HEAD, len);
        if (!w->unchecked && hash_crc32c(0, ret->p, len) != sum)
            return damaged(w, -EBADMSG, "checksum differs", err);
        w->at += PROM_WAL_HEAD + (size_t)len;
        return 1;
    }
}

/* The frame says how many bytes it has. */
static int read_zstd(struct str in, struct buf *out, struct err *err)
{
    unsigned long long size = ZSTD_getFrameContentSize(in.p, in.len);
    size_t n;

    buf_reset(out);
    if (size > PROM_WAL_RECORD_MAX) /* also when it is not known, or this is no frame */
        return err_set(err, -EBADMSG, "it is no zstd frame of a known size");
    n = ZSTD_decompress(buf_room(out, (size_t)size), (size_t)size, in.p, in.len);
    if (ZSTD_isError(n))
        return err_set(err, -EBADMSG, "zstd: %s", ZSTD_getErrorName(n));
    out->len = n;
    return 0;
}

static int decompress(struct prom_wal *w, uint8_t type, struct str *ret, struct err *err)
{
    int r = 0;

    *ret = buf_str(&w->record);
    if (!(type & (BIT_SNAPPY | BIT_ZSTD)))
        return 1;
    r = type & BIT_SNAPPY ? snappy_block_read(*ret, PROM_WAL_RECORD_MAX, &w->plain, err)
                          : read_zstd(*ret, &w->plain, err);
    if (r < 0)
        return err_in(err, -ENOTSUP, "record at byte %zu", w->record_at);
    *ret = buf_str(&w->plain);
    return 1;
}

int prom_wal_next(struct prom_wal *w, struct str *ret, struct err *err)
{
    bool begun = false;
    uint8_t type = 0;
    struct str part;
    int r;

    buf_reset(&w->record);
    while ((r = next_fragment(w, &type, &part, err)) > 0) {
        enum part p = type & PART_BITS;

        if (p > PART_LAST || begun != (p == PART_MIDDLE || p == PART_LAST))
            return damaged(w, -EBADMSG, "a part of a record is where it may not be", err);
        if (!begun)
            w->record_at = w->at - PROM_WAL_HEAD - part.len;
        begun = true;
        if (w->record.len + part.len > PROM_WAL_RECORD_MAX)
            return damaged(w, -EBADMSG, "a record is too long", err);
        buf_add_str(&w->record, part);
        if (p == PART_WHOLE || p == PART_LAST)
            return decompress(w, type, ret, err);
    }
    if (r == 0 && begun)
        return damaged(w, -ENODATA, "the file ends in a record", err);
    return r;
}
