/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "remote/push_priv.h"

/* The table has one half of a hash as its own, the other one stands where a value would be. */
static bool same_high(const void *key, const void *value)
{
    return key == value;
}

bool push_hashes_add(struct push_hashes *h, const struct hash128 *hash)
{
    void *high = (void *)(uintptr_t)(hash->high | 1);

    if (map_get(&h->map, hash->low, same_high, high))
        return false;
    map_add(&h->map, hash->low, high);
    return true;
}

struct page_reader {
    const struct label_set *group;
    struct push_page *page;
    struct map by_name; /* struct push_family */
    struct push_hashes series;
};

void push_family_free(struct push_family *f)
{
    free(f->name);
    free(f->help);
    free(f->series);
    buf_free(&f->text);
    free(f);
}

void push_page_deinit(struct push_page *p)
{
    for (size_t i = 0; i < p->n; i++)
        push_family_free(p->families[i]);
    free(p->families);
    *p = (struct push_page){0};
}

void push_family_write(const struct push_family *f, struct buf *out)
{
    if (f->help)
        buf_addf(out, "# HELP %s %s\n", f->name, f->help);
    if (f->is_typed)
        exposition_type(out, str_c(f->name), f->type);
    buf_add_str(out, buf_str(&f->text));
}

/* ---- which family a line belongs to -------------------------------------------------------- */

static bool has_name(const void *key, const void *value)
{
    return str_eq_c(*(const struct str *)key, ((const struct push_family *)value)->name);
}

static struct push_family *find(const struct page_reader *r, struct str name)
{
    return map_get(&r->by_name, hash_bytes(name.p, name.len), has_name, &name);
}

static struct push_family *get(struct page_reader *r, struct str name)
{
    struct push_family *f = find(r, name);

    if (!f) {
        f = mem_zalloc(sizeof *f);
        f->name = str_dup(name);
        f->type = METRIC_UNKNOWN;
        map_add(&r->by_name, hash_bytes(name.p, name.len), f);
        *VEC_PUSH(r->page->families, r->page->n, r->page->cap) = f;
    }
    return f;
}

/* The family whose part `suffix` a series of this name would be, or NULL. */
static struct push_family *owner(const struct page_reader *r, struct str name, struct str suffix)
{
    struct push_family *f;

    if (!str_has_suffix(name, suffix))
        return NULL;
    f = find(r, str_n(name.p, name.len - suffix.len));
    if (!f || (f->type != METRIC_HISTOGRAM && f->type != METRIC_SUMMARY))
        return NULL;
    return f->type == METRIC_SUMMARY && str_eq(suffix, STR("_bucket")) ? NULL : f;
}

static struct push_family *family_of_series(struct page_reader *r, struct str name)
{
    static const struct str suffixes[] = {{"_bucket", sizeof "_bucket" - 1},
                                          {"_count", sizeof "_count" - 1},
                                          {"_sum", sizeof "_sum" - 1}};
    struct push_family *f = find(r, name);

    for (size_t i = 0; !f && i < ARRAY_LEN(suffixes); i++)
        f = owner(r, name, suffixes[i]);
    return f ? f : get(r, name);
}

/* ---- lines --------------------------------------------------------------------------------- */

static int take_help(struct page_reader *r, const struct exposition_entry *e, struct err *err)
{
    struct push_family *f = get(r, e->name);

    if (f->help)
        return err_set(err, -EINVAL, "second HELP line for metric name \"%s\"", f->name);
    f->help = str_dup(e->text);
    return 0;
}

static int take_type(struct page_reader *r, const struct exposition_entry *e, struct err *err)
{
    struct push_family *f = get(r, e->name);

    if (f->is_typed || f->n > 0)
        return err_set(err, -EINVAL,
                       "second TYPE line for metric name \"%s\", or TYPE reported after samples",
                       f->name);
    f->type = e->type;
    f->is_typed = true;
    return 0;
}

/* Of the labels as they print, so that the order in which they stood does not matter. */
static struct hash128 hash_of(const struct label_set *ls)
{
    CLEANUP(buf_free) struct buf text = {0};

    label_set_print(ls, &text);
    return hash_bytes_128(text.p, text.len);
}

static int add_series(struct page_reader *r, const struct label_set *ls, double value,
                      struct err *err)
{
    struct str name = label_set_get(ls, LABEL_NAME);
    struct push_family *f = family_of_series(r, name);
    struct hash128 hash = hash_of(ls);
    size_t n = label_set_count(ls), k = 0;
    CLEANUP(mem_freep) struct label *labels = mem_array(n, sizeof *labels);

    if (!push_hashes_add(&r->series, &hash)) {
        CLEANUP(buf_free) struct buf text = {0};

        label_set_print(ls, &text);
        return err_set(err, -EBADMSG, "%s was collected before with the same name and label values",
                       text.p);
    }
    *VEC_PUSH(f->series, f->n, f->cap) = hash;
    for (size_t i = 0; i < n; i++)
        if (!str_eq(label_set_at(ls, i).name, LABEL_NAME))
            labels[k++] = label_set_at(ls, i);
    exposition_sample_labels(&f->text, name, labels, k, value);
    return 0;
}

static int take_series(struct page_reader *r, const struct exposition_reader *x,
                       const struct exposition_entry *e, struct err *err)
{
    CLEANUP(label_set_unrefp) const struct label_set *ls = NULL;
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    int status = exposition_labels(x, e, &b, err);

    if (status < 0)
        return status;
    if (e->has_time)
        return err_set(err, -EBADMSG, "pushed metrics must not have timestamps");
    for (size_t i = 0; i < label_set_count(r->group); i++) {
        struct label l = label_set_at(r->group, i);

        label_builder_set(&b, l.name, l.value);
    }
    ls = label_builder_build(&b);
    if (label_set_get(ls, LABEL_NAME).len == 0)
        return err_set(err, -EINVAL, "missing metric name");
    return add_series(r, ls, e->value, err);
}

static int read_lines(struct page_reader *r, struct str page, struct err *err)
{
    struct exposition_reader x;
    struct exposition_entry e;
    int status;

    exposition_reader_init(&x, page, EXPOSITION_TEXT);
    while ((status = exposition_next(&x, &e, err)) == 0 && e.kind != EXPOSITION_END) {
        switch (e.kind) {
        case EXPOSITION_HELP: status = take_help(r, &e, err); break;
        case EXPOSITION_TYPE: status = take_type(r, &e, err); break;
        case EXPOSITION_SERIES: status = take_series(r, &x, &e, err); break;
        default: break;
        }
        if (status == -EINVAL)
            return err_in(err, status, "line %zu", x.line);
        if (status < 0)
            return status;
    }
    return status;
}

/* A name that was described only: there is nothing to keep. */
static void drop_empty(struct push_page *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (p->families[i]->n > 0)
            p->families[kept++] = p->families[i];
        else
            push_family_free(p->families[i]);
    }
    p->n = kept;
}

int push_page_read(struct str page, const struct label_set *group, struct push_page *ret,
                   struct err *err)
{
    CLEANUP(push_page_deinit) struct push_page read = {0};
    struct page_reader r = {.group = group, .page = &read};
    int status = read_lines(&r, page, err);

    map_deinit(&r.by_name);
    map_deinit(&r.series.map);
    if (status < 0)
        return status;
    drop_empty(&read);
    *ret = read;
    read = (struct push_page){0};
    return 0;
}
