/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are described in docs/formats/state-alerts.md. An alert, key = number-fingerprint:
 *
 *     {"version":1,"labels":{"alertname":"A"},"annotations":{},"startsAt":"2026-02-04T08:11:28.8Z",
 *      "endsAt":"2026-02-04T08:16:28.8Z","updatedAt":"...","generatorURL":"","timedOut":false,"resolved":false}
 *
 * What an integration was told, key = group key:receiver/webhook/number:
 *
 *     {"version":1,"time":"2026-02-04T08:12:00Z","expires":"2026-02-04T16:12:00Z",
 *      "firing":["b8d7f6981c4d8c36"],"resolved":[]}
 *
 * A silence, key = its id:
 *
 *     {"version":1,"matchers":[{"name":"alertname","op":"=","value":"A"}],"startsAt":"2026-02-04T08:12:00Z",
 *      "endsAt":"2026-02-04T10:12:00Z","updatedAt":"...","createdBy":"me","comment":"...","annotations":{}}
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts_priv.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/alert_json.h"

#define RECORD_VERSION 1
#define HEX_DIGITS     16

/* ---- writing ------------------------------------------------------------------------------- */

void record_alert_key(uint64_t number, uint64_t fingerprint, struct buf *out)
{
    buf_addf(out, "%016llx-%016llx", (unsigned long long)number, (unsigned long long)fingerprint);
}

void record_alert(const struct alert *al, bool resolved, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_i64(&w, "version", RECORD_VERSION);
    json_alert(&w, al);
    json_kv_bool(&w, "resolved", resolved);
    json_object_end(&w);
}

static void key_hashes(struct json_writer *w, const char *key, const uint64_t *hashes, size_t n)
{
    char text[HEX_DIGITS + 1];

    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%016llx", (unsigned long long)hashes[i]);
        json_c(w, text);
    }
    json_array_end(w);
}

void record_entry(const struct log_entry *e, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_i64(&w, "version", RECORD_VERSION);
    json_kv_time(&w, "time", e->time);
    json_kv_time(&w, "expires", e->expires);
    key_hashes(&w, "firing", e->firing, e->n_firing);
    key_hashes(&w, "resolved", e->resolved, e->n_resolved);
    json_object_end(&w);
}

