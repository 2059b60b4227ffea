/* SPDX-License-Identifier: Apache-2.0 */
/*
 * am_post - POST /api/v2/alerts
 *
 * Two kinds of bodies: a list of alerts as Prometheus sends it, and an Alertmanager's or
 * notification-manager's webhook, an object with "alerts". A webhook tells each change once, so a
 * firing alert of it has no end until the next one tells it; one of a list ends when it is not
 * repeated for resolve_timeout.
 */
#include <stdlib.h>

#include "api/am_priv.h"
#include "base/mem.h"
#include "base/quote.h"
#include "model/selfmetrics.h"

SELFMETRIC(invalid, METRIC_COUNTER, "tocsin_alerts_invalid_total", NULL,
           "Alerts of requests that were refused for what is in them.");
SELFMETRIC(am_invalid, METRIC_COUNTER, "alertmanager_alerts_invalid_total", "version=\"v2\"",
           "Alerts of requests that were refused for what is in them.");

struct posting {
    const struct request *r;
    unix_ns now;
    dur_ms resolve_timeout;
    bool webhook;
    const struct alert **alerts;
    size_t n;
    struct buf invalid; /* reasons, one a line */
    int result;
    struct err err;
};

static void posting_deinit(struct posting *p)
{
    for (size_t i = 0; i < p->n; i++)
        alert_unref(p->alerts[i]);
    free(p->alerts);
    buf_free(&p->invalid);
}

#define BAD_BODY "parsing alerts body from \"\" failed, because "

/* ---- the schema: what is wrong here refuses the whole request ------------------------------ */

struct wrong_member {
    struct str name;
    const struct json *value;
    size_t n;
};

static bool look_for_wrong(struct str key, const struct json *v, void *arg)
{
    struct wrong_member *m = arg;

    if (json_type_of(v) == JSON_STRING)
        return ++m->n <= LABEL_COUNT_MAX;
    m->name = key;
    m->value = v;
    return false;
}

static bool texts_are_fine(const struct request *r, const struct json *o, const char *key)
{
    const struct json *v = json_get(o, key);
    struct wrong_member m = {0};

    if (!v || json_type_of(v) == JSON_NULL)
        return true;
    if (json_type_of(v) != JSON_OBJECT) {
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go struct field .%s of type "
                           "models.LabelSet",
                  am_json_kind(v), key);
        return false;
    }
    json_each(v, look_for_wrong, &m);
    if (m.value)
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go struct field Alert.%s." STR_FMT
                           " of type string",
                  am_json_kind(m.value), key, STR_ARG(m.name));
    else if (m.n > LABEL_COUNT_MAX)
        am_refuse(r->http, 400, 400, BAD_BODY "\"%s\" has more than %d members", key,
                  LABEL_COUNT_MAX);
    return !m.value && m.n <= LABEL_COUNT_MAX;
}

