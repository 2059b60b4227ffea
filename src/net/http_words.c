/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "net/http_client_priv.h"

/* The peer that was being talked to: after a redirect not that of the request. */
static void add_peer(struct http_call *call, struct buf *out)
{
    CURLU *u = curl_url();
    char *url = NULL, *host = NULL, *port = NULL;
    long redirects = 0;

    curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    if (redirects > 0 && curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK &&
        curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        buf_addf(out, "%s:%s", host, port);
    else
        buf_add_c(out, call->peer);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

/* The host of host:port. */
static struct str host_of(const char *peer)
{
    const char *colon = strrchr(peer, ':');

    return str_n(peer, colon ? (size_t)(colon - peer) : strlen(peer));
}

static curl_off_t microseconds(struct http_call *call, CURLINFO what)
{
    curl_off_t t = 0;

    curl_easy_getinfo(call->easy, what, &t);
    return t;
}

/* The time is up: how far did it come? */
static void say_timeout(struct http_call *call, const char *peer, struct err *err)
{
    CLEANUP(buf_free)
    struct buf limit = {0};

    duration_print(call->timeout, &limit);
    if (microseconds(call, CURLINFO_NAMELOOKUP_TIME_T) == 0)
        err_set(err, -ETIMEDOUT, "resolve " STR_FMT ": no answer within %s",
                STR_ARG(host_of(call->proxy ? call->proxy : peer)), limit.p);
    else if (call->tls_began && microseconds(call, CURLINFO_APPCONNECT_TIME_T) == 0)
        err_set(err, -ETIMEDOUT, "TLS: %s: no answer within %s", peer, limit.p);
    else if (microseconds(call, CURLINFO_CONNECT_TIME_T) == 0)
        err_set(err, -ETIMEDOUT, "connect to %s: no answer within %s", peer, limit.p);
    else if (microseconds(call, CURLINFO_STARTTRANSFER_TIME_T) == 0)
        err_set(err, -ETIMEDOUT, "%s: no answer within %s", peer, limit.p);
    else
        err_set(err, -ETIMEDOUT, "%s: the answer was not complete within %s, %zu bytes came", peer,
                limit.p, call->body.len);
}

static void say_connect(struct http_call *call, const char *peer, struct err *err)
{
    long os_errno = 0;
    int code;

    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
    code = os_errno > 0 ? (int)-os_errno : -EIO;
    if (os_errno > 0 && call->proxy)
        err_set(err, code, "connect to %s through proxy %s: %m", peer, call->proxy);
    else if (os_errno > 0)
        err_set(err, code, "connect to %s: %m", peer);
    else
        err_set(err, code, "connect to %s: %s", peer, call->curl_words);
}

static void say_redirect(struct http_call *call, const char *peer, struct err *err)
{
    char *next = NULL;

    curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &next);
    if (next && call->https && str_has_prefix(str_c(next), STR("http:")))
        err_set(err, -EIO, "%s: redirects from https to http, that would show the credentials",
                call->peer);
    else
        err_set(err, -EIO, "%s: redirects to something that is neither http nor https", call->peer);
}

void http_words(struct http_call *call, CURLcode code, struct err *err)
{
    const char *words = call->curl_words[0] ? call->curl_words : curl_easy_strerror(code);
    CLEANUP(buf_free)
    struct buf peer = {0};

    add_peer(call, &peer);
    if (call->too_large) {
        err_set(err, -E2BIG, "%s: the answer is larger than %zu bytes", peer.p, call->max_body);
        return;
    }
    if (call->unwanted) {
        err_set(err, -ECANCELED, "%s: the answer was broken off", peer.p);
        return;
    }
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        err_set(err, -EHOSTUNREACH, "resolve " STR_FMT ": the name is not known",
                STR_ARG(host_of(peer.p)));
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        err_set(err, -EHOSTUNREACH, "resolve proxy " STR_FMT ": the name is not known",
                STR_ARG(host_of(call->proxy ? call->proxy : "")));
        break;
    case CURLE_COULDNT_CONNECT: say_connect(call, peer.p, err); break;
    case CURLE_OPERATION_TIMEDOUT: say_timeout(call, peer.p, err); break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT: err_set(err, -EPROTO, "TLS: %s: %s", peer.p, words); break;
    case CURLE_GOT_NOTHING:
        err_set(err, -EIO, "%s: closed the connection without an answer", peer.p);
        break;
    case CURLE_PARTIAL_FILE: err_set(err, -EIO, "%s: the answer ended early", peer.p); break;
    case CURLE_TOO_MANY_REDIRECTS:
        err_set(err, -EIO, "%s: more than %d redirects", call->peer, HTTP_REDIRECTS_MAX);
        break;
    case CURLE_UNSUPPORTED_PROTOCOL: say_redirect(call, peer.p, err); break;
    default:
        if (call->mail.len > 0 && call->body.len > 0)
            err_set(err, call->body.p[0] == '5' ? -EBADMSG : -EIO, "%s: %s: %s", peer.p, words,
                    call->body.p);
        else
            err_set(err, -EIO, "%s: %s", peer.p, words);
        break;
    }
}
