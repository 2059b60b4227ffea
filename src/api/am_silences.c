/* SPDX-License-Identifier: Apache-2.0 */
/*
 * am_silences - /api/v2/silences and /api/v2/silence/ID
 */
#include <errno.h>
#include <stdlib.h>

#include "api/am_priv.h"
#include "base/mem.h"
#include "model/alert_json.h"

#define BAD_BODY "parsing silence body from \"\" failed, because "

static const char *const states[] = {
    [SILENCE_PENDING] = "pending", [SILENCE_ACTIVE] = "active", [SILENCE_EXPIRED] = "expired"};

/* ---- writing ------------------------------------------------------------------------------- */

static void add_matcher(struct json_writer *w, const struct matcher *m)
{
    json_object_begin(w);
    json_kv_bool(w, "isEqual", m->type == MATCH_EQ || m->type == MATCH_RE);
    json_kv_bool(w, "isRegex", m->type == MATCH_RE || m->type == MATCH_NRE);
    json_kv_str(w, "name", m->name);
    json_kv_str(w, "value", m->value);
    json_object_end(w);
}

static void add_silence(struct json_writer *w, const struct silence *s, unix_ns now)
{
    json_object_begin(w);
    json_kv_c(w, "id", s->id);
    json_key_c(w, "status");
    json_object_begin(w);
    json_kv_c(w, "state", states[silence_state(s, now)]);
    json_object_end(w);
    am_kv_time(w, "updatedAt", s->updated_at);
    if (label_set_count(s->annotations) > 0)
        api_kv_labels(w, "annotations", s->annotations);
    json_kv_c(w, "comment", s->comment);
    json_kv_c(w, "createdBy", s->created_by);
    am_kv_time(w, "endsAt", s->ends_at);
    json_key_c(w, "matchers");
    json_array_begin(w);
    for (size_t i = 0; i < s->n_matchers; i++)
        add_matcher(w, s->matchers[i]);
    json_array_end(w);
    am_kv_time(w, "startsAt", s->starts_at);
    json_object_end(w);
}

/* ---- listing ------------------------------------------------------------------------------- */

struct silence_listing {
    const struct request *r;
    struct am_matchers filter;
    unix_ns now;
    const struct silence **found;
    size_t n, cap;
    struct buf body;
};

static void listing_deinit(struct silence_listing *l)
{
    am_matchers_deinit(&l->filter);
    free(l->found);
    buf_free(&l->body);
}

/* Literally: the same name, operator and value. */
static bool has_matcher(const struct silence *s, const struct matcher *m)
{
    for (size_t i = 0; i < s->n_matchers; i++)
        if (s->matchers[i]->type == m->type && str_eq(s->matchers[i]->name, m->name) &&
            str_eq(s->matchers[i]->value, m->value))
            return true;
    return false;
}

static void find(const struct silence *s, void *arg)
{
    struct silence_listing *l = arg;

    for (size_t i = 0; i < l->filter.n; i++)
        if (!has_matcher(s, l->filter.ms[i]))
            return;
    *VEC_PUSH(l->found, l->n, l->cap) = s;
}

/* Active ones by their end, pending ones by their start, those that are over by their end, the
 * latest first. */
static int in_order(const void *x, const void *y, void *arg)
{
    const struct silence *s = *(const struct silence *const *)x,
                         *t = *(const struct silence *const *)y;
    static const int rank[] = {[SILENCE_ACTIVE] = 0, [SILENCE_PENDING] = 1, [SILENCE_EXPIRED] = 2};
    const unix_ns *now = arg;
    enum silence_state state = silence_state(s, *now), other = silence_state(t, *now);
    unix_ns a, b;

    if (state != other)
        return rank[state] - rank[other];
    a = state == SILENCE_PENDING ? s->starts_at : s->ends_at;
    b = state == SILENCE_PENDING ? t->starts_at : t->ends_at;
    if (a == b)
        return strcmp(s->id, t->id);
    return (a < b) == (state != SILENCE_EXPIRED) ? -1 : 1;
}

