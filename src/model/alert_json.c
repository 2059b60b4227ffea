/* SPDX-License-Identifier: Apache-2.0 */
#include "model/alert_json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

/* ---- writing ------------------------------------------------------------------------------- */

void json_kv_time(struct json_writer *w, const char *key, unix_ns t)
{
    struct buf text = {0};

    time_add_rfc3339(&text, t);
    json_kv_str(w, key, buf_str(&text));
    buf_free(&text);
}

void json_labels(struct json_writer *w, const struct label_set *ls)
{
    json_object_begin(w);
    for (size_t i = 0; i < label_set_count(ls); i++) {
        struct label l = label_set_at(ls, i);

        json_key(w, l.name);
        json_str(w, l.value);
    }
    json_object_end(w);
}

void json_kv_labels(struct json_writer *w, const char *key, const struct label_set *ls)
{
    json_key_c(w, key);
    json_labels(w, ls);
}

void json_alert(struct json_writer *w, const struct alert *a)
{
    json_kv_labels(w, "labels", a->labels);
    json_kv_labels(w, "annotations", a->annotations);
    json_kv_time(w, "startsAt", a->starts_at);
    json_kv_time(w, "endsAt", a->ends_at);
    json_kv_time(w, "updatedAt", a->updated_at);
    json_kv_c(w, "generatorURL", a->generator_url);
    json_kv_bool(w, "timedOut", a->timed_out);
}

/* ---- reading ------------------------------------------------------------------------------- */

int json_get_time(const struct json *object, const char *key, unix_ns *ret, struct err *err)
{
    const struct json *v = json_get(object, key);
    int r;

    if (!v || json_type_of(v) != JSON_STRING)
        return err_set(err, -EBADMSG, "\"%s\": expected a time", key);
    r = time_parse_rfc3339(json_text(v), ret, NULL, err);
    return r < 0 ? err_in(err, -EBADMSG, "\"%s\"", key) : 0;
}

struct label_reader {
    struct label *labels;
    size_t n, cap;
    bool bad;
};

static bool read_label(struct str key, const struct json *v, void *arg)
{
    struct label_reader *lr = arg;

    lr->bad |= key.len == 0 || json_type_of(v) != JSON_STRING || lr->n == LABEL_COUNT_MAX;
    if (lr->bad)
        return false;
    *VEC_PUSH(lr->labels, lr->n, lr->cap) = (struct label){key, json_text(v)};
    return true;
}

int json_get_labels(const struct json *object, const char *key, const struct label_set **ret,
                    struct err *err)
{
    const struct json *v = json_get(object, key);
    struct label_reader lr = {0};

    if (!v || json_type_of(v) != JSON_OBJECT)
        return err_set(err, -EBADMSG, "\"%s\": expected an object of strings", key);
    json_each(v, read_label, &lr);
    if (!lr.bad)
        *ret = label_set_new(lr.labels, lr.n);
    free(lr.labels);
    if (lr.bad)
        return err_set(err, -EBADMSG, "\"%s\": expected at most %d strings with names", key,
                       LABEL_COUNT_MAX);
    return 0;
}

int json_get_alert(const struct json *object, struct alert **ret, struct err *err)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL, *annotations = NULL;
    CLEANUP(mem_freep) char *url = NULL;
    unix_ns starts_at, ends_at, updated_at;
    int r;

    if ((r = json_get_labels(object, "labels", &labels, err)) < 0 ||
        (r = json_get_labels(object, "annotations", &annotations, err)) < 0 ||
        (r = json_get_time(object, "startsAt", &starts_at, err)) < 0 ||
        (r = json_get_time(object, "endsAt", &ends_at, err)) < 0 ||
        (r = json_get_time(object, "updatedAt", &updated_at, err)) < 0)
        return r;
    url = str_dup(json_text(json_get(object, "generatorURL")));
    *ret = alert_new(labels, annotations, starts_at, ends_at, updated_at, url);
    (*ret)->timed_out = json_is_true(json_get(object, "timedOut"));
    return 0;
}
