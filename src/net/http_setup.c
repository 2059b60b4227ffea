/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/http_client_priv.h"
#include "net/tls_priv.h"

#define KEEPALIVE_IDLE_S     30L
#define KEEPALIVE_INTERVAL_S 10L

static void free_url(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void free_text(char **s)
{
    curl_free(*s);
}

/* ---- the URL ------------------------------------------------------------------------------- */

static char *url_part(CURLU *u, CURLUPart what, unsigned flags)
{
    char *got = NULL;

    return curl_url_get(u, what, &got, flags) == CURLUE_OK ? got : NULL;
}

static int read_peer(CURLU *u, const char *url, char **ret, struct err *err)
{
    CLEANUP(free_text) char *host = NULL;
    CLEANUP(free_text) char *port = NULL;
    struct buf text = {0};
    CURLUcode code = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);

    if (code != CURLUE_OK) /* the URL itself is not shown, tokens of webhooks stand in it */
        return err_set(err, -EIO, "URL: %s", curl_url_strerror(code));
    host = url_part(u, CURLUPART_HOST, 0);
    port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (!host || !host[0])
        return err_set(err, -EIO, "URL: no host in it");
    buf_addf(&text, "%s:%s", host, port ? port : "?");
    *ret = buf_take(&text);
    return 0;
}

static void set_lead(struct http_call *call, const char *lead)
{
    curl_slist_free_all(call->connect_to);
    call->connect_to = curl_slist_append(NULL, lead);
    SET(call, CURLOPT_CONNECT_TO, call->connect_to);
}

/*
 * A server name other than the host: libcurl takes what it verifies and what it asks for (SNI) from
 * the URL. So the URL gets that name, the connection is led to the real host, and the Host header
 * stays what it was.
 */
static void set_server_name(struct http_call *call, CURLU *u, const char *name,
                            bool has_host_header)
{
    CLEANUP(buf_free)
    struct buf lead = {0}, header = {0};
    CLEANUP(free_text) char *host = url_part(u, CURLUPART_HOST, 0);
    CLEANUP(free_text) char *port = url_part(u, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);

    buf_addf(&header, port ? "Host: %s:%s" : "Host: %s", host, port);
    if (!has_host_header)
        call->headers = curl_slist_append(call->headers, header.p);
    if (curl_url_set(u, CURLUPART_HOST, name, 0) != CURLUE_OK)
        return; /* no name that could stand in a certificate: the verification will say so */
    buf_addf(&lead, "%s:%s:%s", name, port ? port : "443", call->peer);
    set_lead(call, lead.p);
}

/* The name is not looked up: the address is known. */
static void set_address(struct http_call *call, CURLU *u, const char *address)
{
    CLEANUP(buf_free) struct buf lead = {0};
    CLEANUP(free_text) char *host = url_part(u, CURLUPART_HOST, 0);
    CLEANUP(free_text) char *port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);

    buf_addf(&lead, strchr(address, ':') ? "%s:%s:[%s]:%s" : "%s:%s:%s:%s", host, port, address,
             port);
    set_lead(call, lead.p);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void set_pem(struct http_call *call, CURLoption file_option, const char *file,
                    CURLoption blob_option, const char *text)
{
    struct curl_blob blob = {(void *)(uintptr_t)text, text ? strlen(text) : 0, CURL_BLOB_COPY};

    if (text)
        SET(call, blob_option, &blob);
    else if (file)
        SET(call, file_option, file);
}

static long lowest_version(int v)
{
    return v == 10   ? CURL_SSLVERSION_TLSv1_0
           : v == 11 ? CURL_SSLVERSION_TLSv1_1
           : v == 13 ? CURL_SSLVERSION_TLSv1_3
                     : CURL_SSLVERSION_TLSv1_2; /* Go's default */
}

