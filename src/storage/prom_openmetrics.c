/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples from OpenMetrics text of any size. It is read in windows of whole lines; the reader's
 * line number goes on from one to the next. Labels stay as they are written, le="1" too, which a scrape
 * would write as 1.0: what was stored as one series once is one again. A file is checked as a whole before the first
 * sample of it is stored; standard input can only be read once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/exposition.h"
#include "storage/gather_priv.h"
#include "storage/prom_chunk_priv.h"
#include "storage/prom_extras_priv.h"

#define WINDOW   ((size_t)1 << 20) /* bytes that are read at once */
#define LINE_MAX ((size_t)1 << 20) /* bytes of one line, as of a series that is scraped */

struct text_import {
    const struct prom_import_options *o;
    struct gather *g; /* NULL: only checks */
    struct prom_extras *extras;
    const char *name;
    uint64_t size, done;
    struct exposition_reader reader;
    struct label_builder labels;
    struct buf last_raw; /* the line before, whose series is likely that of the next one too */
    struct gathered *last;
    enum metric_type type; /* of the family at hand, as its texts: pages go, these stay */
    struct buf family, help, unit;
};

static void text_import_deinit(struct text_import *t)
{
    label_builder_deinit(&t->labels);
    buf_free(&t->last_raw);
    buf_free(&t->family);
    buf_free(&t->help);
    buf_free(&t->unit);
}

/* Puts file and line before the words of the reader, which begin with the line. */
static int fail(const struct text_import *t, int code, const struct err *own, struct err *err)
{
    char line[32];
    size_t n = (size_t)snprintf(line, sizeof line, "line %zu: ", t->reader.line);

    return err_set(err, code, "%s:%zu: %s", t->name, t->reader.line,
                   own->msg + (strncmp(own->msg, line, n) == 0 ? n : 0));
}

/* ---- lines --------------------------------------------------------------------------------- */

static int find_series(struct text_import *t, const struct exposition_entry *e,
                       struct gathered **ret, struct err *err)
{
    struct label_set *set;
    int r;

    if (t->last && str_eq(e->raw, buf_str(&t->last_raw))) {
        *ret = t->last;
        return 0;
    }
    label_builder_deinit(&t->labels);
    label_builder_init(&t->labels, NULL);
    r = exposition_labels(&t->reader, e, &t->labels, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < t->o->n_labels; i++)
        label_builder_set(&t->labels, t->o->labels[i].name, t->o->labels[i].value);
    if (t->labels.n > LABEL_COUNT_MAX)
        return err_set(err, -E2BIG, "%zu labels are more than %d", t->labels.n, LABEL_COUNT_MAX);
    if (!t->g)
        return 0;
    set = label_builder_build(&t->labels);
    t->last = *ret = gather_series(t->g, set);
    label_set_unref(set);
    buf_reset(&t->last_raw);
    buf_add_str(&t->last_raw, e->raw);
    return 0;
}

/* The exemplar of a sample; its labels are checked in any case. */
static int take_exemplar(struct text_import *t, const struct exposition_entry *e,
                         const struct gathered *s, struct err *err)
{
    struct exemplar x = {.t = e->exemplar_has_time ? e->exemplar_time : e->time,
                         .v = e->exemplar_value};
    struct label_set *set;
    int r;

    label_builder_deinit(&t->labels);
    label_builder_init(&t->labels, NULL);
    r = exposition_exemplar_labels(&t->reader, e, &t->labels, err);
    if (r < 0 || !t->g)
        return r;
    if (x.t < -PROM_TIME_MAX || x.t > PROM_TIME_MAX)
        return 0;
    x.labels = set = label_builder_build(&t->labels);
    prom_extras_exemplar(t->extras, gathered_labels(s), &x);
    label_set_unref(set);
    return 0;
}

static int take_sample(struct text_import *t, const struct exposition_entry *e, struct err *err)
{
    struct gathered *s = NULL;
    int r;

    if (!e->has_time)
        return err_set(err, -EINVAL,
                       "expected a time behind the value: it cannot be known when "
                       "this was");
    if (e->time < -PROM_TIME_MAX || e->time > PROM_TIME_MAX)
        return err_set(err, -EINVAL, "the time is beyond what can be stored");
    r = find_series(t, e, &s, err);
    if (r == 0 && t->g)
        r = gather_add(t->g, s, e->time, e->value, NULL, err);
    return r == 0 && e->has_exemplar ? take_exemplar(t, e, s, err) : r;
}

/* ---- metadata ------------------------------------------------------------------------------ */

/* What was told of the family at hand is complete. */
static void end_family(struct text_import *t)
{
    const struct metric_metadata m = {.family = buf_str(&t->family),
                                      .type = t->type,
                                      .help = buf_str(&t->help),
                                      .unit = buf_str(&t->unit)};

    if (t->g && m.family.len > 0)
        prom_extras_metadata(t->extras, &m);
    buf_reset(&t->family);
    buf_reset(&t->help);
    buf_reset(&t->unit);
    t->type = METRIC_UNKNOWN;
}

