/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - titles and messages by template, within what a channel takes
 *
 * A text that does not fit is made again for fewer alerts, with the number of those left out at its
 * end; a single alert that does not fit is cut. A template that fails spoils its own message only:
 * the stock text goes out instead, with the error behind it.
 */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "notify/body.h"
#include "notify/notify_priv.h"

#define TEMPLATE_FILE_MAX (4u << 20)
#define ARENA_MAX         (64u << 20)
#define TEXT_MAX          (4u << 20)
#define NOTE_MAX          160 /* bytes kept free for what is said about alerts that are left out */

/* ---- the set ------------------------------------------------------------------------------- */

static int add_file(struct template_set *set, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(buf_free) struct buf content = {0};
    int r = file_read(path, TEMPLATE_FILE_MAX, &content, err);

    if (r == 0)
        r = template_set_add(set, str_c(slash ? slash + 1 : path), buf_str(&content), err);
    return r < 0 ? err_in(err, r, "%s", path) : 0;
}

static int add_glob(struct template_set *set, const char *pattern, struct err *err)
{
    glob_t found = {0};
    int r = glob(pattern, 0, NULL, &found), status = 0;

    if (r == GLOB_NOMATCH)
        return 0;
    if (r != 0)
        return err_set(err, -EIO, "%s: cannot be searched", pattern);
    for (size_t i = 0; i < found.gl_pathc && status == 0; i++)
        status = add_file(set, found.gl_pathv[i], err);
    globfree(&found);
    return status;
}

static struct template_set *stock_set(void)
{
    struct template_set *set = template_set_new(&template_alertmanager_functions);

    must(template_set_add(set, STR("default.tmpl"), template_alertmanager_stock, NULL) == 0);
    must(template_set_add(set, STR("tocsin.tmpl"), notify_stock, NULL) == 0);
    return set;
}

/* Alertmanager knows the language's own functions there only, and refuses a file with others. */
static int check_url(const char *url, struct err *err)
{
    static const struct tmpl_functions none = {NULL, 0, NULL};
    CLEANUP(template_set_unrefp) struct template_set *set = template_set_new(&none);
    struct template *t = NULL;
    int status = template_parse(set, STR(""), str_c(url), &t, err);

    template_unref(t);
    return status;
}

static int check_urls(const struct config *c, struct err *err)
{
    for (size_t i = 0; i < c->n_receivers; i++) {
        const struct config_blocks *hooks = &c->receivers[i].blocks[CHANNEL_WEBHOOK];
        const struct config_webhook *w = hooks->first;

        for (size_t k = 0; k < hooks->n; k++) {
            int status = w[k].url && strstr(w[k].url, "{{") ? check_url(w[k].url, err) : 0;

            if (status < 0)
                return err_in(err, status, "%s:%d: url: invalid template syntax", c->path,
                              w[k].line);
        }
    }
    return 0;
}

int texts_load(const struct config *c, struct template_set **ret, struct err *err)
{
    struct template_set *set = stock_set();
    int status = 0;

    for (size_t i = 0; i < c->n_templates && status == 0; i++)
        status = add_glob(set, c->templates[i], err);
    if (status == 0)
        status = check_urls(c, err);
    if (status < 0)
        template_set_unref(set);
    else
        *ret = set;
    return status;
}

/* ---- data ---------------------------------------------------------------------------------- */

static struct message_alert show_alert(const struct alert *a, unix_ns now, struct arena *arena)
{
    char fingerprint[17];
    bool resolved = alert_is_resolved(a, now);

    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, alert_fingerprint(a->labels));
    return (struct message_alert){
        .resolved = resolved,
        .labels = a->labels,
        .annotations = a->annotations,
        .starts_at = tmpl_time_of_ns(a->starts_at),
        .ends_at = tmpl_time_of_ns(resolved ? a->ends_at : UNIX_NS_ZERO),
        .generator_url = str_c(a->generator_url ? a->generator_url : ""),
        .fingerprint = arena_str(arena, str_c(fingerprint)),
    };
}

struct view {
    struct arena arena;
    struct tmpl_message m;
    struct label_set *common_labels, *common_annotations;
};

static void view_init(struct view *v, const struct render *r, size_t shown)
{
    const struct notification *n = r->n;
    struct message_alert *alerts;

    *v = (struct view){0};
    arena_init(&v->arena, ARENA_MAX);
    alerts = arena_array(&v->arena, shown, sizeof *alerts);
    for (size_t i = 0; i < shown; i++)
        alerts[i] = show_alert(n->alerts[i], n->now, &v->arena);
    v->common_labels = body_common(n->alerts, n->n_alerts, body_labels);
    v->common_annotations = body_common(n->alerts, n->n_alerts, body_annotations);
    v->m = (struct tmpl_message){.receiver = str_c(n->receiver),
                                 .status = str_c(body_status(n->alerts, n->n_alerts, n->now)),
                                 .reason = str_c(n->reason ? n->reason : ""),
                                 .alerts = alerts,
                                 .n_alerts = shown,
                                 .group_labels = n->group_labels,
                                 .common_labels = v->common_labels,
                                 .common_annotations = v->common_annotations,
                                 .external_url = str_c(r->external_url)};
}