/* An absolute URI or a path. */
static bool is_uri(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    if (s.len > 0 && s.p[0] == '/')
        return true;
    while (n < s.len && ((s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z'))
        n++;
    while (n > 0 && n < s.len &&
           (((s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z') || (s.p[n] >= '0' && s.p[n] <= '9') ||
            s.p[n] == '+' || s.p[n] == '-' || s.p[n] == '.'))
        n++;
    return n > 0 && n < s.len && s.p[n] == ':';
}

static bool times_are_fine(const struct request *r, const struct json *o)
{
    static const char *const keys[] = {"startsAt", "endsAt"};
    unix_ns t;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct json *v = json_get(o, keys[i]);
        CLEANUP(buf_free)
        struct buf text = {0};

        if (am_read_time(v, &t))
            continue;
        quote_add_go(&text, json_text(v));
        am_refuse(r->http, 400, 400, BAD_BODY "parsing time %s as a time of RFC 3339 (\"%s\")",
                  text.p ? text.p : am_json_kind(v), keys[i]);
        return false;
    }
    return true;
}

static bool types_are_fine(const struct request *r, const struct json *o)
{
    const struct json *url = json_get(o, "generatorURL");

    if (json_type_of(o) != JSON_OBJECT) {
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go value of type models.PostableAlert",
                  am_json_kind(o));
        return false;
    }
    if (url && json_type_of(url) != JSON_STRING && json_type_of(url) != JSON_NULL) {
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go struct field "
                           "Alert.generatorURL of type strfmt.URI",
                  am_json_kind(url));
        return false;
    }
    return texts_are_fine(r, o, "labels") && texts_are_fine(r, o, "annotations") &&
           times_are_fine(r, o);
}

static bool schema_is_fine(const struct request *r, const struct json *o, size_t i)
{
    struct str url = json_text(json_get(o, "generatorURL"));

    if (!json_get(o, "labels") || json_type_of(json_get(o, "labels")) == JSON_NULL) {
        am_refuse(r->http, 422, AM_REQUIRED, "%zu.labels in body is required", i);
        return false;
    }
    if (url.len > 0 && !is_uri(url)) {
        am_refuse(r->http, 422, AM_WRONG_FORMAT,
                  "%zu.generatorURL in body must be of type uri: \"" STR_FMT "\"", i, STR_ARG(url));
        return false;
    }
    return true;
}

/* ---- one alert ----------------------------------------------------------------------------- */

struct label_list {
    struct label *labels;
    size_t n, cap;
    bool nameless;
};

static bool add_label(struct str key, const struct json *v, void *arg)
{
    struct label_list *l = arg;

    l->nameless |= key.len == 0;
    *VEC_PUSH(l->labels, l->n, l->cap) = (struct label){key, json_text(v)};
    return true;
}

static const struct label_set *read_labels(const struct json *v, bool *ret_nameless)
{
    struct label_list l = {0};
    const struct label_set *ls;

    json_each(v, add_label, &l);
    *ret_nameless = l.nameless;
    ls = l.nameless ? label_set_empty() : label_set_new(l.labels, l.n);
    free(l.labels);
    return ls;
}

static void note_invalid(struct posting *p, const char *words)
{
    buf_addf(&p->invalid, "%s%s", p->invalid.len > 0 ? "\n" : "", words);
    selfmetric_add(&invalid, 1);
    selfmetric_add(&am_invalid, 1);
}

/* The times of an alert that were not sent. */
static void complete(const struct posting *p, unix_ns *starts, unix_ns *ends, bool *ret_timed_out)
{
    *ret_timed_out = false;
    if (*starts == UNIX_NS_ZERO)
        *starts = *ends != UNIX_NS_ZERO ? *ends : p->now;
    if (*ends != UNIX_NS_ZERO || p->webhook)
        return;
    *ret_timed_out = true;
    *ends = p->now + unix_ns_of_ms(p->resolve_timeout);
}

static void take(struct posting *p, const struct json *o)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL, *annotations = NULL;
    CLEANUP(mem_freep) char *url = str_dup(json_text(json_get(o, "generatorURL")));
    bool nameless, nameless_annotation, timed_out;
    unix_ns starts, ends;
    struct alert *al;

    labels = read_labels(json_get(o, "labels"), &nameless);
    annotations = read_labels(json_get(o, "annotations"), &nameless_annotation);
    am_read_time(json_get(o, "startsAt"), &starts);
    am_read_time(json_get(o, "endsAt"), &ends);
    complete(p, &starts, &ends, &timed_out);
    if (ends != UNIX_NS_ZERO && ends < starts) {
        note_invalid(p, "start time must be before end time");
    } else if (nameless) {
        note_invalid(p, "invalid label set: invalid name \"\"");
    } else if (label_set_count(labels) == 0) {
        note_invalid(p, "at least one label pair required");
    } else if (nameless_annotation) {
        note_invalid(p, "invalid annotations: invalid name \"\"");
    } else {
        al = alert_new(labels, annotations, starts, ends, p->now, url);
        al->timed_out = timed_out;
        p->alerts[p->n++] = al;
    }
}

/* ---- the request --------------------------------------------------------------------------- */

static void post(void *arg)
{
    struct posting *p = arg;

    p->result = alerts_post(p->r->api->alerts, p->alerts, p->n, p->now, &p->err);
}

static void reply(struct posting *p)
{
    struct http_exchange *x = p->r->http;
    struct buf body = {0};

    if (p->n > 0 && !am_run(p->r, post, p))
        return;
    if (p->result < 0) {
        am_error(x, 500, "%s", p->err.msg);
    } else if (p->invalid.len > 0) {
        am_error(x, 400, "%s", p->invalid.p);
    } else if (p->webhook) {
        buf_add_c(&body, "{\"Status\":200,\"Message\":\"Notification request accepted\"}");
        am_reply(x, &body);
    } else {
        am_reply_nothing(x, 200);
    }
}

static void take_list(const struct request *r, const struct json *list, bool webhook)
{
    CLEANUP(posting_deinit)
    struct posting p = {.r = r, .now = clock_unix_ns(), .webhook = webhook};
    const struct config *c = r->api->config(r->api->self);

    p.resolve_timeout = c->resolve_timeout;
    config_unref(c);
    for (size_t i = 0; i < json_len(list); i++)
        if (!types_are_fine(r, json_at(list, i)))
            return;
    for (size_t i = 0; i < json_len(list); i++)
        if (!schema_is_fine(r, json_at(list, i), i))
            return;
    p.alerts = mem_array(json_len(list) + 1, sizeof *p.alerts);
    for (size_t i = 0; i < json_len(list); i++)
        take(&p, json_at(list, i));
    reply(&p);
}

void am_post_alerts(const struct request *r)
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    struct str body = http_body(r->http);
    const struct json *inside;
    struct err err = {0};

    if (!am_takes_json(r->http))
        return;
    if (str_trim(body).len == 0) {
        am_refuse(r->http, 422, AM_REQUIRED, "alerts in body is required");
        return;
    }
    if (str_eq(str_trim(body), STR("null"))) {
        am_reply_nothing(r->http, 200);
        return;
    }
    if (json_doc_parse(body, &doc, &err) < 0) {
        am_refuse(r->http, 400, 400, BAD_BODY "%s", err.msg);
        return;
    }
    inside = json_get(doc, "alerts");
    if (json_type_of(doc) == JSON_ARRAY)
        take_list(r, doc, false);
    else if (inside && json_type_of(inside) == JSON_ARRAY)
        take_list(r, inside, true);
    else
        am_refuse(r->http, 400, 400,
                  BAD_BODY "json: cannot unmarshal %s into Go value of type models.PostableAlerts",
                  am_json_kind(doc));
}
