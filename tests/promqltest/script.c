/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "base/num.h"
#include "model/duration.h"
#include "tests/promqltest/promqltest.h"

/* ---- lines and words */

/* The next line without blanks around it; a comment is an empty line. False at the end. */
static bool next_line(struct script *s, struct str *ret)
{
    struct str rest = str_n(s->text.p + s->pos, s->text.len - s->pos), line;

    if (s->pos >= s->text.len)
        return false;
    line = str_cut(&rest, '\n');
    s->pos += line.len + 1;
    s->line++;
    line = str_trim(line);
    *ret = line.len && line.p[0] == '#' ? STR("") : line;
    return true;
}

static struct str next_word(struct str *rest)
{
    size_t n = 0;
    struct str word;

    *rest = str_trim(*rest);
    while (n < rest->len && !isspace((unsigned char)rest->p[n]))
        n++;
    word = str_n(rest->p, n);
    *rest = str_trim(str_n(rest->p + n, rest->len - n));
    return word;
}

static bool same_word(struct str word, const char *lower)
{
    return word.len == strlen(lower) && strncasecmp(word.p, lower, word.len) == 0;
}

static bool begins_with(struct str word, const char *lower)
{
    return word.len >= strlen(lower) && strncasecmp(word.p, lower, strlen(lower)) == 0;
}

static int unknown_command(struct str word, struct err *err)
{
    return err_set(err, -EINVAL, "unknown command \"" STR_FMT "\"", STR_ARG(word));
}

static int read_time(struct str word, dur_ms *ret, struct err *err)
{
    int r = duration_parse(word.p, word.len, ret, err);

    return r < 0 ? err_in(err, r, "time \"" STR_FMT "\"", STR_ARG(word)) : 0;
}

static int want_word(struct str *rest, const char *word, struct err *err)
{
    struct str got = next_word(rest);

    if (!same_word(got, word))
        return err_set(err, -EINVAL, "expected \"%s\", got \"" STR_FMT "\"", word, STR_ARG(got));
    return 0;
}

static void skip_block(struct script *s)
{
    struct str line;

    while (next_line(s, &line) && line.len)
        ;
}

/* ---- load */

static void store_desc(struct memory_reader *store, const struct series_desc *d, dur_ms step)
{
    for (size_t k = 0; k < d->n; k++)
        if (!d->values[k].omitted)
            memory_reader_add(store, d->metric, (unix_ms)k * step, d->values[k].v,
                              d->values[k].histogram);
}

struct descs {
    struct series_desc **list;
    size_t n, cap;
};

static void descs_deinit(struct descs *ds)
{
    for (size_t i = 0; i < ds->n; i++)
        series_desc_free(ds->list[i]);
    free(ds->list);
}

/* Of a series that occurs twice the last counts. */
static void descs_add(struct descs *ds, struct series_desc *take_desc)
{
    for (size_t i = 0; i < ds->n; i++) {
        if (label_set_eq(ds->list[i]->metric, take_desc->metric)) {
            series_desc_free(ds->list[i]);
            ds->list[i] = take_desc;
            return;
        }
    }
    *VEC_PUSH(ds->list, ds->n, ds->cap) = take_desc;
}

static int read_load(struct script *s, struct str first, struct memory_reader *store,
                     struct err *err)
{
    CLEANUP(descs_deinit) struct descs descs = {0};
    struct str word = next_word(&first);
    bool native = same_word(word, "load_with_nhcb");
    struct series_desc *desc;
    struct str line;
    dur_ms step;
    int r = native || same_word(word, "load") ? read_time(first, &step, err)
                                              : unknown_command(word, err);

    while (next_line(s, &line) && line.len) {
        if (r < 0)
            continue;
        r = series_desc_parse(line, &desc, err);
        if (r == 0)
            descs_add(&descs, desc);
    }
    if (r < 0)
        return r;
    for (size_t i = 0; i < descs.n; i++)
        store_desc(store, descs.list[i], step);
    if (native)
        load_native(store, descs.list, descs.n, step);
    return 0;
}

/* ---- eval */

void eval_block_deinit(struct eval_block *b)
{
    for (size_t i = 0; i < b->n; i++)
        series_desc_free(b->series[i].desc);
    free(b->series);
    for (int i = 0; i < LEVEL_COUNT; i++)
        free(b->notes[i].list);
    *b = (struct eval_block){0};
}

static void expect_note(struct eval_block *b, enum level level, struct expectation e)
{
    *VEC_PUSH(b->notes[level].list, b->notes[level].n, b->notes[level].cap) = e;
}

/* eval, eval_fail, eval_warn, eval_info, eval_ordered */
static int read_kind(struct eval_block *b, struct str word, struct err *err)
{
    if (same_word(word, "eval"))
        return 0;
    if (same_word(word, "eval_fail"))
        b->fail = true;
    else if (same_word(word, "eval_ordered"))
        b->ordered = true;
    else if (same_word(word, "eval_warn"))
        expect_note(b, LEVEL_WARN, (struct expectation){0});
    else if (same_word(word, "eval_info"))
        expect_note(b, LEVEL_INFO, (struct expectation){0});
    else
        return unknown_command(word, err);
    return 0;
}