static void list(void *arg)
{
    struct silence_listing *l = arg;
    struct json_writer w;

    alerts_each_silence(l->r->api->alerts, find, l);
    if (l->n > 1)
        qsort_r(l->found, l->n, sizeof *l->found, in_order, &l->now);
    json_writer_init(&w, &l->body, JSON_HTML_SAFE);
    json_array_begin(&w);
    for (size_t i = 0; i < l->n; i++)
        add_silence(&w, l->found[i], l->now);
    json_array_end(&w);
}

void am_get_silences(const struct request *r)
{
    CLEANUP(listing_deinit)
    struct silence_listing l = {.r = r, .now = clock_unix_ns()};

    if (am_param_matchers(r, "filter", NULL, &l.filter) && am_run(r, list, &l))
        am_reply(r->http, &l.body);
}

/* ---- one silence --------------------------------------------------------------------------- */

struct silence_errand {
    const struct request *r;
    struct str id;
    const struct silence_wanted *wanted;
    char new_id[SILENCE_ID_LEN + 1];
    struct buf body;
    int result;
    struct err err;
};

static void show(void *arg)
{
    struct silence_errand *e = arg;
    const struct silence *s = alerts_silence(e->r->api->alerts, e->id);
    struct json_writer w;

    json_writer_init(&w, &e->body, JSON_HTML_SAFE);
    if (s)
        add_silence(&w, s, clock_unix_ns());
}

void am_get_silence(const struct request *r, struct str id)
{
    struct silence_errand e = {.r = r, .id = id};

    if (!am_run(r, show, &e))
        return;
    if (e.body.len > 0)
        am_reply(r->http, &e.body);
    else
        am_reply_nothing(r->http, 404);
}

static void expire(void *arg)
{
    struct silence_errand *e = arg;

    e->result = alerts_expire_silence(e->r->api->alerts, e->id, clock_unix_ns(), &e->err);
}

void am_delete_silence(const struct request *r, struct str id)
{
    struct silence_errand e = {.r = r, .id = id};

    if (!am_run(r, expire, &e))
        return;
    if (e.result == 0 || e.result == -ENOENT)
        am_reply_nothing(r->http, e.result == 0 ? 200 : 404);
    else
        am_error(r->http, 500, "%s", e.err.msg);
}

/* ---- making and changing ------------------------------------------------------------------- */

static bool is_absent(const struct json *v)
{
    return !v || json_type_of(v) == JSON_NULL;
}

static bool require(const struct request *r, const struct json *o, const char *prefix,
                    const char *key, enum json_type type)
{
    const struct json *v = json_get(o, key);

    if (is_absent(v))
        am_refuse(r->http, 422, AM_REQUIRED, "%s%s in body is required", prefix, key);
    else if (json_type_of(v) != type)
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go struct field "
                           "PostableSilence.%s%s",
                  am_json_kind(v), prefix, key);
    else
        return true;
    return false;
}

static bool read_matcher(const struct request *r, const struct json *m, size_t i,
                         struct silence_matcher *ret)
{
    CLEANUP(buf_free)
    struct buf prefix = {0};
    const struct json *equal = json_get(m, "isEqual");

    buf_addf(&prefix, "matchers.%zu.", i);
    if (!require(r, m, prefix.p, "isRegex", JSON_BOOL) ||
        !require(r, m, prefix.p, "name", JSON_STRING) ||
        !require(r, m, prefix.p, "value", JSON_STRING) ||
        (!is_absent(equal) && !require(r, m, prefix.p, "isEqual", JSON_BOOL)))
        return false;
    *ret = (struct silence_matcher){json_text(json_get(m, "name")), json_text(json_get(m, "value")),
                                    json_is_true(json_get(m, "isRegex")),
                                    is_absent(equal) || json_is_true(equal)};
    return true;
}

static bool read_matchers(const struct request *r, const struct json *doc,
                          struct silence_matcher **ret)
{
    const struct json *ms = json_get(doc, "matchers");

