/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mail.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/quote.h"
#include "net/http_client_priv.h"

#define REPLY_MAX 512 /* bytes of a reply's line, RFC 5321 4.5.3.1.5 */

static bool is_encrypted_from_start(const struct smtp_options *s)
{
    return s->implicit_tls == SMTP_TLS_FROM_START ||
           (s->implicit_tls == SMTP_TLS_BY_PORT &&
            str_has_suffix(str_c(s->smarthost), STR(":465")));
}

/* Passwords in the clear stay on this machine, as net/smtp of Go has it. */
static bool may_say_plain(const struct smtp_options *s)
{
    struct str host = str_c(s->smarthost);

    return is_encrypted_from_start(s) || !s->no_tls_needed ||
           str_has_prefix(host, STR("localhost:")) || str_has_prefix(host, STR("127.0.0.1:")) ||
           str_has_prefix(host, STR("[::1]:"));
}

/* ---- what libcurl asks for ----------------------------------------------------------------- */

static size_t on_more(char *room, size_t one, size_t n, void *arg)
{
    struct http_call *call = arg;
    size_t left = call->mail.len - call->mail_sent, part = left < n ? left : n;

    memcpy(room, buf_str(&call->mail).p + call->mail_sent, part);
    call->mail_sent += part;
    return part;
}

/* libcurl says QUIT when nothing that matters follows, and waits for the answer, and the loop with it:
 * it gets the end of the stream instead. */
static int on_trace(CURL *easy, curl_infotype type, char *bytes, size_t n, void *arg)
{
    struct http_call *call = arg;

    if (type == CURLINFO_HEADER_OUT && str_has_prefix(str_n(bytes, n), STR("QUIT")) &&
        call->mail_fd >= 0)
        shutdown(call->mail_fd, SHUT_RD);
    return 0;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    ((struct http_call *)arg)->mail_fd = fd;
    return CURL_SOCKOPT_OK;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct http_call *call = arg;

    if (call->mail_fd == fd)
        call->mail_fd = -1;
    return close(fd);
}

/* The server's replies come this way, line by line; the last one says what became of it, but for
 * the one to QUIT. */
static size_t on_reply(char *line, size_t one, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct str words = str_trim(str_n(line, n));

    if (str_has_prefix(words, STR("221")))
        return n;
    buf_reset(&call->body);
    buf_add(&call->body, words.p, str_utf8_prefix(words, REPLY_MAX));
    return n;
}

/* ---- setup --------------------------------------------------------------------------------- */

static int set_server(struct http_call *call, const struct smtp_options *s, struct err *err)
{
    bool encrypted = is_encrypted_from_start(s);
    CLEANUP(buf_free) struct buf url = {0};

    buf_addf(&url, "%s://%s/", encrypted ? "smtps" : "smtp", s->smarthost);
    quote_add_url(&url, str_c(s->hello));
    call->peer = mem_strdup(s->smarthost);
    SET(call, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(call, CURLOPT_USE_SSL, (long)(s->no_tls_needed ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    http_set_tls(call, &s->tls);
    return http_set_server(call, url.p, s->tls.server_name, err);
}

/* The server offers mechanisms, libcurl takes one of those for which there is a secret. */
static int set_user(struct http_call *call, const struct smtp_options *s, struct err *err)
{
    CLEANUP(buf_free) struct buf secret = {0};
    bool has_password = s->password || s->password_file, has_secret = s->secret || s->secret_file;
    int e;

    if (!s->username || !s->username[0] || (!has_password && !has_secret))
        return 0;
    if (has_password)
        e = secret_read(s->password, s->password_file, &secret, err);
    else
        e = secret_read(s->secret, s->secret_file, &secret, err);
    if (e < 0)
        return err_in(err, e, has_password ? "auth_password_file" : "auth_secret_file");
    SET(call, CURLOPT_USERNAME, s->username);
    SET(call, CURLOPT_PASSWORD, buf_str(&secret).p);
    if (s->identity && s->identity[0])
        SET(call, CURLOPT_SASL_AUTHZID, s->identity);
    SET(call, CURLOPT_LOGIN_OPTIONS,
        !has_password      ? "AUTH=CRAM-MD5"
        : may_say_plain(s) ? "AUTH=PLAIN;AUTH=LOGIN"
                           : "AUTH=LOGIN");
    return 0;
}

static void set_envelope(struct http_call *call, struct str envelope)
{
    CLEANUP(buf_free) struct buf address = {0};

    buf_add_str(&address, str_cut(&envelope, '\n'));
    SET(call, CURLOPT_MAIL_FROM, buf_str(&address).p);
    while (envelope.len > 0) {
        buf_reset(&address);
        buf_add_str(&address, str_cut(&envelope, '\n'));
        call->recipients = curl_slist_append(call->recipients, address.p);
    }
    SET(call, CURLOPT_MAIL_RCPT, call->recipients);
}

static void set_message(struct http_call *call, struct str message)
{
    buf_add_str(&call->mail, message);
    SET(call, CURLOPT_UPLOAD, 1L);
    SET(call, CURLOPT_READFUNCTION, on_more);
    SET(call, CURLOPT_READDATA, call);
    SET(call, CURLOPT_INFILESIZE_LARGE, (curl_off_t)message.len);
    SET(call, CURLOPT_HEADERFUNCTION, on_reply);
    SET(call, CURLOPT_HEADERDATA, call);
}

static int mail_setup(struct http_call *call, const struct mail_request *r, struct err *err)
{
    int e;

    must(r->timeout > 0);
    call->timeout = r->timeout;
    must((call->easy = curl_easy_init()));
    http_set_basics(call);
    SET(call, CURLOPT_PROXY, "");
    /* libcurl waits for the answer to QUIT: a server that owes it holds the loop up no longer. */
    SET(call, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(r->timeout / 1000 + 1));
    call->mail_fd = -1;
    SET(call, CURLOPT_SOCKOPTFUNCTION, on_socket);
    SET(call, CURLOPT_SOCKOPTDATA, call);
    SET(call, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(call, CURLOPT_CLOSESOCKETDATA, call);
    SET(call, CURLOPT_VERBOSE, 1L);
    SET(call, CURLOPT_DEBUGFUNCTION, on_trace);
    SET(call, CURLOPT_DEBUGDATA, call);
    SET(call, CURLOPT_FORBID_REUSE, 1L);
    SET(call, CURLOPT_FRESH_CONNECT, 1L);
    e = set_server(call, r->smtp, err);
    if (e == 0)
        e = set_user(call, r->smtp, err);
    if (e < 0)
        return e;
    set_envelope(call, r->envelope);
    set_message(call, r->message);
    return 0;
}

struct http_call *mail_call_start(struct http_client *c, const struct mail_request *r,
                                  http_done *done, void *arg)
{
    struct http_call *call = mem_zalloc(sizeof *call);

    return http_call_begin(c, call, mail_setup(call, r, &call->failed), done, arg);
}
