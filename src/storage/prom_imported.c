/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `imported` in the folder of the storage, text:
 *
 *     tocsin imported 1
 *     01K74Q0000000000000000000A      a ULID, and so on
 *     checksum 1a2b3c4d               CRC-32C of the lines before, hexadecimal
 */
#include "storage/prom_imported_priv.h"

#include <errno.h>

#include "base/file.h"
#include "base/hash.h"

#define FILE_MAX ((size_t)64 << 20) /* bytes: two million blocks */
#define FIRST    "tocsin imported 1\n"
#define LAST     "checksum %08x\n"
#define LAST_LEN 18 /* bytes */

static void path_of(const char *dir, struct buf *out)
{
    buf_addf(out, "%s/" PROM_IMPORTED_FILE, dir);
}

/* The lines before the checksum; empty when there is no file, -EBADMSG when it is damaged. */
static int load(const char *dir, struct buf *out, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf last = {0};
    int r;

    path_of(dir, &path);
    r = file_read(path.p, FILE_MAX, out, err);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (out->len >= LAST_LEN) {
        out->len -= LAST_LEN;
        buf_addf(&last, LAST, hash_crc32c(0, out->p, out->len));
        if (str_has_prefix(buf_str(out), STR(FIRST)) &&
            memcmp(out->p + out->len, last.p, LAST_LEN) == 0)
            return 0;
    }
    buf_reset(out);
    return err_set(err, -EBADMSG, "%s: it is damaged: which blocks were imported is not known",
                   path.p);
}

int prom_imported_check(const char *dir, struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};

    return load(dir, &text, err);
}

int prom_imported_has(const struct storage *st, struct str ulid, bool *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct str rest;
    int r = load(st->dir, &text, err);

    if (r < 0)
        return r;
    *ret = false;
    rest = buf_str(&text);
    while (rest.len > 0 && !*ret)
        *ret = str_eq(str_cut(&rest, '\n'), ulid);
    return 0;
}

int prom_imported_add(const struct storage *st, struct str ulid, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf text = {0};
    int r = load(st->dir, &text, err);

    if (r < 0 && r != -EBADMSG)
        return r;
    if (text.len == 0)
        buf_add_c(&text, FIRST);
    buf_addf(&text, STR_FMT "\n", STR_ARG(ulid));
    buf_addf(&text, LAST, hash_crc32c(0, text.p, text.len));
    path_of(st->dir, &path);
    return file_write_atomic(path.p, buf_str(&text), err);
}
