/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push - groups of pushed pages, as Pushgateway keeps them
 *
 * A group is a record of the keeper: a page that begins with its two times, whose labels are those
 * of the group (docs/formats/state-push.md). So it is read back as it was pushed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/gzip.h"
#include "base/mem.h"
#include "base/thread.h"
#include "model/ports.h"
#include "model/selfmetrics.h"
#include "remote/push_priv.h"

#define PUSH_TABLE      "push"
#define PUSH_BODY_MAX   ((size_t)32 << 20) /* decompressed */
#define PUSH_GROUPS_MAX 10000
#define PUSH_BYTES_MAX  ((size_t)128 << 20) /* of the pages of all groups */

SELFMETRIC(pushes, METRIC_COUNTER, "tocsin_pushes_total", NULL, "Pushes and deletes of groups.");
SELFMETRIC(refused, METRIC_COUNTER, "tocsin_pushes_refused_total", NULL,
           "Pushes that were refused.");

struct push_group {
    const struct label_set *labels;
    double pushed, failed; /* seconds since 1970 of the last time; 0: never */
    struct push_page page;
    size_t bytes; /* of its series */
};

struct push_gateway {
    struct keeper keeper;

    struct lock lock;
    struct push_group **groups; /* in the order in which they came */
    size_t n, cap;
    size_t bytes;
    bool used; /* there was a group once */
};

static void group_free(struct push_group *g)
{
    label_set_unref(g->labels);
    push_page_deinit(&g->page);
    free(g);
}

static size_t page_bytes(const struct push_page *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->families[i]->text.len;
    return n;
}

/* Index of the group, or n. */
static size_t group_find(const struct push_gateway *g, const struct label_set *labels)
{
    size_t i = 0;

    while (i < g->n && !label_set_eq(g->groups[i]->labels, labels))
        i++;
    return i;
}

static void write_time(const char *name, const struct label_set *labels, double t, struct buf *out)
{
    size_t n = label_set_count(labels);
    CLEANUP(mem_freep) struct label *l = mem_array(n, sizeof *l);

    for (size_t i = 0; i < n; i++)
        l[i] = label_set_at(labels, i);
    exposition_sample_labels(out, str_c(name), l, n, t);
}

static void write_families(const struct push_page *p, struct buf *out)
{
    for (size_t i = 0; i < p->n; i++)
        push_family_write(p->families[i], out);
}

/* ---- the keeper ---------------------------------------------------------------------------- */

/* The group as it is to be from now on. */
static int keep(struct push_gateway *g, const struct label_set *labels, double pushed,
                double failed, const struct push_page *page, struct err *err)
{
    CLEANUP(buf_free) struct buf key = {0}, value = {0};
    struct keeper_op op = {.table = PUSH_TABLE};

    label_set_print(labels, &key);
    write_time(PUSH_TIME, labels, pushed, &value);
    write_time(PUSH_FAILURE, labels, failed, &value);
    write_families(page, &value);
    op.key = buf_str(&key);
    op.value = buf_str(&value);
    return g->keeper.write(g->keeper.self, &op, 1, err);
}

static int forget(struct push_gateway *g, const struct label_set *labels, struct err *err)
{
    CLEANUP(buf_free) struct buf key = {0};
    struct keeper_op op = {.table = PUSH_TABLE};

    label_set_print(labels, &key);
    op.key = buf_str(&key);
    return g->keeper.write(g->keeper.self, &op, 1, err);
}

/* The line with one of the two times: its value, and the labels of the group. */
static int read_time(struct exposition_reader *r, const char *name, double *ret,
                     struct label_set **ret_labels, struct err *err)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    struct exposition_entry e;
    int status = exposition_next(r, &e, err);

    if (status == 0 && e.kind != EXPOSITION_SERIES)
        status = err_set(err, -EINVAL, "expected %s", name);
    if (status == 0)
        status = exposition_labels(r, &e, &b, err);
    if (status < 0)
        return status;
    if (!str_eq_c(label_builder_get(&b, LABEL_NAME), name))
        return err_set(err, -EINVAL, "expected %s", name);
    label_builder_del(&b, LABEL_NAME);
    *ret = e.value;
    label_set_unref(*ret_labels);
    *ret_labels = label_builder_build(&b);
    return 0;
}

static int read_record(struct str record, struct push_group *g, struct err *err)
{
    struct exposition_reader r;
    struct label_set *labels = NULL;
    int status;

    exposition_reader_init(&r, record, EXPOSITION_TEXT);
    status = read_time(&r, PUSH_TIME, &g->pushed, &labels, err);
    if (status == 0)
        status = read_time(&r, PUSH_FAILURE, &g->failed, &labels, err);
    g->labels = labels;
    if (status == 0)
        status = push_page_read(str_n(record.p + r.pos, record.len - r.pos), labels, &g->page, err);
    g->bytes = page_bytes(&g->page);
    return status;
}

struct restoring {
    struct push_gateway *g;
    struct buf *report;
};

