/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - list, then watch (kubernetes.md 5)
 *
 *     list ──pages──▶ list ──complete──▶ watch ──ended──▶ watch ...
 *       ▲ 410: too old                    │ 3 failures in a row, 410
 *       └─────────────────────────────────┘
 *
 * Each event is one JSON document on one line; bytes come cut anywhere. The resource version is an
 * opaque text that is sent back. A failed step is tried again after a wait that doubles.
 */
#include "kube/kube.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/quote.h"
#include "net/crypto.h"

#define PAGE_OBJECTS   500
#define LIST_MS        60000 /* for one page */
#define WATCH_LEAST_S  120   /* a watch is ended by the server after a time from here */
#define WATCH_SPREAD_S 120   /* to here on, so that not all end at once */
#define WATCH_GRACE_MS                                                                             \
    15000 /* then we end it; a server that is gone without a word is noticed so */
#define LINE_MAX_BYTES    (16u << 20)
#define WAIT_FIRST_MS     800
#define WAIT_MAX_MS       30000
#define WAIT_FORBIDDEN_MS 60000 /* 403, 404: somebody has to grant or install something */
#define FAILURES_MAX      3     /* then the resource version is not trusted any more */
#define RETRY_AFTER_MAX_S 600

struct kube_watch {
    struct loop *loop;
    struct http_client *http;
    struct kube_question q; /* path, older_path, labels and fields are copies */
    const struct kube_watch_events *events;
    void *arg;

    struct loop_timer *timer; /* set while there is no call: the next step */
    struct http_call *call;
    bool is_older;   /* older_path is asked */
    char *version;   /* to watch from; NULL: a list is due */
    char *next;      /* continue token of the list under way */
    int failures;    /* in a row */
    struct buf line; /* begun */
    bool had_event;
    mono_ns began;
    struct err broken; /* why we broke off the stream */
};

/* ---- failures ------------------------------------------------------------------------------ */

/* 1 to 2 times as long, so that those that failed together do not come back together. */
static dur_ms spread(dur_ms d)
{
    uint16_t random;

    crypto_random(&random, sizeof random);
    return d + d * random / UINT16_MAX;
}

static dur_ms wait_after(int failures, int status)
{
    dur_ms d = WAIT_FIRST_MS;

    if (status == 403 || status == 404)
        return spread(WAIT_FORBIDDEN_MS);
    for (int i = 1; i < failures && d < WAIT_MAX_MS; i++)
        d *= 2;
    return spread(d < WAIT_MAX_MS ? d : WAIT_MAX_MS);
}

static dur_ms told_wait(struct str retry_after)
{
    long s = 0;

    for (size_t i = 0; i < retry_after.len && s < RETRY_AFTER_MAX_S; i++) {
        if (retry_after.p[i] < '0' || retry_after.p[i] > '9')
            return 0;
        s = s * 10 + (retry_after.p[i] - '0');
    }
    return 1000 * (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S);
}

static void list_anew(struct kube_watch *w)
{
    free(TAKE(w->version));
    free(TAKE(w->next));
}

static void fail(struct kube_watch *w, int status, struct str retry_after, const struct err *err)
{
    dur_ms wait, told = told_wait(retry_after);

    w->failures++;
    if (w->failures >= FAILURES_MAX)
        list_anew(w);
    free(TAKE(w->next));
    wait = wait_after(w->failures, status);
    loop_timer_after(w->timer, wait > told ? wait : told);
    w->events->failed(err, w->arg);
}

/* The words of a Status, or what stands there instead of one. */
static void read_refusal(const struct http_response *r, const char *path, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct str message = STR_NONE;

    if (json_doc_parse(buf_str(&r->body), &doc, NULL) == 0)
        message = json_text(json_get(doc, "message"));
    err_set(err, -EPROTO, "%s: HTTP status %d%s%.*s", path, r->status, message.len ? ": " : "",
            STR_ARG(message));
}

static const char *path_of(const struct kube_watch *w)
{
    return w->is_older ? w->q.older_path : w->q.path;
}

