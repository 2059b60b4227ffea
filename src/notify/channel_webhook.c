/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_webhook - Alertmanager's and notification-manager's bodies, or any other by template, to any
 * URL (alertmanager.md 5.1, kubesphere.md 4.5)
 *
 * A signature is sha256=HEX, HMAC-SHA256 of the body; with a header for the time it is of TIME.BODY, so
 * that who checks it can refuse what is old.
 */
#include <errno.h>

#include "base/file.h"
#include "net/crypto.h"
#include "notify/notify_priv.h"

#define WEBHOOK_TIMEOUT_MS 10000      /* of one attempt, when the configuration sets none */
#define URL_MAX            8192       /* bytes */
#define BODY_MAX           (4u << 20) /* bytes of a body by template */
#define SIGNATURE_HEADERS  2

static int make_url(const struct render *r, struct buf *url, struct err *err)
{
    const struct config_webhook *w = r->settings;
    CLEANUP(buf_free) struct buf text = {0};
    int status = secret_read(w->url, w->url_file, &text, err);

    if (status < 0)
        return err_in(err, status, "url_file");
    if (strstr(buf_str(&text).p, "{{"))
        status = text_render_exactly(r, text.p, URL_MAX, url, err);
    else
        buf_add_str(url, buf_str(&text));
    if (status == 0 && str_trim(buf_str(url)).len == 0)
        return err_set(err, -EINVAL, "url: is empty");
    return status < 0 ? err_in(err, status, "url") : 0;
}

static int make_body(const struct render *r, struct buf *body, struct err *err)
{
    const struct config_webhook *w = r->settings;
    struct json_writer json;
    int status = 0;

    if (w->body) {
        status = text_render_exactly(r, w->body, BODY_MAX, body, err);
    } else if (w->payload) {
        json_writer_init(&json, body, JSON_PLAIN);
        field_add_any(&json, r, w->payload, false);
        if (r->trouble->code) /* half a payload may mean anything to who gets it */
            status = err_set(err, r->trouble->code, "%s", r->trouble->msg);
    } else if (w->format == WEBHOOK_KUBESPHERE) {
        webhook_body_kubesphere(r->n, w->cluster, body);
    } else {
        webhook_body_alertmanager(r->n, r->external_url, w->max_alerts, body);
    }
    return status < 0 ? err_in(err, status, "body") : 0;
}

/* A value that breaks the line would begin another header. */
static const char *one_line(struct arena *a, const char *text)
{
    char *line = arena_strdup(a, str_c(text));

    for (char *p = line; *p; p++)
        if (*p == '\r' || *p == '\n')
            *p = ' ';
    return line;
}

static int sign(const struct render *r, struct str body, struct http_header *headers, size_t *n,
                struct err *err)
{
    const struct config_webhook *w = r->settings;
    CLEANUP(buf_free) struct buf signed_text = {0};
    CLEANUP(buf_free) struct buf hex = {0};
    uint8_t mac[32];
    const char *secret;
    int status = field_secret(r, w->sign_secret, w->sign_secret_file, "sign.secret", &secret, err);

    if (status < 0)
        return status;
    if (!*secret)
        return err_set(err, -EINVAL, "sign.secret_file: is empty");
    if (*w->sign_timestamp_header) {
        const char *now = arena_printf(r->arena, "%lld", (long long)(r->now / NS_PER_S));

        headers[(*n)++] = (struct http_header){w->sign_timestamp_header, now};
        buf_addf(&signed_text, "%s.", now);
    }
    buf_add_str(&signed_text, body);
    crypto_hmac_sha256(str_c(secret), buf_str(&signed_text), mac);
    crypto_hex(mac, sizeof mac, &hex);
    headers[(*n)++] = (struct http_header){w->sign_header,
                                           arena_printf(r->arena, "sha256=%s", hex.p)};
    return 0;
}

static int add_headers(const struct render *r, struct outgoing *o, struct err *err)
{
    const struct config_webhook *w = r->settings;
    struct http_header *headers = arena_array(r->arena, w->n_headers + SIGNATURE_HEADERS,
                                              sizeof *headers);
    size_t n = 0;

    o->headers = headers;
    for (size_t i = 0; i < w->n_headers; i++) {
        const char *value = one_line(r->arena, field_text(r, w->headers[i].value, NULL, 0));

        headers[n++] = (struct http_header){w->headers[i].name, value};
    }
    if (w->sign_secret || w->sign_secret_file) {
        int status = sign(r, o->body, headers, &n, err);

        if (status < 0)
            return status;
    }
    o->n_headers = n;
    return 0;
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_webhook *w = r->settings;
    bool has_body = strcmp(w->method, "GET") != 0 && strcmp(w->method, "DELETE") != 0;
    int status = make_url(r, url, err);

    if (status == 0 && has_body)
        status = make_body(r, body, err);
    if (status < 0)
        return status;
    *ret = (struct outgoing){
        .method = w->method,
        .url = url->p,
        .content_type = has_body ? w->content_type : NULL,
        .body = has_body ? buf_str(body) : STR_NONE,
        .http = &w->http,
        .timeout = w->timeout ? w->timeout : WEBHOOK_TIMEOUT_MS,
    };
    return add_headers(r, ret, err);
}

const struct channel channel_webhook = {.name = "webhook", .render = render};