static int restore(struct str key, struct str value, void *arg)
{
    struct restoring *s = arg;
    struct push_group *group = mem_zalloc(sizeof *group);
    struct err err = {0};

    if (read_record(value, group, &err) < 0) {
        buf_addf(s->report, "pushed group %.*s left out: %s\n", STR_ARG(key), err.msg);
        group_free(group);
        return 0;
    }
    s->g->bytes += group->bytes;
    s->g->used = true;
    *VEC_PUSH(s->g->groups, s->g->n, s->g->cap) = group;
    return 0;
}

int push_gateway_open(const struct keeper *k, struct push_gateway **ret, struct buf *report,
                      struct err *err)
{
    struct push_gateway *g = mem_zalloc(sizeof *g);
    struct restoring s = {g, report};
    int r;

    g->keeper = *k;
    lock_init(&g->lock);
    r = k->each(k->self, PUSH_TABLE, restore, &s, err);
    if (r < 0) {
        push_gateway_free(g);
        return r;
    }
    *ret = g;
    return 0;
}

void push_gateway_free(struct push_gateway *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        group_free(g->groups[i]);
    free(g->groups);
    lock_deinit(&g->lock);
    free(g);
}

/* ---- is it consistent with the others ------------------------------------------------------ */

/* Whether series of both groups could be the same. */
static bool may_collide(const struct label_set *a, const struct label_set *b)
{
    for (size_t i = 0; i < label_set_count(a); i++) {
        struct label l = label_set_at(a, i);
        struct str other = label_set_get(b, l.name);

        if (other.len > 0 && !str_eq(other, l.value))
            return false;
    }
    return true;
}

static int check_type(const struct push_family *f, const struct push_page *others, struct err *err)
{
    for (size_t i = 0; i < others->n; i++) {
        const struct push_family *o = others->families[i];

        if (o->type != f->type && strcmp(o->name, f->name) == 0)
            return err_set(err, -EBADMSG, "%s has another type in another group", f->name);
    }
    return 0;
}

static int check_series(const struct push_page *page, const struct push_page *others,
                        struct err *err)
{
    struct push_hashes met = {0};
    int r = 0;

    for (size_t i = 0; i < others->n; i++)
        for (size_t k = 0; k < others->families[i]->n; k++)
            push_hashes_add(&met, &others->families[i]->series[k]);
    for (size_t i = 0; i < page->n && r == 0; i++)
        for (size_t k = 0; k < page->families[i]->n && r == 0; k++)
            if (!push_hashes_add(&met, &page->families[i]->series[k]))
                r = err_set(err, -EBADMSG, "a series of %s is in another group already",
                            page->families[i]->name);
    map_deinit(&met.map);
    return r;
}

/* `self` is the index of the group, which is not compared with itself. */
static int check(const struct push_gateway *g, size_t self, const struct label_set *labels,
                 const struct push_page *page, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < g->n && r == 0; i++) {
        const struct push_group *o = g->groups[i];

        for (size_t k = 0; k < page->n && r == 0 && i != self; k++)
            r = check_type(page->families[k], &o->page, err);
        if (r == 0 && i != self && may_collide(labels, o->labels))
            r = check_series(page, &o->page, err);
    }
    return r;
}

/* ---- taking -------------------------------------------------------------------------------- */

static bool has_family(const struct push_page *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->families[i]->name, name) == 0)
            return true;
    return false;
}

/* What of the old page stays beside the new one, borrowed. */
static void merge(const struct push_page *old, const struct push_page *page, struct push_page *ret)
{
    for (size_t i = 0; i < old->n; i++)
        if (!has_family(page, old->families[i]->name))
            *VEC_PUSH(ret->families, ret->n, ret->cap) = old->families[i];
    for (size_t i = 0; i < page->n; i++)
        *VEC_PUSH(ret->families, ret->n, ret->cap) = page->families[i];
}

/* Takes the families of `merged` into the group, and frees those that it had and has no more. */
static void take_over(struct push_group *group, struct push_page *merged, struct push_page *page)
{
    for (size_t i = 0; i < group->page.n; i++) {
        bool stays = false;

        for (size_t k = 0; k < merged->n && !stays; k++)
            stays = merged->families[k] == group->page.families[i];
        if (!stays)
            push_family_free(group->page.families[i]);
    }
    free(group->page.families);
    free(page->families);
    group->page = *merged;
    *merged = *page = (struct push_page){0};
}

static struct push_group *add_group(struct push_gateway *g, const struct label_set *labels)
{
    struct push_group *group = mem_zalloc(sizeof *group);

    group->labels = label_set_ref(labels);
    *VEC_PUSH(g->groups, g->n, g->cap) = group;
    g->used = true;
    return group;
}

/* lock. A group that does not exist is made for it, as Pushgateway does. */
static void note_failure(struct push_gateway *g, const struct label_set *labels, unix_ns now)
{
    size_t i = group_find(g, labels);
    struct push_group *group;

    if (i == g->n && g->n >= PUSH_GROUPS_MAX)
        return;
    group = i < g->n ? g->groups[i] : add_group(g, labels);
    group->failed = (double)now / 1e9;
    (void)keep(g, labels, group->pushed, group->failed, &group->page, NULL);
}