static void view_deinit(struct view *v)
{
    label_set_unref(v->common_labels);
    label_set_unref(v->common_annotations);
    arena_deinit(&v->arena);
}

/* ---- texts --------------------------------------------------------------------------------- */

static int run(const struct render *r, struct str text, size_t shown, struct buf *out,
               struct err *err)
{
    struct tmpl_env env = {.now = r->n->now, .missing_key = TMPL_MISSING_ZERO, .html = r->html};
    struct template *t = NULL;
    struct tmpl_value data;
    struct view v;
    int status = template_parse(r->templates, STR("message"), text, &t, err);

    if (status < 0)
        return status;
    view_init(&v, r, shown);
    data = tmpl_alertmanager_data(&v.arena, &v.m);
    status = template_execute(t, STR_NONE, &data, &env, &v.arena, out, err);
    view_deinit(&v);
    template_unref(t);
    return status;
}

/* Never fails: what a template cannot say, the stock text says. */
static void run_or_stock(const struct render *r, const char *text, const char *stock, size_t shown,
                         struct buf *out)
{
    CLEANUP(buf_free) struct buf call = {0};
    struct err err = {0};

    out->max = TEXT_MAX;
    if (text && run(r, str_c(text), shown, out, &err) == 0)
        return;
    buf_reset(out);
    buf_addf(&call, "{{ template \"%s\" . }}", stock);
    must(run(r, buf_str(&call), shown, out, NULL) == 0 || out->overflow);
    if (text)
        buf_addf(out, "\n%s\n", err.msg);
}

int text_render_exactly(const struct render *r, const char *text, size_t max, struct buf *out,
                        struct err *err)
{
    out->max = max;
    return run(r, str_c(text), r->n->n_alerts, out, err);
}

void text_cut(struct buf *text, size_t max)
{
    static const char dots[] = "…";

    if (text->len <= max)
        return;
    text->len = str_utf8_prefix(buf_str(text), max - (sizeof dots - 1));
    text->p[text->len] = '\0';
    buf_add_c(text, dots);
}

/* Characters beyond the first plane count twice, as most far ends have it; those that do not are asked for
 * less than they take. */
size_t utf16_units(struct str s)
{
    size_t units = 0;

    while (s.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(s, &c);

        units += c > 0xffff ? 2 : 1;
        s = str_n(s.p + n, s.len - n);
    }
    return units;
}

static size_t length_of(const struct render *r, const struct buf *text)
{
    return r->characters ? utf16_units(buf_str(text)) : text->len;
}

/* As text_cut(), by what the limit counts. True when nothing was cut. */
static bool cut(const struct render *r, struct buf *text, size_t max)
{
    struct str rest = buf_str(text);
    size_t units = 0;

    if (length_of(r, text) <= max)
        return true;
    if (!r->characters) {
        text_cut(text, max);
        return false;
    }
    while (rest.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(rest, &c);

        if (units + (c > 0xffff ? 2 : 1) > max - 1)
            break;
        units += c > 0xffff ? 2 : 1;
        rest = str_n(rest.p + n, rest.len - n);
    }
    text->len -= rest.len;
    text->p[text->len] = '\0';
    buf_add_c(text, "…");
    return false;
}

bool text_render(const struct render *r, const char *text, const char *stock, bool english,
                 size_t max, struct buf *out)
{
    size_t all = r->n->n_alerts, shown = all;
    bool whole;

    run_or_stock(r, text, stock, shown, out);
    while (length_of(r, out) > max && shown > 1) {
        size_t length = length_of(r, out), fitting = shown * (max - NOTE_MAX) / length;

        shown = fitting < 1 ? 1 : fitting < shown ? fitting : shown - 1;
        buf_reset(out);
        run_or_stock(r, text, stock, shown, out);
        if (length_of(r, out) + NOTE_MAX <= max || shown == 1)
            break;
    }
    if (shown == all)
        return cut(r, out, max);
    whole = cut(r, out, max - NOTE_MAX);
    buf_addf(out, english ? "\n… and %zu more alerts\n" : "\n……另有 %zu 条告警\n", all - shown);
    return whole;
}

const char *field_text(const struct render *r, const char *text, const char *stock, size_t max)
{
    CLEANUP(buf_free) struct buf out = {.max = TEXT_MAX};
    struct err err = {0};

    if (text && run(r, str_c(text), r->n->n_alerts, &out, &err) < 0) {
        buf_reset(&out);
        if (!r->trouble->code)
            *r->trouble = err;
        text = NULL;
    }
    if (!text && stock)
        run_or_stock(r, NULL, stock, r->n->n_alerts, &out);
    cut(r, &out, max ? max : FIELD_MAX);
    return arena_strdup(r->arena, buf_str(&out));
}
