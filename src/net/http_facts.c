/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_client_priv.h"

#define HEADERS_MAX (256u << 10) /* bytes of an answer's headers; more are not looked at */

void http_facts_deinit(struct http_facts *f)
{
    buf_free(&f->headers);
    free(f->redirect);
    tls_facts_deinit(&f->tls);
    *f = (struct http_facts){0};
}

/* A line of the headers; "HTTP/..." begins those of another answer (100, a proxy's). */
static size_t on_header(char *bytes, size_t one, size_t n, void *arg)
{
    struct buf *headers = &((struct http_call *)arg)->facts->headers;
    struct str line = str_trim(str_n(bytes, n));

    if (str_has_prefix(line, STR("HTTP/")))
        buf_reset(headers);
    else if (line.len && headers->len + line.len < HEADERS_MAX)
        buf_addf(headers, STR_FMT "\n", STR_ARG(line));
    return n;
}

void http_facts_setup(struct http_call *call)
{
    http_facts_deinit(call->facts);
    SET(call, CURLOPT_HEADERFUNCTION, on_header);
    SET(call, CURLOPT_HEADERDATA, call);
    /* All that is measured has to take place: no kept connection, no resumed session. */
    SET(call, CURLOPT_FRESH_CONNECT, 1L);
    SET(call, CURLOPT_FORBID_REUSE, 1L);
    SET(call, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static mono_ns time_of(CURL *easy, CURLINFO what)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, what, &us);
    return us * 1000;
}

void http_facts_fill(struct http_call *call)
{
    struct http_facts *f = call->facts;
    CURL *easy = call->easy;
    curl_off_t length = -1;
    long status = 0, version = 0;
    char *redirect = NULL;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    f->status = (int)status;
    f->version = version == CURL_HTTP_VERSION_1_0   ? 10
                 : version == CURL_HTTP_VERSION_1_1 ? 11
                 : version == CURL_HTTP_VERSION_2_0 ? 20
                                                    : 0;
    f->redirect = redirect ? mem_strdup(redirect) : NULL;
    f->content_length = length;
    f->body_bytes = call->body_bytes;
    f->t_resolve = time_of(easy, CURLINFO_NAMELOOKUP_TIME_T);
    f->t_connect = time_of(easy, CURLINFO_CONNECT_TIME_T);
    f->t_tls = time_of(easy, CURLINFO_APPCONNECT_TIME_T);
    f->t_first_byte = time_of(easy, CURLINFO_STARTTRANSFER_TIME_T);
    f->t_total = time_of(easy, CURLINFO_TOTAL_TIME_T);
}