static const char *const ops[] = {
    [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

void record_silence(const struct silence *s, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_i64(&w, "version", RECORD_VERSION);
    json_key_c(&w, "matchers");
    json_array_begin(&w);
    for (size_t i = 0; i < s->n_matchers; i++) {
        json_object_begin(&w);
        json_kv_str(&w, "name", s->matchers[i]->name);
        json_kv_c(&w, "op", ops[s->matchers[i]->type]);
        json_kv_str(&w, "value", s->matchers[i]->value);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_kv_time(&w, "startsAt", s->starts_at);
    json_kv_time(&w, "endsAt", s->ends_at);
    json_kv_time(&w, "updatedAt", s->updated_at);
    json_kv_c(&w, "createdBy", s->created_by);
    json_kv_c(&w, "comment", s->comment);
    json_kv_labels(&w, "annotations", s->annotations);
    json_object_end(&w);
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool hex_read(struct str s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.len != HEX_DIGITS)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret = v;
    return true;
}

static int read_doc(struct str value, struct json **ret, struct err *err)
{
    int r = json_doc_parse(value, ret, err);

    if (r >= 0 && json_int(json_get(*ret, "version")) != RECORD_VERSION)
        return err_set(err, -EBADMSG, "\"version\": expected %d", RECORD_VERSION);
    return r;
}

/* The second half of the key is the check sum of the labels. */
static int read_number(struct str key, const struct label_set *labels, uint64_t *ret,
                       struct err *err)
{
    struct str check = key, number = str_cut(&check, '-');
    uint64_t n, fingerprint;

    if (!hex_read(number, &n) || n >= UINT64_MAX / 2 || !hex_read(check, &fingerprint))
        return err_set(err, -EBADMSG, "expected a number and a fingerprint as the key");
    if (fingerprint != alert_fingerprint(labels))
        return err_set(err, -EBADMSG, "the key is not the fingerprint of the labels");
    *ret = n;
    return 0;
}

int record_alert_read(struct str key, struct str value, struct alert **ret, uint64_t *ret_number,
                      bool *ret_resolved, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct alert *al = NULL;
    int r = read_doc(value, &doc, err);

    if (r < 0 || (r = json_get_alert(doc, &al, err)) < 0)
        return r;
    r = read_number(key, al->labels, ret_number, err);
    if (r < 0) {
        alert_unref(al);
        return r;
    }
    *ret_resolved = json_is_true(json_get(doc, "resolved")) && al->ends_at != UNIX_NS_ZERO;
    *ret = al;
    return 0;
}

static int ascending(const void *x, const void *y)
{
    const uint64_t *hx = x, *hy = y;

    return (*hx > *hy) - (*hx < *hy);
}

static int read_hashes(const struct json *o, const char *key, uint64_t **ret, size_t *ret_n,
                       struct err *err)
{
    const struct json *v = json_get(o, key);
    size_t n = json_len(v);

    if (!v || json_type_of(v) != JSON_ARRAY)
        return err_set(err, -EBADMSG, "\"%s\": expected an array of hashes", key);
    *ret = mem_array(n > 0 ? n : 1, sizeof **ret);
    *ret_n = n;
    for (size_t i = 0; i < n; i++)
        if (!hex_read(json_text(json_at(v, i)), &(*ret)[i]))
            return err_set(err, -EBADMSG, "\"%s\": expected %d hexadecimal digits", key,
                           HEX_DIGITS);
    qsort(*ret, n, sizeof **ret, ascending);
    return 0;
}

int record_entry_read(struct str key, struct str value, struct log_entry **ret, struct err *err)
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    CLEANUP(log_entry_freep)
    struct log_entry *e = mem_zalloc(sizeof *e);
    int r;

    if (key.len == 0 || memchr(key.p, '\0', key.len))
        return err_set(err, -EBADMSG, "the key is no text");
    r = read_doc(value, &doc, err);
    if (r < 0 || (r = json_get_time(doc, "time", &e->time, err)) < 0 ||
        (r = json_get_time(doc, "expires", &e->expires, err)) < 0 ||
        (r = read_hashes(doc, "firing", &e->firing, &e->n_firing, err)) < 0 ||
        (r = read_hashes(doc, "resolved", &e->resolved, &e->n_resolved, err)) < 0)
        return r;
    e->key = str_dup(key);
    *ret = TAKE(e);
    return 0;
}

static int read_matchers(const struct json *list, struct silence_matcher **ret, struct err *err)
{
    size_t n = json_len(list);

    *ret = mem_array(n + 1, sizeof **ret);
    for (size_t i = 0; i < n; i++) {
        const struct json *m = json_at(list, i);
        struct str op = json_text(json_get(m, "op"));
        size_t type = 0;

        while (type < ARRAY_LEN(ops) && !str_eq_c(op, ops[type]))
            type++;
        if (type == ARRAY_LEN(ops))
            return err_set(err, -EBADMSG, "\"op\": expected one of = != =~ !~");
        (*ret)[i] = (struct silence_matcher){
            json_text(json_get(m, "name")), json_text(json_get(m, "value")),
            type == MATCH_RE || type == MATCH_NRE, type == MATCH_EQ || type == MATCH_RE};
    }
    return 0;
}

int record_silence_read(struct str key, struct str value, struct held_silence **ret,
                        struct err *err)
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    CLEANUP(label_set_unrefp)
    const struct label_set *annotations = NULL;
    CLEANUP(mem_freep)
    struct silence_matcher *matchers = NULL;
    struct silence_wanted w = {0};
    unix_ns updated_at;
    int r;

    if (key.len != SILENCE_ID_LEN || memchr(key.p, '\0', key.len))
        return err_set(err, -EBADMSG, "the key is no id");
    r = read_doc(value, &doc, err);
    if (r < 0 || (r = read_matchers(json_get(doc, "matchers"), &matchers, err)) < 0 ||
        (r = json_get_time(doc, "startsAt", &w.starts_at, err)) < 0 ||
        (r = json_get_time(doc, "endsAt", &w.ends_at, err)) < 0 ||
        (r = json_get_time(doc, "updatedAt", &updated_at, err)) < 0 ||
        (r = json_get_labels(doc, "annotations", &annotations, err)) < 0)
        return r;
    w.matchers = matchers;
    w.n_matchers = json_len(json_get(doc, "matchers"));
    w.created_by = json_text(json_get(doc, "createdBy"));
    w.comment = json_text(json_get(doc, "comment"));
    w.annotations = annotations;
    r = held_silence_new(&w, ret, err);
    if (r < 0)
        return r;
    memcpy((*ret)->s.id, key.p, key.len);
    (*ret)->s.updated_at = updated_at;
    return 0;
}
