/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields - what channels share whose requests are made of many small texts
 */
#include <errno.h>

#include "base/file.h"
#include "base/must.h"
#include "base/num.h"
#include "base/yaml.h"
#include "net/crypto.h"
#include "notify/body.h"
#include "notify/notify_priv.h"

#define FIELD_TIMEOUT_MS 10000
#define WORDS_MAX        120 /* bytes of the far end's words that are shown */

struct str field_message(const struct render *r, const char *text, const char *stock, size_t max,
                         bool *whole)
{
    CLEANUP(buf_free) struct buf out = {0};
    bool all = text_render(r, text, stock, true, max, &out);

    if (whole)
        *whole = all;
    return arena_str(r->arena, buf_str(&out));
}

void field_add(struct json_writer *w, const struct render *r, const char *key, const char *text,
               const char *stock)
{
    const char *value = field_text(r, text, stock, 0);

    if (*value)
        json_kv_c(w, key, value);
}

/* ---- any YAML ------------------------------------------------------------------------------ */

/* A text, or, when it reads as something else, that. */
static void add_reread(struct json_writer *w, const char *text)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    CLEANUP(buf_free) struct buf json = {0};
    const struct yaml_node *root = NULL;

    if (yaml_parse("template", str_c(text), &doc, NULL) == 0)
        root = yaml_root(doc, 0);
    if (!root) {
        json_c(w, text);
        return;
    }
    yaml_to_json(root, &json);
    if (json.len > 0 && json.p[0] == '"')
        json_c(w, text);
    else
        json_raw(w, buf_str(&json));
}

static void add_number(struct buf *out, const struct json *v)
{
    if (json_int(v) != 0 || json_double(v) == 0)
        num_add_i64(out, json_int(v));
    else
        num_add_short(out, json_double(v));
}

static void add_scalar(struct json_writer *w, const struct json *v)
{
    CLEANUP(buf_free) struct buf number = {0};

    if (json_type_of(v) == JSON_NUMBER) {
        add_number(&number, v);
        json_raw(w, buf_str(&number));
    } else if (json_type_of(v) == JSON_BOOL) {
        json_bool(w, json_is_true(v));
    } else {
        json_null_value(w);
    }
}

struct walk {
    struct json_writer *w;
    const struct render *r;
    bool as_text;
};

static bool add_member(struct str key, const struct json *v, void *arg);

static void add_value(const struct walk *walk, const struct json *v)
{
    struct json_writer *w = walk->w;

    switch (json_type_of(v)) {
    case JSON_STRING:
        if (walk->as_text)
            json_c(w, field_text(walk->r, json_text(v).p, NULL, 0));
        else
            add_reread(w, field_text(walk->r, json_text(v).p, NULL, 0));
        break;
    case JSON_ARRAY:
        json_array_begin(w);
        for (size_t i = 0; i < json_len(v); i++)
            add_value(walk, json_at(v, i));
        json_array_end(w);
        break;
    case JSON_OBJECT:
        json_object_begin(w);
        json_each(v, add_member, (void *)walk);
        json_object_end(w);
        break;
    default: add_scalar(w, v);
    }
}

static bool add_member(struct str key, const struct json *v, void *arg)
{
    const struct walk *walk = arg;
    const char *name = arena_strdup(walk->r->arena, key);

    json_key_c(walk->w, field_text(walk->r, name, NULL, 0));
    if (walk->as_text && json_type_of(v) == JSON_NUMBER) {
        CLEANUP(buf_free) struct buf number = {0};

        add_number(&number, v);
        json_str(walk->w, buf_str(&number));
    } else {
        add_value(walk, v);
    }
    return true;
}

void field_add_any(struct json_writer *w, const struct render *r, const char *json, bool as_text)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;

    must(json_doc_parse(str_c(json), &doc, NULL) == 0); /* the configuration wrote it */
    add_value(&(struct walk){w, r, as_text}, doc);
}

void field_add_members(struct json_writer *w, const struct render *r, const char *json,
                       bool as_text)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;

    if (!json)
        return;
    must(json_doc_parse(str_c(json), &doc, NULL) == 0);
    json_each(doc, add_member, &(struct walk){w, r, as_text});
}

/* ---- others -------------------------------------------------------------------------------- */

int field_secret(const struct render *r, const char *direct, const char *file, const char *name,
                 const char **ret, struct err *err)
{
    CLEANUP(buf_free) struct buf secret = {0};
    int status = secret_read(direct, file, &secret, err);

    if (status < 0)
        return err_in(err, status, "%s_file", name);
    *ret = arena_strdup(r->arena, buf_str(&secret));
    return 0;
}

const char *field_group_hash(const struct render *r)
{
    CLEANUP(buf_free) struct buf hex = {0};
    uint8_t hash[32];

    crypto_sha256(str_c(r->n->group_key), hash);
    crypto_hex(hash, sizeof hash, &hex);
    return arena_strdup(r->arena, buf_str(&hex));
}

bool field_firing(const struct render *r)
{
    return strcmp(body_status(r->n->alerts, r->n->n_alerts, r->n->now), "firing") == 0;
}

enum verdict field_judge_flag(const struct answer *a, const char *flag, const char *words,
                              struct buf *why)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct str said;

    if (json_doc_parse(a->body, &doc, NULL) < 0 || !json_get(doc, flag)) {
        buf_addf(why, "the answer has no %s: %.*s", flag, (int)str_utf8_prefix(a->body, WORDS_MAX),
                 a->body.p ? a->body.p : "");
        return RETRIABLE; /* a proxy's page, most likely */
    }
    if (json_is_true(json_get(doc, flag)))
        return ACCEPTED;
    said = json_text(json_get(doc, words));
    buf_addf(why, "the answer says %s is false: %.*s", flag, (int)str_utf8_prefix(said, WORDS_MAX),
             said.len ? said.p : "");
    return REFUSED;
}

struct outgoing field_post(const struct buf *url, const struct buf *body,
                           const struct http_options *http)
{
    return (struct outgoing){
        .method = "POST",
        .url = url->p,
        .content_type = "application/json",
        .body = buf_str(body),
        .http = http,
        .timeout = FIELD_TIMEOUT_MS,
    };
}