static int read_question(struct eval_block *b, struct str line, struct err *err)
{
    struct str kind;
    int r = read_kind(b, next_word(&line), err);

    if (r < 0)
        return r;
    kind = next_word(&line);
    b->range = same_word(kind, "range");
    if (!b->range && !same_word(kind, "instant"))
        return err_set(err, -EINVAL, "expected instant or range, got \"" STR_FMT "\"",
                       STR_ARG(kind));
    r = want_word(&line, b->range ? "from" : "at", err);
    if (r == 0)
        r = read_time(next_word(&line), &b->start, err);
    b->end = b->start;
    if (r == 0 && b->range) {
        r = want_word(&line, "to", err);
        if (r == 0)
            r = read_time(next_word(&line), &b->end, err);
        if (r == 0)
            r = want_word(&line, "step", err);
        if (r == 0)
            r = read_time(next_word(&line), &b->step, err);
    }
    b->query = line;
    if (r == 0 && (b->range && b->ordered))
        return err_set(err, -EINVAL, "eval_ordered is for instant queries only");
    return r;
}

static int read_how(struct str rest, struct expectation *ret, struct err *err)
{
    *ret = (struct expectation){0};
    if (rest.len == 0)
        return 0;
    if (begins_with(rest, "msg:"))
        ret->how = EXPECT_TEXT;
    else if (begins_with(rest, "regex:"))
        ret->how = EXPECT_REGEX;
    else
        return err_set(err, -EINVAL, "expected msg: or regex:, got \"" STR_FMT "\"", STR_ARG(rest));
    (void)str_cut(&rest, ':');
    ret->text = str_trim(rest);
    return 0;
}

/* expect fail | warn | info | no_warn | no_info | ordered [msg: TEXT | regex: RE] */
static int read_expect(struct eval_block *b, struct str rest, struct err *err)
{
    struct str what = next_word(&rest);
    struct expectation e;
    int r = read_how(rest, &e, err);

    if (r < 0)
        return r;
    if (same_word(what, "fail")) {
        if (b->fail)
            return err_set(err, -EINVAL, "expect fail stands twice");
        b->fail = true;
        b->failure = e;
    } else if (same_word(what, "warn")) {
        expect_note(b, LEVEL_WARN, e);
    } else if (same_word(what, "info")) {
        expect_note(b, LEVEL_INFO, e);
    } else if (same_word(what, "no_warn")) {
        b->notes[LEVEL_WARN].none = true;
    } else if (same_word(what, "no_info")) {
        b->notes[LEVEL_INFO].none = true;
    } else if (same_word(what, "ordered")) {
        b->ordered = true;
    } else {
        return err_set(err, -EINVAL, "unknown expectation \"" STR_FMT "\"", STR_ARG(what));
    }
    for (int i = 0; i < LEVEL_COUNT; i++)
        if (b->notes[i].none && b->notes[i].n)
            return err_set(err, -EINVAL, "annotations are expected and not expected");
    return 0;
}

static int read_series(struct eval_block *b, struct str line, struct err *err)
{
    struct series_desc *desc;
    int r = series_desc_parse(line, &desc, err);
    size_t most = b->range && b->step > 0 ? (size_t)((b->end - b->start) / b->step) + 1 : 1;

    if (r < 0)
        return r;
    *VEC_PUSH(b->series, b->n, b->cap) = (struct expected_series){desc, line};
    if (!b->range && desc->n != 1)
        return err_set(err, -EINVAL, "expected one value, got %zu", desc->n);
    if (desc->n > most)
        return err_set(err, -EINVAL, "expected at most %zu values, got %zu", most, desc->n);
    return 0;
}

/* One line below the question. 1: it is the last of the block. */
static int read_answer(struct eval_block *b, struct str line, struct err *err)
{
    struct str rest = line, word = next_word(&rest);

    if (same_word(word, "expect"))
        return read_expect(b, rest, err);
    if (begins_with(word, "expected_fail_")) {
        if (same_word(word, "expected_fail_message"))
            b->failure.how = EXPECT_TEXT;
        else if (same_word(word, "expected_fail_regexp"))
            b->failure.how = EXPECT_REGEX;
        else
            return unknown_command(word, err);
        b->failure.text = rest;
        return b->fail ? 1 : err_set(err, -EINVAL, "expected_fail_* without eval_fail");
    }
    if (num_parse_double(line, &b->scalar_value)) {
        b->scalar = true;
        return 1;
    }
    return read_series(b, line, err);
}

static int read_eval(struct script *s, struct str first, struct eval_block *b, struct err *err)
{
    struct str line;
    int r = read_question(b, first, err);

    b->line = s->line;
    if (r < 0) {
        skip_block(s);
        return r;
    }
    while (next_line(s, &line) && line.len) {
        r = read_answer(b, line, err);
        if (r == 1)
            return 0;
        if (r < 0) {
            skip_block(s);
            return r;
        }
    }
    return 0;
}

int script_next(struct script *s, enum block_kind *ret_kind, struct memory_reader *store,
                struct eval_block *ret, struct err *err)
{
    struct str line, rest, word;

    *ret_kind = BLOCK_END;
    do
        if (!next_line(s, &line))
            return 0;
    while (line.len == 0);
    rest = line;
    word = next_word(&rest);
    if (same_word(word, "clear") && rest.len == 0) {
        *ret_kind = BLOCK_CLEAR;
        return 0;
    }
    if (begins_with(word, "load")) {
        *ret_kind = BLOCK_LOAD;
        return read_load(s, line, store, err);
    }
    *ret_kind = BLOCK_EVAL;
    if (begins_with(word, "eval"))
        return read_eval(s, line, ret, err);
    return unknown_command(word, err);
}
