/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording - a recorded scrape of a real exporter: what Redis answered, as redis_replies
 */
#ifndef TOCSIN_TESTS_UNIT_PROBES_RECORDING_H
#define TOCSIN_TESTS_UNIT_PROBES_RECORDING_H

#include "base/json.h"
#include "base/must.h"
#include "base/num.h"
#include "probes/reply_priv.h"
#include "tests/unit/conformance.h"

#define RECORDING_MASTERS_MAX 8

struct recording {
    struct arena arena;
    struct buf expected; /* the exporter's page */
    struct redis_replies replies;
    struct redis_sentinel_replies masters[RECORDING_MASTERS_MAX];
    char *error;
};

/* Replies are raw bytes, one code point a byte. */
static inline void recording_add_bytes(struct buf *out, struct str text)
{
    while (text.len) {
        uint32_t c;
        size_t used = str_utf8_next(text, &c);

        must(c < 256);
        buf_add_byte(out, (char)c);
        text = str_n(text.p + used, text.len - used);
    }
}

static inline const struct redis_reply *recording_read(struct recording *r, struct str raw)
{
    CLEANUP(reply_reader_freep) struct reply_reader *reader = reply_reader_new(&r->arena);
    const struct redis_reply *reply = NULL;
    struct err err = {0};

    reply_reader_feed(reader, raw);
    if (reply_reader_next(reader, &reply, &err) != 1)
        must_failed(err.msg, __FILE__, __LINE__, __func__);
    must(reply_reader_is_empty(reader));
    return reply;
}

static inline void recording_take(struct recording *r, struct str cmd, const struct redis_reply *a)
{
    struct redis_replies *to = &r->replies;
    size_t last = to->n_masters ? to->n_masters - 1 : 0;

    if (str_eq(cmd, STR("INFO ALL")) && a->type == REPLY_TEXT)
        to->info = a->text;
    else if (str_eq(cmd, STR("CLUSTER INFO")))
        to->cluster_info = reply_text(a);
    else if (str_eq(cmd, STR("CONFIG GET *")))
        to->config = a;
    else if (str_eq(cmd, STR("LATENCY LATEST")))
        to->latency_latest = a;
    else if (str_eq(cmd, STR("LATENCY HISTOGRAM")))
        to->latency_histogram = a;
    else if (str_eq(cmd, STR("SLOWLOG LEN")))
        to->slowlog_len = a;
    else if (str_eq(cmd, STR("SLOWLOG GET 1")))
        to->slowlog_get = a;
    else if (str_eq(cmd, STR("SENTINEL MASTERS")))
        to->sentinel_masters = a;
    else if (str_has_prefix(cmd, STR("SENTINEL CKQUORUM")) && last + 1 < RECORDING_MASTERS_MAX)
        r->masters[to->n_masters++].ckquorum = a;
    else if (str_has_prefix(cmd, STR("SENTINEL SENTINELS")))
        r->masters[last].sentinels = a;
    else if (str_has_prefix(cmd, STR("SENTINEL SLAVES")))
        r->masters[last].slaves = a;
    else if (a->type == REPLY_ERROR && !r->error &&
             (str_has_prefix(cmd, STR("AUTH")) || str_has_prefix(cmd, STR("INFO"))))
        r->error = str_dup(a->text);
}

static inline void recording_take_line(struct recording *r, struct str line)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    CLEANUP(buf_free) struct buf raw = {0}, cmd = {0};
    const struct json *words;

    must(json_doc_parse(line, &doc, NULL) == 0);
    words = json_get(doc, "cmd");
    for (size_t i = 0; i < json_len(words); i++) {
        buf_add_c(&cmd, i ? " " : "");
        buf_add_str(&cmd, json_text(json_at(words, i)));
    }
    recording_add_bytes(&raw, json_text(json_get(doc, "reply")));
    recording_take(r, buf_str(&cmd), recording_read(r, buf_str(&raw)));
}

/* The clock of the scrape, which the exporter read and the server told, too. */
static inline unix_ms recording_time(struct str info)
{
    const struct str name = STR("server_time_usec:");
    struct str rest = str_n(info.p, info.len);
    int64_t usec = 0;
    size_t at = str_find(rest, name);

    if (at == rest.len)
        return 0;
    rest = str_n(rest.p + at + name.len, rest.len - at - name.len);
    must(num_parse_i64(str_trim(str_cut(&rest, '\n')), &usec));
    return usec / 1000;
}

/* Returns false when there is no such recording. */
static inline bool recording_load(struct recording *r, const char *folder)
{
    CLEANUP(buf_free) struct buf path = {0}, exchange = {0};
    struct str rest;

    *r = (struct recording){0};
    buf_addf(&path, "exporters/%s/metrics.prom", folder);
    if (!conformance_read(path.p, &r->expected))
        return false;
    buf_reset(&path);
    buf_addf(&path, "exporters/%s/exchange.jsonl", folder);
    must(conformance_read(path.p, &exchange));
    rest = buf_str(&exchange);
    while (rest.len) {
        struct str line = str_trim(str_cut(&rest, '\n'));

        if (line.len)
            recording_take_line(r, line);
    }
    r->replies.masters = r->masters;
    r->replies.now = recording_time(r->replies.info);
    r->replies.times = 1;
    r->replies.error = r->replies.info.len ? NULL : r->error;
    return true;
}

static inline void recording_free(struct recording *r)
{
    buf_free(&r->expected);
    arena_deinit(&r->arena);
    free(r->error);
}

#endif
