/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write - POST /api/v1/write: the receiver of remote write
 *
 * Plain text, no envelope. A request that is not taken as it came is a loss that its sender may not
 * show anybody, so it stands in our log; lines of one cause fold.
 */
#include <stdio.h>

#include "api/api_priv.h"
#include "base/log.h"
#include "base/mem.h"
#include "remote/remote.h"

static void add_count(struct http_exchange *x, const char *header, size_t n)
{
    char text[24];

    snprintf(text, sizeof text, "%zu", n);
    http_header_out(x, header, text);
}

static void log_losses(struct http_exchange *x, const struct remote_write_answer *a)
{
    CLEANUP(mem_freep) char *peer = str_dup(http_peer(x));

    if (a->n_skipped > 0)
        log_event(LOG_WARN, "remote_write_skipped", "from", peer, "why", a->skipped, "series",
                  a->skipped_labels.p, NULL);
    if (a->status >= 500)
        log_event(LOG_ERROR, "remote_write_failed", "from", peer, "error", a->text.p, NULL);
    else if (a->refused)
        log_event(LOG_WARN, "remote_write_refused", "from", peer, "why", a->refused, NULL);
}

static void reply(struct http_exchange *x, struct remote_write_answer *a)
{
    if (a->version == REMOTE_WRITE_2_0) {
        add_count(x, "X-Prometheus-Remote-Write-Samples-Written", a->samples);
        add_count(x, "X-Prometheus-Remote-Write-Histograms-Written", a->histograms);
        add_count(x, "X-Prometheus-Remote-Write-Exemplars-Written", a->exemplars);
    }
    if (a->status == 204) {
        http_reply(x, 204, NULL, NULL);
        return;
    }
    http_header_out(x, "X-Content-Type-Options", "nosniff");
    a->text.max = 0; /* room for the end of its last line */
    buf_add_byte(&a->text, '\n');
    http_reply_text(x, a->status, a->text.p);
}

void api_write(const struct request *r)
{
    struct http_exchange *x = r->http;
    struct remote_write_request request = {http_body(x), http_header_in(x, "Content-Type"),
                                           http_header_in(x, "Content-Encoding")};
    struct remote_write_answer a;

    if (!str_eq(http_method(x), STR("POST"))) {
        api_refuse_method(x, "OPTIONS, POST");
        return;
    }
    if (!r->api->ready(r->api->self)) {
        api_not_ready(x);
        return;
    }
    if (!r->api->remote_write) {
        http_reply_text(x, 404,
                        "remote write receiver needs to be enabled with "
                        "--web.enable-remote-write-receiver\n");
        return;
    }
    remote_write_take(r->api->remote_write, &request, &a);
    log_losses(x, &a);
    reply(x, &a);
    remote_write_answer_deinit(&a);
}
