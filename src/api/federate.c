/* SPDX-License-Identifier: Apache-2.0 */
/*
 * federate - /federate: the newest sample of every series that match[] selects, as a page that
 * another server scrapes (prometheus.md 1.5)
 *
 * The page is text 0.0.4, which every scraper takes. It has no place for native histograms: they are
 * left out. Names that are none of the old kind get underscores, unless the scraper says that it
 * takes them as they are.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "config/config.h"
#include "model/exposition.h"
#include "model/sample.h"

#define UTF8_PARAMETER "escaping=allow-utf-8"

struct newest {
    const struct label_set *labels; /* a reference */
    struct sample sample;
};

struct page {
    struct newest *all;
    size_t n, cap;
    const struct label_set *external; /* borrowed */
    bool utf8;                        /* names are written as they are */
    struct label *labels;             /* of the line at hand */
    size_t n_labels, cap_labels;
    struct arena names; /* of the line at hand, with underscores */
    struct buf text;
};

static void page_deinit(struct page *p)
{
    for (size_t i = 0; i < p->n; i++)
        label_set_unref(p->all[i].labels);
    free(p->all);
    free(p->labels);
    arena_deinit(&p->names);
    buf_free(&p->text);
}

/* ---- what is on it ------------------------------------------------------------------------- */

static void note_newest(struct page *p, const struct label_set *labels, const struct columns *c)
{
    size_t last = c->n - 1;

    if (c->n == 0 || is_stale(c->values[last]) || (c->histograms && c->histograms[last]))
        return;
    *VEC_PUSH(p->all, p->n, p->cap) = (struct newest){label_set_ref(labels),
                                                      {c->times[last], c->values[last]}};
}

static int collect(const struct request *r, const struct selectors *s, struct page *p,
                   struct err *err)
{
    const struct series_reader *reader = &r->api->reader;
    unix_ms now = clock_unix_ms(), from = now - r->api->lookback;
    struct columns c = {0};
    int result = 0;

    for (size_t i = 0; i < s->n && result == 0; i++) {
        struct selection *found = NULL;
        size_t n;
        const struct matcher *const *ms = selectors_get(s, i, &n);

        result = reader->select(reader->self, ms, n, from, now, &found, err);
        for (size_t k = 0; result == 0 && k < found->n; k++) {
            result = reader->read(found, k, from, now, &c, err);
            if (result == 0)
                note_newest(p, found->labels[k], &c);
        }
        reader->release(found);
    }
    columns_deinit(&c);
    return result;
}

/* A family must stand together, also when another label sorts before the name. */
static int by_family(const void *pa, const void *pb)
{
    const struct newest *a = pa, *b = pb;
    int r = str_cmp(label_set_get(a->labels, LABEL_NAME), label_set_get(b->labels, LABEL_NAME));

    return r ? r : label_set_cmp(a->labels, b->labels);
}

/* ---- lines --------------------------------------------------------------------------------- */

static struct str name_of(struct page *p, struct str name, bool (*is_legacy)(struct str name))
{
    char *text;

    if (p->utf8 || is_legacy(name))
        return name;
    text = arena_alloc(&p->names, name.len);
    for (size_t i = 0; i < name.len; i++) {
        text[i] = name.p[i];
        if (!is_legacy(str_n(text, i + 1)))
            text[i] = '_';
    }
    return str_n(text, name.len);
}

static void add_label(struct page *p, struct str name, struct str value)
{
    *VEC_PUSH(p->labels, p->n_labels,
              p->cap_labels) = (struct label){name_of(p, name, label_name_is_legacy), value};
}

/* Behind the labels of its own: what the scraper would say of this server, where the series does not
 * say it. Without an instance the scraper would put in this server's own. */
static void add_external(struct page *p, const struct label_set *own)
{
    const struct str instance = STR("instance");
    bool open = label_set_get(p->external, instance).len == 0;

    for (size_t i = 0; i < label_set_count(p->external); i++) {
        struct label l = label_set_at(p->external, i);

        if (open && str_cmp(l.name, instance) > 0) {
            open = false;
            if (label_set_get(own, instance).len == 0)
                add_label(p, instance, STR(""));
        }
        if (label_set_get(own, l.name).len == 0)
            add_label(p, l.name, l.value);
    }
    if (open && label_set_get(own, instance).len == 0)
        add_label(p, instance, STR(""));
}

static void add_line(struct page *p, const struct newest *s, struct str family)
{
    p->n_labels = 0;
    for (size_t i = 0; i < label_set_count(s->labels); i++) {
        struct label l = label_set_at(s->labels, i);

        if (!str_eq(l.name, LABEL_NAME))
            add_label(p, l.name, l.value);
    }
    add_external(p, s->labels);
    exposition_sample_at(&p->text, family, p->labels, p->n_labels, s->sample);
}

static void write_page(struct page *p)
{
    struct str family = STR_NONE;

    if (p->n)
        qsort(p->all, p->n, sizeof *p->all, by_family);
    for (size_t i = 0; i < p->n; i++) {
        struct str raw = label_set_get(p->all[i].labels, LABEL_NAME);
        bool is_new = !family.p || !str_eq(raw, family);
        struct str shown;

        if (raw.len == 0 || (i && label_set_eq(p->all[i].labels, p->all[i - 1].labels)))
            continue;
        family = raw;
        arena_reset(&p->names);
        shown = name_of(p, raw, metric_name_is_legacy);
        if (is_new)
            exposition_type(&p->text, shown, METRIC_UNKNOWN);
        add_line(p, &p->all[i], shown);
    }
}

/* ---- answer -------------------------------------------------------------------------------- */

static void fail(const struct request *r, int status, const struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_addf(&text, "%s\n", err->msg);
    http_header_out(r->http, "X-Content-Type-Options", "nosniff");
    http_reply_text(r->http, status, text.p);
}

void federate_answer(const struct request *r)
{
    CLEANUP(selectors_deinit) struct selectors s = {0};
    CLEANUP(page_deinit) struct page p = {0};
    struct str accept = http_header_in(r->http, "Accept");
    const struct config *config;
    struct err err = {0};
    int result;

    if (!r->api->ready(r->api->self)) {
        api_not_ready(r->http);
        return;
    }
    if (api_read_selectors(r, &s, &err) < 0) {
        fail(r, 400, &err);
        return;
    }
    config = r->api->config(r->api->self);
    p.external = config->external_labels;
    p.utf8 = str_find(accept, STR(UTF8_PARAMETER)) < accept.len;
    result = collect(r, &s, &p, &err);
    if (result == 0)
        write_page(&p);
    config_unref(config);
    if (result < 0) {
        fail(r, 500, &err);
        return;
    }
    http_reply(r->http, 200,
               p.utf8 ? "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8"
                      : "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
               &p.text);
}