static void refuse(struct kube_watch *w, const struct http_response *r)
{
    struct err err = {0};

    if (r->status == 404 || r->status == 410)
        list_anew(w);
    if (r->status == 404 && w->q.older_path)
        w->is_older = !w->is_older;
    if (r->status == 404 && w->is_older) { /* the other version, at once */
        loop_timer_after(w->timer, 0);
        return;
    }
    read_refusal(r, path_of(w), &err);
    fail(w, r->status, r->retry_after, &err);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void add_param(struct buf *url, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_addf(url, "&%s=", name);
    quote_add_url(url, str_c(value));
}

static void request(struct kube_watch *w, const char *query, dur_ms timeout,
                    bool (*on_data)(struct str bytes, void *arg), http_done *done)
{
    static const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"User-Agent", "tocsin/" TOCSIN_VERSION},
    };
    CLEANUP(buf_free) struct buf url = {0};
    struct str server = str_c(w->q.server);

    while (str_has_suffix(server, STR("/")))
        server.len--;
    buf_addf(&url, "%.*s%s?%s", STR_ARG(server), path_of(w), query);
    add_param(&url, "labelSelector", w->q.labels);
    add_param(&url, "fieldSelector", w->q.fields);
    w->call = http_call_start(w->http,
                              &(struct http_request){
                                  .method = "GET",
                                  .url = url.p,
                                  .options = w->q.options,
                                  .headers = headers,
                                  .n_headers = ARRAY_LEN(headers),
                                  .timeout = timeout,
                                  .max_body = JSON_DOC_MAX,
                                  .accept_gzip = true,
                                  .on_data = on_data,
                              },
                              done, w);
}