static int put(struct push_gateway *g, const struct label_set *labels, bool adds,
               struct push_page *page, unix_ns now, struct err *err)
{
    static const struct push_page none = {0};
    WITH_LOCK(&g->lock);
    size_t i = group_find(g, labels), bytes;
    struct push_group *group = i < g->n ? g->groups[i] : NULL;
    struct push_page merged = {0};
    double pushed = (double)now / 1e9;
    int r = check(g, i, labels, page, err);

    if (r < 0) {
        note_failure(g, labels, now);
        return r;
    }
    merge(group && adds ? &group->page : &none, page, &merged);
    bytes = page_bytes(&merged);
    if (!group && g->n >= PUSH_GROUPS_MAX)
        r = err_set(err, -E2BIG, "there are %d groups already", PUSH_GROUPS_MAX);
    else if (g->bytes - (group ? group->bytes : 0) + bytes > PUSH_BYTES_MAX)
        r = err_set(err, -E2BIG, "pushed pages take more than %zu bytes", PUSH_BYTES_MAX);
    else
        r = keep(g, labels, pushed, group ? group->failed : 0, &merged, err);
    if (r < 0) {
        free(merged.families);
        return r;
    }
    if (!group)
        group = add_group(g, labels);
    take_over(group, &merged, page);
    group->pushed = pushed;
    g->bytes += bytes - group->bytes;
    group->bytes = bytes;
    return 0;
}

static int delete (struct push_gateway *g, const struct label_set *labels, struct err *err)
{
    WITH_LOCK(&g->lock);
    size_t i = group_find(g, labels);
    int r = i < g->n ? forget(g, labels, err) : 0;

    if (r < 0 || i == g->n)
        return r;
    g->bytes -= g->groups[i]->bytes;
    group_free(g->groups[i]);
    memmove(&g->groups[i], &g->groups[i + 1], (g->n - i - 1) * sizeof(struct push_group *));
    g->n--;
    return 0;
}

static int read_body(const struct push_request *q, const struct label_set *labels,
                     struct push_page *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf body = {0};
    struct str page = q->body;

    if (str_eq_nocase(q->content_encoding, STR("gzip"))) {
        int r = gzip_inflate(q->body, PUSH_BODY_MAX, &body, err);

        if (r < 0)
            return r;
        page = buf_str(&body);
    }
    return push_page_read(page, labels, ret, err);
}

/* The two times are ours to tell. */
static void drop_times(struct push_page *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct push_family *f = p->families[i];

        if (strcmp(f->name, PUSH_TIME) == 0 || strcmp(f->name, PUSH_FAILURE) == 0)
            push_family_free(f);
        else
            p->families[kept++] = f;
    }
    p->n = kept;
}

/* 0 or what is wrong, with the words of the answer. */
static int take(struct push_gateway *g, const struct push_request *q, unix_ns now, struct err *err)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
    CLEANUP(push_page_deinit) struct push_page page = {0};
    struct label_set *made = NULL;
    int r = push_path_read(q->path, &made, err);

    labels = made;
    if (r < 0 || q->method == PUSH_DELETE)
        return r < 0 ? r : delete (g, labels, err);
    r = read_body(q, labels, &page, err);
    if (r == -EBADMSG) {
        WITH_LOCK(&g->lock);
        note_failure(g, labels, now);
    }
    if (r == 0) {
        drop_times(&page);
        r = put(g, labels, q->method == PUSH_ADD, &page, now, err);
    } else if (r != -EBADMSG) {
        return err_in(err, r, "text format parsing error");
    }
    if (r == -EBADMSG)
        return err_in(err, r, "pushed metrics are invalid or inconsistent with existing metrics");
    return r;
}

int push_gateway_take(struct push_gateway *g, const struct push_request *q, unix_ns now,
                      struct buf *text)
{
    struct err err = {0};
    int r;

    selfmetric_add(&pushes, 1);
    r = take(g, q, now, &err);
    if (r == 0)
        return q->method == PUSH_DELETE ? 202 : 200;
    selfmetric_add(&refused, 1);
    buf_add_c(text, err.msg);
    return r == -E2BIG ? 413 : r == -EINVAL || r == -EBADMSG ? 400 : 500;
}

/* ---- the page ------------------------------------------------------------------------------ */

bool push_gateway_page(struct push_gateway *g, struct buf *out)
{
    WITH_LOCK(&g->lock);

    if (!g->used)
        return false;
    exposition_family(out, PUSH_TIME, METRIC_GAUGE,
                      "Last Unix time when changing this group succeeded.");
    for (size_t i = 0; i < g->n; i++)
        write_time(PUSH_TIME, g->groups[i]->labels, g->groups[i]->pushed, out);
    exposition_family(out, PUSH_FAILURE, METRIC_GAUGE,
                      "Last Unix time when changing this group failed.");
    for (size_t i = 0; i < g->n; i++)
        write_time(PUSH_FAILURE, g->groups[i]->labels, g->groups[i]->failed, out);
    for (size_t i = 0; i < g->n; i++)
        write_families(&g->groups[i]->page, out);
    return true;
}