    if (!require(r, doc, "", "matchers", JSON_ARRAY))
        return false;
    if (json_len(ms) == 0) {
        am_refuse(r->http, 422, AM_TOO_FEW, "matchers in body should have at least 1 items");
        return false;
    }
    *ret = mem_array(json_len(ms), sizeof **ret);
    for (size_t i = 0; i < json_len(ms); i++)
        if (!read_matcher(r, json_at(ms, i), i, &(*ret)[i]))
            return false;
    return true;
}

static bool read_time(const struct request *r, const struct json *doc, const char *key,
                      unix_ns *ret)
{
    if (!require(r, doc, "", key, JSON_STRING))
        return false;
    if (am_read_time(json_get(doc, key), ret))
        return true;
    am_refuse(r->http, 400, 400, BAD_BODY "parsing time of \"%s\": expected RFC 3339", key);
    return false;
}

static bool read_wanted(const struct request *r, const struct json *doc,
                        struct silence_matcher **ret_matchers, struct silence_wanted *w)
{
    if (json_type_of(doc) != JSON_OBJECT) {
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go value of type models.PostableSilence",
                  am_json_kind(doc));
        return false;
    }
    if (!require(r, doc, "", "comment", JSON_STRING) ||
        !require(r, doc, "", "createdBy", JSON_STRING) ||
        !read_time(r, doc, "endsAt", &w->ends_at) || !read_matchers(r, doc, ret_matchers) ||
        !read_time(r, doc, "startsAt", &w->starts_at))
        return false;
    w->id = json_text(json_get(doc, "id"));
    w->matchers = *ret_matchers;
    w->n_matchers = json_len(json_get(doc, "matchers"));
    w->created_by = json_text(json_get(doc, "createdBy"));
    w->comment = json_text(json_get(doc, "comment"));
    return true;
}

static void set(void *arg)
{
    struct silence_errand *e = arg;

    e->result = alerts_set_silence(e->r->api->alerts, e->wanted, clock_unix_ns(), e->new_id,
                                   &e->err);
}

static void make(const struct request *r, const struct silence_wanted *w)
{
    struct silence_errand e = {.r = r, .wanted = w};

    if (w->starts_at >= w->ends_at) {
        am_error(r->http, 400, "Failed to create silence: start time must be before end time");
        return;
    }
    if (w->ends_at < clock_unix_ns()) {
        am_error(r->http, 400, "Failed to create silence: end time can't be in the past");
        return;
    }
    if (!am_run(r, set, &e))
        return;
    if (e.result < 0) {
        am_error(r->http,
                 e.result == -ENOENT                         ? 404
                 : e.result == -EINVAL || e.result == -E2BIG ? 400
                                                             : 500,
                 "%s", e.err.msg);
        return;
    }
    buf_addf(&e.body, "{\"silenceID\":\"%s\"}", e.new_id);
    am_reply(r->http, &e.body);
}

void am_post_silences(const struct request *r)
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    CLEANUP(mem_freep)
    struct silence_matcher *matchers = NULL;
    CLEANUP(label_set_unrefp)
    const struct label_set *annotations = NULL;
    struct silence_wanted w = {0};
    struct str body = http_body(r->http);
    struct err err = {0};

    if (!am_takes_json(r->http))
        return;
    if (str_trim(body).len == 0) {
        am_refuse(r->http, 422, AM_REQUIRED, "silence in body is required");
        return;
    }
    if (json_doc_parse(body, &doc, &err) < 0) {
        am_refuse(r->http, 400, 400, BAD_BODY "%s", err.msg);
        return;
    }
    if (!read_wanted(r, doc, &matchers, &w))
        return;
    if (!is_absent(json_get(doc, "annotations")) &&
        json_get_labels(doc, "annotations", &annotations, &err) < 0) {
        am_refuse(r->http, 400, 400, BAD_BODY "%s", err.msg);
        return;
    }
    w.annotations = annotations;
    make(r, &w);
}