static void note_family(struct text_import *t, const struct exposition_entry *e)
{
    if (!str_eq(e->name, buf_str(&t->family))) {
        end_family(t);
        buf_add_str(&t->family, e->name);
    }
    if (e->kind == EXPOSITION_TYPE)
        t->type = e->type;
    else if (e->kind == EXPOSITION_HELP)
        exposition_unescape(e->text, &t->help);
    else
        exposition_unescape(e->text, &t->unit);
}

/* ---- pages --------------------------------------------------------------------------------- */

/* A piece of whole lines. */
static int take_page(struct text_import *t, struct str page, bool more, struct err *err)
{
    struct exposition_reader *reader = &t->reader;
    struct exposition_entry e;
    struct err own = {0};
    int r;

    if (reader->seen_eof && page.len > 0) {
        reader->line++;
        err_set(&own, -EINVAL, "there is more after # EOF");
        return fail(t, -EINVAL, &own, err);
    }
    reader->page = page;
    reader->pos = 0;
    reader->more = more;
    while ((r = exposition_next(reader, &e, &own)) == 0 && e.kind != EXPOSITION_END) {
        if (e.kind == EXPOSITION_SERIES)
            r = take_sample(t, &e, &own);
        else
            reader->family_type = METRIC_UNKNOWN; /* bounds are not normalised */
        if (e.kind == EXPOSITION_TYPE || e.kind == EXPOSITION_HELP || e.kind == EXPOSITION_UNIT)
            note_family(t, &e);
        if (r < 0)
            break;
    }
    reader->family_name = STR_NONE; /* it lies in the page, which goes */
    return r < 0 ? fail(t, r, &own, err) : 0;
}

/* ---- windows ------------------------------------------------------------------------------- */

/* Appends up to a window; *ret_end is set at the end of the file. */
static int fill_window(int fd, struct buf *b, bool *ret_end, struct err *err)
{
    size_t wanted = b->len + WINDOW;

    while (b->len < wanted && !*ret_end) {
        ssize_t n = read(fd, buf_room(b, wanted - b->len), wanted - b->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, -errno, "read: %m");
        b->len += (size_t)n;
        *ret_end = n == 0;
    }
    return 0;
}

static int take_all(struct text_import *t, int fd, struct err *err)
{
    CLEANUP(buf_free) struct buf b = {0};
    bool end = false;
    int r = 0;

    exposition_reader_init(&t->reader, STR(""), EXPOSITION_OPENMETRICS);
    t->last = NULL;
    t->done = 0;
    while (r == 0 && !end) {
        size_t before = b.len;
        const char *newline;
        size_t cut;

        r = fill_window(fd, &b, &end, err);
        if (r < 0)
            return err_in(err, r, "%s", t->name);
        newline = b.len > 0 ? memrchr(b.p, '\n', b.len) : NULL;
        cut = end ? b.len : newline ? (size_t)(newline - b.p) + 1 : 0;
        if (b.len - cut > LINE_MAX)
            return err_set(err, -E2BIG, "%s: a line after line %zu has more than %zu bytes",
                           t->name, t->reader.line, LINE_MAX);
        t->done += b.len - before;
        r = take_page(t, str_n(b.p ? b.p : "", cut), !end, err);
        if (cut > 0)
            memmove(b.p, b.p + cut, b.len - cut);
        b.len -= cut;
        if (t->o->progress)
            t->o->progress(t->o->progress_arg, t->name, t->done, t->size);
    }
    end_family(t);
    return r;
}

static int import_from(struct storage *st, int fd, struct text_import *t,
                       struct prom_counts *counts, struct err *err)
{
    CLEANUP(gather_deinit) struct gather g = {.st = st, .dry_run = t->o->dry_run};
    CLEANUP(prom_extras_deinit) struct prom_extras extras;
    struct stat stat;
    int r = 0;

    prom_extras_init(&extras, st);

    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
        off_t start = lseek(fd, 0, SEEK_CUR);

        t->size = (uint64_t)stat.st_size;
        r = take_all(t, fd, err);
        if (r == 0 && lseek(fd, start, SEEK_SET) < 0)
            r = err_set(err, -errno, "%s: seek: %m", t->name);
    }
    t->g = &g;
    t->extras = &extras;
    if (r == 0)
        r = take_all(t, fd, err);
    if (r == 0)
        r = gather_flush(&g, err);
    if (r == 0)
        r = prom_extras_flush(&extras, t->o->dry_run ? NULL : st, &g.counts, err);
    prom_counts_add(counts, &g.counts); /* after an error too: these are stored */
    return r;
}

int prom_import_openmetrics(struct storage *st, const char *path,
                            const struct prom_import_options *o, struct prom_counts *counts,
                            struct err *err)
{
    bool is_input = strcmp(path, "-") == 0;
    CLEANUP(text_import_deinit) struct text_import t = {.o = o, .name = is_input ? "stdin" : path};
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), r;

    if (fd < 0)
        return err_set(err, -errno, "%s: open: %m", path);
    r = import_from(st, fd, &t, counts, err);
    if (!is_input)
        close(fd);
    return r;
}