static long highest_version(int v)
{
    return v == 10   ? CURL_SSLVERSION_MAX_TLSv1_0
           : v == 11 ? CURL_SSLVERSION_MAX_TLSv1_1
           : v == 12 ? CURL_SSLVERSION_MAX_TLSv1_2
           : v == 13 ? CURL_SSLVERSION_MAX_TLSv1_3
                     : CURL_SSLVERSION_MAX_DEFAULT;
}

/* libcurl tells no times before the handshake is through; this it calls when the handshake begins.
 */
static CURLcode on_tls_begins(CURL *easy, void *ssl_context, void *arg)
{
    struct http_call *call = arg;

    call->tls_began = true;
    if (call->facts)
        tls_facts_watch(&call->facts->tls, ssl_context);
    return CURLE_OK;
}

void http_set_tls(struct http_call *call, const struct tls_options *t)
{
    SET(call, CURLOPT_SSL_CTX_FUNCTION, on_tls_begins);
    SET(call, CURLOPT_SSL_CTX_DATA, call);
    if (t->ca || t->ca_file)
        SET(call, CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted besides */
    set_pem(call, CURLOPT_CAINFO, t->ca_file, CURLOPT_CAINFO_BLOB, t->ca);
    set_pem(call, CURLOPT_SSLCERT, t->cert_file, CURLOPT_SSLCERT_BLOB, t->cert);
    set_pem(call, CURLOPT_SSLKEY, t->key_file, CURLOPT_SSLKEY_BLOB, t->key);
    SET(call, CURLOPT_SSLVERSION, lowest_version(t->min_version) | highest_version(t->max_version));
    if (t->min_version == 10 ||
        t->min_version == 11) /* their signatures are below Debian's level */
        SET(call, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0");
    if (t->insecure_skip_verify) {
        SET(call, CURLOPT_SSL_VERIFYPEER, 0L);
        SET(call, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* ---- headers and body ---------------------------------------------------------------------- */

static const char *find_header(const struct http_header *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(headers[i].name, name) == 0)
            return headers[i].value;
    return NULL;
}

static int add_header(struct http_call *call, const char *name, const char *value, struct err *err)
{
    CLEANUP(buf_free)
    struct buf line = {0};

    if (!name[0] || strpbrk(name, "\r\n:") || strpbrk(value, "\r\n"))
        return err_set(err, -EIO, "header %.40s: a line break or a colon where none may be", name);
    buf_addf(&line, value[0] ? "%s: %s" : "%s;", name, value);
    call->headers = curl_slist_append(call->headers, line.p);
    return 0;
}

/* A header of the request replaces one of the options with the same name. */
static int add_headers(struct http_call *call, const struct http_request *r,
                       const struct http_options *o, struct err *err)
{
    int e = 0;

    /* libcurl would wait a second for "100 Continue" before larger bodies, and name a type by
     * itself. */
    call->headers = curl_slist_append(call->headers, "Expect:");
    if (!find_header(r->headers, r->n_headers, "Content-Type") &&
        !find_header(o->headers, o->n_headers, "Content-Type"))
        call->headers = curl_slist_append(call->headers, "Content-Type:");
    for (size_t i = 0; e == 0 && i < o->n_headers; i++)
        if (!find_header(r->headers, r->n_headers, o->headers[i].name))
            e = add_header(call, o->headers[i].name, o->headers[i].value, err);
    for (size_t i = 0; e == 0 && i < r->n_headers; i++)
        e = add_header(call, r->headers[i].name, r->headers[i].value, err);
    return e;
}

static bool has_basic(const struct http_options *o)
{
    return o->basic_username || o->basic_username_file;
}

static bool has_authorization(const struct http_options *o)
{
    return o->authorization_credentials || o->authorization_credentials_file;
}

static int set_credentials(struct http_call *call, const struct http_options *o, struct err *err)
{
    CLEANUP(buf_free) struct buf user = {0}, password = {0}, value = {0};
    int e;

    if (has_authorization(o)) {
        buf_addf(&value, "%s ", o->authorization_type ? o->authorization_type : "Bearer");
        e = secret_read(o->authorization_credentials, o->authorization_credentials_file, &value,
                        err);
        return e < 0 ? e : add_header(call, "Authorization", value.p, err);
    }
    if (!has_basic(o))
        return 0;
    if ((e = secret_read(o->basic_username, o->basic_username_file, &user, err)) < 0 ||
        (e = secret_read(o->basic_password, o->basic_password_file, &password, err)) < 0)
        return e;
    SET(call, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    SET(call, CURLOPT_USERNAME, user.len ? user.p : "");
    SET(call, CURLOPT_PASSWORD, password.len ? password.p : "");
    return 0;
}

/* GET, HEAD and POST by libcurl's own options: a redirect may turn a POST into a GET, not other
 * methods. */
static void set_method(struct http_call *call, const struct http_request *r)
{
    bool post = strcmp(r->method, "POST") == 0;

    if (r->body.p || post) {
        SET(call, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        SET(call, CURLOPT_COPYPOSTFIELDS, r->body.p ? r->body.p : "");
    } else if (strcmp(r->method, "HEAD") == 0) {
        SET(call, CURLOPT_NOBODY, 1L);
    }
    if (!post && (r->body.p || (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)))
        SET(call, CURLOPT_CUSTOMREQUEST, r->method);
}

static bool is_streamed(struct http_call *call)
{
    long status = 0;

    if (!call->on_data)
        return false;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
    struct http_call *call = arg;

    if (is_streamed(call)) {
        call->unwanted = !call->on_data(str_n(bytes, n), call->arg);
        return call->unwanted ? CURL_WRITEFUNC_ERROR : n;
    }
    if (n > call->max_body - call->body_bytes) {
        call->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    call->body_bytes += n;
    if (!call->discard_body)
        buf_add(&call->body, bytes, n);
    return n;
}

/* ---- ways ---------------------------------------------------------------------------------- */

static int set_proxy(struct http_call *call, const struct http_options *o, struct err *err)
{
    CLEANUP(free_url) CURLU *u = curl_url();

    /* An empty one switches off what the environment says: the configuration says all. */
    SET(call, CURLOPT_PROXY, o->proxy_url ? o->proxy_url : "");
    SET(call, CURLOPT_NOPROXY, o->no_proxy ? o->no_proxy : "");
    if (o->proxy_url && o->proxy_url[0] && read_peer(u, o->proxy_url, &call->proxy, err) < 0)
        return err_in(err, err ? err->code : -EIO, "proxy");
    return 0;
}

static bool has_credentials(CURLU *u, const struct http_request *r, const struct http_options *o)
{
    CLEANUP(free_text) char *user = url_part(u, CURLUPART_USER, 0);

    return user || has_basic(o) || has_authorization(o) || o->tls.cert || o->tls.cert_file ||
           find_header(o->headers, o->n_headers, "Authorization") ||
           find_header(r->headers, r->n_headers, "Authorization");
}

static void set_redirects(struct http_call *call, bool with_credentials)
{
    SET(call, CURLOPT_FOLLOWLOCATION, 1L);
    SET(call, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
    if (call->https && with_credentials)
        SET(call, CURLOPT_REDIR_PROTOCOLS_STR, "https");
}

void http_set_basics(struct http_call *call)
{
    SET(call, CURLOPT_ERRORBUFFER, call->curl_words);
    SET(call, CURLOPT_PRIVATE, call);
    SET(call, CURLOPT_NOSIGNAL, 1L);
    /* Of a body that comes over minutes the peer may be gone and nothing tell it. */
    SET(call, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(call, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    SET(call, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    /* A call that ends while its name is being resolved must not wait for the resolver's thread. */
    SET(call, CURLOPT_QUICK_EXIT, 1L);
    SET(call, CURLOPT_TIMEOUT_MS, (long)call->timeout);
    SET(call, CURLOPT_CONNECTTIMEOUT_MS, (long)call->timeout);
}

static long http_version(const struct http_call *call, const struct http_request *r)
{
    return r->http2_only && !call->https ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
           : r->http2 || r->http2_only   ? CURL_HTTP_VERSION_2TLS
                                         : CURL_HTTP_VERSION_1_1;
}

static void set_http(struct http_call *call, const struct http_request *r)
{
    SET(call, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(call, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(call, CURLOPT_WRITEFUNCTION, on_body);
    SET(call, CURLOPT_WRITEDATA, call);
    if (r->accept_gzip)
        SET(call, CURLOPT_ACCEPT_ENCODING, "gzip");
}

int http_set_server(struct http_call *call, const char *address, const char *server_name,
                    struct err *err)
{
    CLEANUP(free_url) CURLU *u = curl_url();
    CLEANUP(free_text) char *url = NULL;
    CURLUcode code = curl_url_set(u, CURLUPART_URL, address, 0);

    if (code != CURLUE_OK)
        return err_set(err, -EIO, "%s: %s", call->peer, curl_url_strerror(code));
    if (server_name && server_name[0])
        set_server_name(call, u, server_name, true);
    must((url = url_part(u, CURLUPART_URL, 0)));
    SET(call, CURLOPT_URL, url);
    return 0;
}

static int set_url(struct http_call *call, CURLU *u, const struct http_request *r,
                   const struct http_options *o, struct err *err)
{
    CLEANUP(free_text) char *scheme = url_part(u, CURLUPART_SCHEME, 0);
    CLEANUP(free_text) char *url = NULL;
    struct str host = str_c(call->peer);

    call->https = scheme && strcmp(scheme, "https") == 0;
    if (!call->https && (!scheme || strcmp(scheme, "http") != 0))
        return err_set(err, -EIO, "URL: \"%.20s\" is neither http nor https", scheme ? scheme : "");
    host.len = (size_t)(strrchr(call->peer, ':') - call->peer);
    if (call->https && o->tls.server_name && !str_eq_c(host, o->tls.server_name))
        set_server_name(call, u, o->tls.server_name,
                        find_header(r->headers, r->n_headers, "Host") ||
                            find_header(o->headers, o->n_headers, "Host"));
    if (r->address)
        set_address(call, u, r->address);
    must((url = url_part(u, CURLUPART_URL, 0)));
    SET(call, CURLOPT_URL, url);
    return 0;
}

int http_setup(struct http_call *call, const struct http_request *r, struct err *err)
{
    static const struct http_options none;
    const struct http_options *o = r->options ? r->options : &none;
    CLEANUP(free_url) CURLU *u = curl_url();
    int e;

    must(r->timeout > 0);
    call->timeout = r->timeout;
    call->max_body = r->max_body;
    call->on_data = r->on_data;
    call->discard_body = r->discard_body;
    call->wanted_header = r->wanted_header;
    call->facts = r->facts;
    must((call->easy = curl_easy_init()));
    http_set_basics(call);
    set_http(call, r);
    if (call->facts)
        http_facts_setup(call);
    if ((e = read_peer(u, r->url, &call->peer, err)) < 0 || (e = set_url(call, u, r, o, err)) < 0 ||
        (e = add_headers(call, r, o, err)) < 0 || (e = set_credentials(call, o, err)) < 0 ||
        (e = set_proxy(call, o, err)) < 0)
        return e;
    SET(call, CURLOPT_HTTP_VERSION, http_version(call, r));
    set_method(call, r);
    SET(call, CURLOPT_HTTPHEADER, call->headers);
    http_set_tls(call, &o->tls); /* of plain HTTP, too: a redirect may lead to https */
    if (o->follow_redirects)
        set_redirects(call, has_credentials(u, r, o));
    return 0;
}
