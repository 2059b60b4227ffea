/* SPDX-License-Identifier: Apache-2.0 */
/*
 * far_end - a stand-in for what channels send to: it keeps the requests and gives the answers it was told
 *
 * begin() makes an outbox from a configuration whose receiver is called "r"; put() hands it a message of
 * alerts; notify_tick() then sends. For tests of one file each.
 */
#ifndef TOCSIN_TESTS_FAR_END_H
#define TOCSIN_TESTS_FAR_END_H

#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "config/config.h"
#include "model/label_set.h"
#include "notify/notify.h"
#include "tests/support/memory_keeper.h"

#define SECOND NS_PER_S
#define T0     (INT64_C(1770192688817) * NS_PER_MS) /* of the published signatures */

#define ROUTE "route: {receiver: r}\nreceivers:\n- name: r\n"

#define REQUESTS_MAX 64 /* that are kept; more are counted only */

struct request {
    char *method, *url, *body;
    char *headers; /* "Name: value\n" each */
};

struct far_answer {
    int status; /* 0: 200 */
    const char *body;
};

struct fixture {
    struct memory_keeper disk;
    struct config *config;
    struct notify *n;
    const struct far_answer *answers; /* the last one is repeated */
    size_t n_answers;
    struct far_answer only; /* when begin() was given one */
    struct request requests[REQUESTS_MAX];
    int n_requests;
    char *url, *body; /* of the last request */
};

static inline void keep_request(struct request *r, const struct outgoing *o)
{
    struct buf headers = {0};

    if (o->content_type)
        buf_addf(&headers, "Content-Type: %s\n", o->content_type);
    for (size_t i = 0; i < o->n_headers; i++)
        buf_addf(&headers, "%s: %s\n", o->headers[i].name, o->headers[i].value);
    *r = (struct request){.method = mem_strdup(o->method),
                          .url = mem_strdup(o->url),
                          .body = str_dup(o->body),
                          .headers = buf_take(&headers)};
}

static inline void send_request(void *self, const struct outgoing *o, outgoing_done *done,
                                void *arg)
{
    struct fixture *f = self;
    size_t n = (size_t)f->n_requests;
    const struct far_answer *a = &f->answers[n < f->n_answers ? n : f->n_answers - 1];
    struct err err = {0};

    if (n < REQUESTS_MAX) {
        keep_request(&f->requests[n], o);
        f->url = f->requests[n].url;
        f->body = f->requests[n].body;
    }
    f->n_requests++;
    err_set(&err, -ECONNREFUSED, "nobody there");
    if (a->status < 0)
        done(0, STR_NONE, &err, arg);
    else
        done(a->status ? a->status : 200, str_c(a->body), NULL, arg);
}

static inline void begin_with(struct fixture *f, const char *yaml, const struct far_answer *answers,
                              size_t n_answers)
{
    struct notify_options o = {.external_url = "http://tocsin", .seed = 1};
    struct err err = {0};

    *f = (struct fixture){.answers = answers, .n_answers = n_answers};
    if (config_parse("t.yml", str_c(yaml), &f->config, &err) < 0)
        fail_msg("%s", err.msg);
    o.keeper = memory_keeper_port(&f->disk);
    o.transport = (struct transport){f, send_request};
    if (notify_new(&o, f->config, T0, &f->n, &err) < 0)
        fail_msg("%s", err.msg);
}

static inline void begin(struct fixture *f, const char *yaml, const char *answer)
{
    begin_with(f, yaml, &f->only, 1);
    f->only.body = answer;
}

static inline void end(struct fixture *f)
{
    notify_free(f->n);
    config_unref(f->config);
    memory_keeper_deinit(&f->disk);
    for (int i = 0; i < f->n_requests && i < REQUESTS_MAX; i++) {
        free(f->requests[i].method);
        free(f->requests[i].url);
        free(f->requests[i].body);
        free(f->requests[i].headers);
    }
}

static inline struct alert *make_alert(int number, unix_ns ends, const char *message)
{
    char instance[32];
    struct label labels[3] = {{STR("alertname"), STR("RedisMemory")},
                              {STR("severity"), STR("critical")}};
    struct label annotations[] = {{STR("message"), str_c(message)}, {STR("action"), STR("扩容")}};
    struct label_set *ls, *as;
    struct alert *a;

    snprintf(instance, sizeof instance, "redis-%d", number);
    labels[2] = (struct label){STR("instance"), str_c(instance)};
    ls = label_set_new(labels, ARRAY_LEN(labels));
    as = label_set_new(annotations, ARRAY_LEN(annotations));
    a = alert_new(ls, as, T0 - 60 * SECOND, ends, T0, "http://tocsin/graph");
    label_set_unref(ls);
    label_set_unref(as);
    return a;
}

static inline void put(struct fixture *f, enum channel_kind kind, int n_firing, int n_resolved,
                       const char *message, const char *group)
{
    struct label l[] = {{STR("alertname"), STR("RedisMemory")}};
    struct label_set *labels = label_set_new(l, 1);
    const struct alert *list[200];
    struct notification n = {.receiver = "r",
                             .integration = CHANNEL_ID(kind, 0),
                             .group_key = group,
                             .group_labels = labels,
                             .alerts = list,
                             .now = T0,
                             .reason = "first notification"};

    for (int i = 0; i < n_firing + n_resolved; i++)
        list[n.n_alerts++] = make_alert(i, i < n_firing ? UNIX_NS_ZERO : T0 - SECOND, message);
    assert_int_equal(notify_put(f->n, &n, 1, NULL), 0);
    for (size_t i = 0; i < n.n_alerts; i++)
        alert_unref(list[i]);
    label_set_unref(labels);
}

/* The text at a path of keys, parted by dots; also that of a number, of true and false. */
static inline char *text_at(const char *body, const char *path)
{
    struct json *doc = NULL;
    const struct json *at;
    struct str rest = str_c(path);
    char *text;

    assert_int_equal(json_doc_parse(str_c(body), &doc, NULL), 0);
    at = doc;
    while (rest.len > 0) {
        char *key = str_dup(str_cut(&rest, '.'));

        at = *key >= '0' && *key <= '9' ? json_at(at, (size_t)atoi(key)) : json_get(at, key);
        free(key);
    }
    if (json_type_of(at) == JSON_NUMBER) {
        struct buf number = {0};

        num_add_short(&number, json_double(at));
        text = buf_take(&number);
    } else if (json_type_of(at) == JSON_BOOL) {
        text = mem_strdup(json_is_true(at) ? "true" : "false");
    } else {
        text = str_dup(json_text(at));
    }
    json_doc_free(doc);
    return text;
}

static inline void assert_text(const char *body, const char *path, const char *want)
{
    char *text = text_at(body, path);

    if (!strstr(text, want))
        fail_msg("%s is \"%s\", expected \"%s\" in it", path, text, want);
    free(text);
}

#endif
