/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_email - mail (alertmanager.md 5.2): the envelope, the header, the parts
 *
 *     header fields, MIME-Version, Content-Type: multipart/alternative
 *     --boundary   text/plain, quoted-printable   when a text is configured
 *     --boundary   text/html, quoted-printable    unless html is ""
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "net/crypto.h"
#include "notify/mime.h"
#include "notify/notify_priv.h"

#define EMAIL_TIMEOUT_MS 30000
#define ADDRESSES_MAX    16384      /* bytes of a list of addresses */
#define HEADER_MAX       2000       /* bytes of another header's value */
#define PART_MAX         (1u << 20) /* bytes of a part; mail servers take some MB in all */

/* ---- header -------------------------------------------------------------------------------- */

static bool is_configured(const struct config_email *c, const char *name)
{
    for (size_t i = 0; i < c->n_headers; i++)
        if (strcasecmp(c->headers[i].name, name) == 0)
            return true;
    return false;
}

static void add_header(struct buf *out, const char *name, const struct buf *value)
{
    buf_addf(out, "%s: ", name);
    mime_add_words(out, buf_str(value));
    buf_add_c(out, "\r\n");
}

static void add_configured(const struct render *r, struct buf *out)
{
    const struct config_email *c = r->settings;

    for (size_t i = 0; i < c->n_headers; i++) {
        CLEANUP(buf_free) struct buf value = {0};

        text_render(r, c->headers[i].value, "email.default.subject", true, HEADER_MAX, &value);
        add_header(out, c->headers[i].name, &value);
    }
    if (!is_configured(c, "Subject")) {
        CLEANUP(buf_free) struct buf value = {0};

        text_render(r, NULL, "email.default.subject", true, HEADER_MAX, &value);
        add_header(out, "Subject", &value);
    }
}

/* Mail programs show the mails of a group under the first one: all refer to one that never was. */
static void add_thread(const struct render *r, struct buf *out)
{
    const struct config_email *c = r->settings;
    CLEANUP(buf_free) struct buf id = {0};
    time_t now = (time_t)(r->now / NS_PER_S);
    char day[16] = "";
    struct tm tm;
    uint8_t hash[32];

    crypto_sha256(str_c(r->n->group_key), hash);
    crypto_hex(hash, 8, &id);
    if (c->thread_daily && localtime_r(&now, &tm))
        strftime(day, sizeof day, "%Y-%m-%d", &tm);
    for (int i = 0; i < 2; i++)
        buf_addf(out, "%s: <alert-%s-%s@alertmanager>\r\n", i ? "In-Reply-To" : "References", id.p,
                 day);
}

static void add_date(unix_ns now, struct buf *out)
{
    time_t seconds = (time_t)(now / NS_PER_S);
    char text[64];
    struct tm tm;

    if (localtime_r(&seconds, &tm) && strftime(text, sizeof text, "%a, %d %b %Y %T %z", &tm) > 0)
        buf_addf(out, "Date: %s\r\n", text);
}

static void add_random(struct buf *out)
{
    uint8_t bits[16];

    crypto_random(bits, sizeof bits);
    crypto_hex(bits, sizeof bits, out);
}

static void add_message_id(unix_ns now, struct buf *out)
{
    char host[256];

    if (gethostname(host, sizeof host) < 0)
        snprintf(host, sizeof host, "localhost");
    host[sizeof host - 1] = '\0';
    buf_addf(out, "Message-Id: <%lld.", (long long)now);
    add_random(out);
    buf_addf(out, "@%s>\r\n", host);
}

/* ---- parts --------------------------------------------------------------------------------- */

static void add_part(const struct render *r, const char *text, bool html, const char *boundary,
                     struct buf *out)
{
    CLEANUP(buf_free) struct buf content = {0};
    struct render as = *r;

    if (!*text)
        return;
    as.html = html;
    text_render(&as, text, html ? "email.default.html" : "tocsin.en.text", true, PART_MAX,
                &content);
    buf_addf(out,
             "--%s\r\nContent-Transfer-Encoding: quoted-printable\r\n"
             "Content-Type: text/%s; charset=UTF-8\r\n\r\n",
             boundary, html ? "html" : "plain");
    mime_add_quoted_printable(out, buf_str(&content));
    buf_add_c(out, "\r\n");
}

static void add_parts(const struct render *r, struct buf *out)
{
    const struct config_email *c = r->settings;
    CLEANUP(buf_free) struct buf boundary = {0};

    add_random(&boundary);
    buf_addf(out, "Content-Type: multipart/alternative;  boundary=%s\r\nMIME-Version: 1.0\r\n\r\n",
             boundary.p);
    add_part(r, c->text ? c->text : "", false, boundary.p, out);
    add_part(r, c->html ? c->html : "", true, boundary.p, out);
    buf_addf(out, "--%s--\r\n", boundary.p);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Renders a list of addresses: its addresses to the envelope, the list itself to the header. */
static int add_addresses(const struct render *r, const char *name, const char *list, size_t most,
                         struct buf *envelope, struct buf *out, struct err *err)
{
    const struct config_email *c = r->settings;
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf value = {0};
    size_t n = 0;
    int status = text_render_exactly(r, list, ADDRESSES_MAX, &text, err);

    if (status == 0)
        status = mime_read_addresses(buf_str(&text), envelope, &value, &n, err);
    if (status == 0 && n > most)
        status = err_set(err, -EINVAL, "%zu addresses, expected one", n);
    if (status < 0)
        return err_in(err, status, "%s", name);
    if (!is_configured(c, name))
        buf_addf(out, "%s: %.*s\r\n", name, STR_ARG(buf_str(&value)));
    return 0;
}

static int render(const struct render *r, struct buf *envelope, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_email *c = r->settings;
    int status = add_addresses(r, "From", c->from, 1, envelope, body, err);

    if (status == 0)
        status = add_addresses(r, "To", c->to, SIZE_MAX, envelope, body, err);
    if (status < 0)
        return status;
    add_configured(r, body);
    if (!is_configured(c, "Message-Id"))
        add_message_id(r->now, body);
    if (c->threaded)
        add_thread(r, body);
    if (!is_configured(c, "Date"))
        add_date(r->now, body);
    add_parts(r, body);
    *ret = (struct outgoing){.method = "MAIL",
                             .url = c->smtp.smarthost,
                             .body = buf_str(body),
                             .smtp = &c->smtp,
                             .envelope = buf_str(envelope),
                             .timeout = EMAIL_TIMEOUT_MS};
    return 0;
}

const struct channel channel_email = {.name = "email", .render = render};