static char *copy_text(const struct json *j)
{
    struct str text = json_text(j);

    return text.len ? str_dup(text) : NULL;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void take_page(struct kube_watch *w, const struct json *page)
{
    const struct json *items = json_get(page, "items"), *meta = json_get(page, "metadata");

    for (size_t i = 0; i < json_len(items); i++)
        w->events->object(json_at(items, i), w->arg);
    free(w->next);
    w->next = copy_text(json_get(meta, "continue"));
    if (!w->next) {
        w->version = copy_text(json_get(meta, "resourceVersion"));
        w->failures = 0;
        w->events->end(w->arg);
    }
    loop_timer_after(w->timer, 0);
}

static void on_page(struct http_response *response, const struct err *failure, void *arg)
{
    struct kube_watch *w = arg;
    CLEANUP(json_doc_freep) struct json *page = NULL;
    struct err err = {0};

    w->call = NULL;
    if (!response) {
        fail(w, 0, STR(""), failure);
        return;
    }
    if (response->status != 200) {
        refuse(w, response);
        return;
    }
    if (json_doc_parse(buf_str(&response->body), &page, &err) < 0) {
        err_in(&err, -EPROTO, "%s", path_of(w));
        fail(w, 0, STR(""), &err);
        return;
    }
    take_page(w, page);
}

static void list(struct kube_watch *w)
{
    CLEANUP(buf_free) struct buf query = {0};

    if (!w->next)
        w->events->begin(w->arg);
    buf_addf(&query, "limit=%d", PAGE_OBJECTS);
    add_param(&query, "continue", w->next);
    request(w, query.p, LIST_MS, NULL, on_page);
}

/* ---- watch --------------------------------------------------------------------------------- */

/* ERROR has a Status in place of an object. */
static bool break_off(struct kube_watch *w, const struct json *status)
{
    struct str message = json_text(json_get(status, "message"));

    if (json_int(json_get(status, "code")) == 410)
        list_anew(w);
    err_set(&w->broken, -EPROTO, "%s: %.*s", path_of(w), STR_ARG(message));
    return false;
}

static bool take_event(struct kube_watch *w, struct str line)
{
    CLEANUP(json_doc_freep) struct json *event = NULL;
    const struct json *object;
    struct str type;
    char *version;

    if (json_doc_parse(line, &event, &w->broken) < 0) {
        err_in(&w->broken, -EPROTO, "%s: watch", path_of(w));
        return false;
    }
    type = json_text(json_get(event, "type"));
    object = json_get(event, "object");
    if (str_eq(type, STR("ERROR")))
        return break_off(w, object);
    version = copy_text(json_get(json_get(object, "metadata"), "resourceVersion"));
    if (version) {
        free(w->version);
        w->version = version;
    }
    w->had_event = true;
    if (str_eq(type, STR("ADDED")) || str_eq(type, STR("MODIFIED")))
        w->events->object(object, w->arg);
    else if (str_eq(type, STR("DELETED")))
        w->events->deleted(object, w->arg);
    return true;
}

static bool on_bytes(struct str bytes, void *arg)
{
    struct kube_watch *w = arg;

    while (bytes.len > 0) {
        size_t end = str_find(bytes, STR("\n"));

        if (w->line.len + end > LINE_MAX_BYTES) {
            err_set(&w->broken, -E2BIG, "%s: an event is larger than %u bytes", path_of(w),
                    LINE_MAX_BYTES);
            return false;
        }
        buf_add(&w->line, bytes.p, end);
        if (end == bytes.len)
            return true;
        if (w->line.len > 0 && !take_event(w, buf_str(&w->line)))
            return false;
        buf_free(&w->line); /* one large event must not hold its memory for ever */
        bytes = str_n(bytes.p + end + 1, bytes.len - end - 1);
    }
    return true;
}

/* An end is no failure, but for one that comes at once and again and again. */
static void on_watch_end(struct http_response *response, const struct err *failure, void *arg)
{
    struct kube_watch *w = arg;
    struct err at_once = {0};
    bool is_short = clock_mono_ns() - w->began < NS_PER_S && !w->had_event;

    w->call = NULL;
    buf_free(&w->line);
    if (response && response->status != 200) {
        refuse(w, response);
    } else if (w->broken.code) {
        fail(w, 0, STR(""), &w->broken);
    } else if (!response && !w->had_event) {
        fail(w, 0, STR(""), failure);
    } else if (is_short) {
        err_set(&at_once, -EPROTO, "%s: watch ended at once", path_of(w));
        fail(w, 0, STR(""), &at_once);
    } else {
        w->failures = 0;
        loop_timer_after(w->timer, 0);
    }
}

static void watch(struct kube_watch *w)
{
    CLEANUP(buf_free) struct buf query = {0};
    uint16_t random;
    unsigned seconds;

    crypto_random(&random, sizeof random);
    seconds = WATCH_LEAST_S + random % WATCH_SPREAD_S;
    buf_addf(&query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u", seconds);
    add_param(&query, "resourceVersion", w->version);
    w->had_event = false;
    w->broken.code = 0;
    w->began = clock_mono_ns();
    request(w, query.p, (dur_ms)seconds * 1000 + WATCH_GRACE_MS, on_bytes, on_watch_end);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void step(void *arg)
{
    struct kube_watch *w = arg;

    if (w->version)
        watch(w);
    else
        list(w);
}

static const char *copy_or_null(const char *s)
{
    return s ? mem_strdup(s) : NULL;
}

struct kube_watch *kube_watch_start(struct loop *l, struct http_client *http,
                                    const struct kube_question *q,
                                    const struct kube_watch_events *events, void *arg)
{
    struct kube_watch *w = mem_zalloc(sizeof *w);

    *w = (struct kube_watch){.loop = l, .http = http, .q = *q, .events = events, .arg = arg};
    w->q.path = copy_or_null(q->path);
    w->q.older_path = copy_or_null(q->older_path);
    w->q.labels = copy_or_null(q->labels);
    w->q.fields = copy_or_null(q->fields);
    w->timer = loop_timer_new(l, step, w);
    loop_timer_after(w->timer, 0);
    return w;
}

static void free_text(const char *s)
{
    free((char *)(uintptr_t)s);
}

void kube_watch_stop(struct kube_watch *w)
{
    if (!w)
        return;
    if (w->call)
        http_call_cancel(w->call);
    loop_timer_free(w->timer);
    free_text(w->q.path);
    free_text(w->q.older_path);
    free_text(w->q.labels);
    free_text(w->q.fields);
    free(w->version);
    free(w->next);
    buf_free(&w->line);
    free(w);
}
