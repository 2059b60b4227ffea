/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/page_priv.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"

struct metric_line {
    const char *family, *suffix;
    enum metric_type type;
    const struct label *labels;
    size_t n;
    double value;
    size_t number; /* in order of arrival */
};

void metric_page_deinit(struct metric_page *p)
{
    map_deinit(&p->seen);
    free(p->lines);
    arena_deinit(&p->arena);
    *p = (struct metric_page){0};
}

static uint64_t line_hash(const struct metric_line *l)
{
    uint64_t h = hash_mix(hash_bytes(l->family, strlen(l->family)),
                          hash_bytes(l->suffix, strlen(l->suffix)));

    for (size_t i = 0; i < l->n; i++)
        h = hash_mix(h, hash_bytes(l->labels[i].value.p, l->labels[i].value.len));
    return h;
}

static bool line_is_same(const void *key, const void *value)
{
    const struct metric_line *a = key, *b = value;

    if (a->n != b->n || strcmp(a->family, b->family) != 0 || strcmp(a->suffix, b->suffix) != 0)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->labels[i].name, b->labels[i].name) ||
            !str_eq(a->labels[i].value, b->labels[i].value))
            return false;
    return true;
}

/* Label values come from the peer and have to be UTF-8: bytes that are not stand as U+FFFD. */
static struct str as_utf8(struct metric_page *p, struct str s)
{
    CLEANUP(buf_free) struct buf clean = {0};

    if (str_is_utf8(s))
        return s;
    while (s.len) {
        uint32_t c;
        size_t used = str_utf8_next(s, &c);

        buf_add_utf8(&clean, c);
        s = str_n(s.p + used, s.len - used);
    }
    return arena_str(&p->arena, buf_str(&clean));
}

void metric_page_add(struct metric_page *p, const char *family, enum metric_type type,
                     const char *suffix, double value, const struct label *labels, size_t n)
{
    struct metric_line *l;
    struct label *copy;
    uint64_t hash;

    if (p->n == PAGE_SAMPLES_MAX) {
        p->left_out++;
        return;
    }
    copy = arena_array(&p->arena, n, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (struct label){labels[i].name, as_utf8(p, labels[i].value)};
    l = arena_alloc(&p->arena, sizeof *l);
    *l = (struct metric_line){family, suffix, type, copy, n, value, p->n};
    hash = line_hash(l);
    if (map_get(&p->seen, hash, line_is_same, l))
        return;
    map_add(&p->seen, hash, l);
    *VEC_PUSH(p->lines, p->n, p->cap) = l;
}

void metric_page_gauge(struct metric_page *p, const char *name, double value,
                       const struct label *labels, size_t n)
{
    metric_page_add(p, name, METRIC_GAUGE, "", value, labels, n);
}

void metric_page_counter(struct metric_page *p, const char *name, double value,
                         const struct label *labels, size_t n)
{
    metric_page_add(p, name, METRIC_COUNTER, "", value, labels, n);
}

struct str metric_page_number(struct metric_page *p, double v)
{
    char text[NUM_TEXT_MAX];

    return arena_str(&p->arena, str_n(text, num_format_short(v, text)));
}

static bool is_step(struct str name)
{
    return str_eq(name, STR("le")) || str_eq(name, STR("quantile"));
}

static int compare_lines(const void *pa, const void *pb)
{
    const struct metric_line *a = *(struct metric_line *const *)pa;
    const struct metric_line *b = *(struct metric_line *const *)pb;
    int d = strcmp(a->family, b->family);

    for (size_t i = 0; d == 0 && i < a->n && i < b->n; i++) {
        if (is_step(a->labels[i].name) || is_step(b->labels[i].name))
            break;
        d = str_cmp(a->labels[i].value, b->labels[i].value);
    }
    return d ? d : (a->number > b->number) - (a->number < b->number);
}

void metric_page_write(struct metric_page *p, struct buf *out)
{
    CLEANUP(buf_free) struct buf name = {0};
    const char *family = "";

    if (p->n)
        qsort(p->lines, p->n, sizeof *p->lines, compare_lines);
    for (size_t i = 0; i < p->n; i++) {
        const struct metric_line *l = p->lines[i];

        if (strcmp(l->family, family) != 0)
            exposition_family(out, l->family, l->type, NULL);
        family = l->family;
        buf_reset(&name);
        buf_addf(&name, "%s%s", l->family, l->suffix);
        exposition_sample_labels(out, buf_str(&name), l->labels, l->n, l->value);
    }
}
