/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/remote.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/snappy.h"
#include "model/selfmetrics.h"
#include "remote/write_priv.h"

#define KEEP_MESSAGE ((size_t)4 << 20) /* bytes; memory of a larger message is given back */

#define MEDIA_TYPE "application/x-protobuf"
#define MESSAGE_1  "prometheus.WriteRequest"
#define MESSAGE_2  "io.prometheus.write.v2.Request"

SELFMETRIC(requests_refused, METRIC_COUNTER, "tocsin_remote_write_requests_refused_total", NULL,
           "Remote write requests that were not taken, or not all of them.");

struct remote_write *remote_write_new(const struct sample_sink *sink)
{
    struct remote_write *w = mem_zalloc(sizeof *w);

    w->sink = *sink;
    series_cache_init(&w->cache, SERIES_CACHE_MAX);
    lock_init(&w->lock);
    lock_init(&w->asking);
    return w;
}

/* ---- workbenches --------------------------------------------------------------------------- */

static struct workbench *workbench_take(struct remote_write *w)
{
    struct workbench *b;

    {
        WITH_LOCK(&w->lock);
        b = w->idle;
        if (b)
            w->idle = b->next;
    }
    if (!b) {
        b = mem_zalloc(sizeof *b);
        write_request_init(&b->request);
    }
    return b;
}

static void workbench_put(struct remote_write *w, struct workbench *b)
{
    write_request_reset(&b->request);
    if (b->cap_verdicts > b->request.cap_rows) { /* rows were given back */
        mem_freep(&b->verdicts);
        b->verdicts = NULL;
        b->cap_verdicts = 0;
    }
    if (b->message.cap > KEEP_MESSAGE)
        buf_free(&b->message);
    WITH_LOCK(&w->lock);
    b->next = w->idle;
    w->idle = b;
}

static void workbench_free(struct workbench *b)
{
    buf_free(&b->message);
    write_request_deinit(&b->request);
    free(b->verdicts);
    free(b->exemplars);
    free(b);
}

void remote_write_free(struct remote_write *w)
{
    struct workbench *next;

    if (!w)
        return;
    for (struct workbench *b = w->idle; b; b = next) {
        next = b->next;
        workbench_free(b);
    }
    lock_deinit(&w->lock);
    lock_deinit(&w->asking);
    series_cache_deinit(&w->cache);
    free(w);
}

/* ---- answering ----------------------------------------------------------------------------- */

void write_refuse(struct remote_write_answer *ret, int status, const char *refused, const char *fmt,
                  ...)
{
    va_list ap;

    ret->status = status;
    ret->refused = refused;
    buf_reset(&ret->text);
    va_start(ap, fmt);
    buf_vaddf(&ret->text, fmt, ap);
    va_end(ap);
}

void write_add_line(struct remote_write_answer *ret, const char *text)
{
    if (ret->text.len > 0)
        buf_add_byte(&ret->text, '\n');
    buf_add_c(&ret->text, text);
}

void remote_write_answer_deinit(struct remote_write_answer *a)
{
    buf_free(&a->text);
    buf_free(&a->skipped_labels);
}

/* ---- headers ------------------------------------------------------------------------------- */

static bool read_message_name(struct str type, struct str name, struct remote_write_answer *ret)
{
    if (str_eq(name, STR(MESSAGE_1))) {
        ret->version = REMOTE_WRITE_1_0;
        return true;
    }
    if (str_eq(name, STR(MESSAGE_2))) {
        ret->version = REMOTE_WRITE_2_0;
        return true;
    }
    write_refuse(ret, 415, "content type",
                 "got " STR_FMT " content type; unknown remote write protobuf message " STR_FMT
                 ", supported: " MESSAGE_1 ", " MESSAGE_2,
                 STR_ARG(type), STR_ARG(name));
    return false;
}

/* "application/x-protobuf", maybe with ";proto=<name of the message>"; absent: 1.0. */
static bool read_content_type(struct str type, struct remote_write_answer *ret)
{
    struct str rest = str_trim(type), first = str_cut(&rest, ';');

    if (type.len == 0)
        return true;
    if (!str_eq(first, STR(MEDIA_TYPE))) {
        write_refuse(ret, 415, "content type", "expected content type " MEDIA_TYPE ", got " STR_FMT,
                     STR_ARG(type));
        return false;
    }
    while (rest.len > 0) {
        struct str value = str_cut(&rest, ';'), name = str_trim(str_cut(&value, '='));

        if (str_eq(name, STR("proto")))
            return read_message_name(type, str_trim(value), ret);
    }
    return true;
}

static bool read_content_encoding(struct str encoding, struct remote_write_answer *ret)
{
    if (encoding.len == 0 || str_eq(encoding, STR("snappy")))
        return true;
    write_refuse(ret, 415, "content encoding",
                 STR_FMT " encoding is not accepted by this server, only snappy is",
                 STR_ARG(encoding));
    return false;
}

/* ---- a request ----------------------------------------------------------------------------- */

static int read_body(struct workbench *b, struct str body, enum remote_write_version version,
                     bool keep_exemplars, struct err *err)
{
    int r = snappy_block_read(body, MESSAGE_MAX, &b->message, err);

    if (r < 0)
        return err_in(err, r, "body");
    b->request.keep_exemplars = keep_exemplars;
    return version == REMOTE_WRITE_1_0
               ? write_request_read(&b->request, buf_str(&b->message), err)
               : write_request_read_v2(&b->request, buf_str(&b->message), err);
}

static const char *fault_of_histograms(const struct write_request *q)
{
    for (size_t i = 0; i < q->n_rows; i++)
        if (q->rows[i].h && write_histogram_fault(&q->rows[i]))
            return write_histogram_fault(&q->rows[i]);
    return NULL;
}

static void take(struct remote_write *w, struct workbench *b, struct str body,
                 struct remote_write_answer *ret)
{
    struct err err = {0};
    const char *fault;
    int r = read_body(b, body, ret->version, w->sink.keeps_exemplars, &err);

    if (r == 0)
        r = write_find_series(w, &b->request, false, ret, &err);
    if (r == -EBADMSG || r == -E2BIG) {
        write_refuse(ret, 400, "not to be read", "%s", err.msg);
        return;
    }
    if (r < 0) {
        write_refuse(ret, 500, "storage refused", "%s", err.msg);
        return;
    }
    fault = fault_of_histograms(&b->request);
    if (fault) {
        write_refuse(ret, 500, "histogram", "%s", fault);
        return;
    }
    if (ret->n_skipped > 0 && ret->version == REMOTE_WRITE_2_0) {
        ret->status = 400; /* with the lines that say why */
        ret->refused = "labels";
    }
    write_commit(w, b, ret);
}

void remote_write_take(struct remote_write *w, const struct remote_write_request *r,
                       struct remote_write_answer *ret)
{
    struct workbench *b;

    *ret = (struct remote_write_answer){.status = 204, .text.max = WRITE_TEXT_MAX};
    if (read_content_type(r->content_type, ret) &&
        read_content_encoding(r->content_encoding, ret)) {
        b = workbench_take(w);
        take(w, b, r->body, ret);
        workbench_put(w, b);
    }
    if (ret->refused)
        selfmetric_add(&requests_refused, 1);
}
