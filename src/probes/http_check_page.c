/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <time.h>

#include "base/clock.h"
#include "base/regex.h"
#include "probes/http_check_priv.h"

/* What Go's zero time is in seconds of Unix time: no chain was verified. */
#define NO_CHAIN (-62135596800.0)

/* ---- times --------------------------------------------------------------------------------- */

static double between(mono_ns from, mono_ns to)
{
    return to > from ? (double)(to - from) / 1e9 : 0;
}

void http_outcome_add_phases(struct http_outcome *o)
{
    const struct http_facts *f = &o->facts;
    mono_ns ready = f->t_tls > f->t_connect ? f->t_tls : f->t_connect;

    o->seconds[PHASE_CONNECT] += between(f->t_resolve, f->t_connect);
    o->seconds[PHASE_TLS] += between(f->t_connect, f->t_tls);
    if (f->t_first_byte == 0)
        return;
    o->seconds[PHASE_PROCESSING] += between(ready, f->t_first_byte);
    o->seconds[PHASE_TRANSFER] += between(f->t_first_byte, f->t_total);
}

/* ---- is it as it has to be? ---------------------------------------------------------------- */

static int check_status(const struct http_outcome *o, const struct config_http_check *h,
                        struct err *err)
{
    int status = o->facts.status;

    for (size_t i = 0; i < h->n_valid_status_codes; i++)
        if (h->valid_status_codes[i] == (uint64_t)status)
            return 0;
    if (h->n_valid_status_codes == 0 && status >= 200 && status < 300)
        return 0;
    return err_set(err, -EPROTO, "status %d, expected %s", status,
                   h->n_valid_status_codes ? "one of valid_status_codes" : "200 to 299");
}

/* The next value of a header; rest is what follows it. */
static bool next_header(struct str *rest, const char *name, struct str *ret)
{
    while (rest->len) {
        struct str line = str_cut(rest, '\n'), key = str_trim(str_cut(&line, ':'));

        if (str_eq_nocase(key, str_c(name))) {
            *ret = str_trim(line);
            return true;
        }
    }
    return false;
}

static int check_header(const struct http_outcome *o, const struct config_header_pattern *p,
                        bool must_match, struct err *err)
{
    struct str rest = buf_str(&o->facts.headers), value;
    bool present = false, matched = false;

    while (next_header(&rest, p->header, &value)) {
        present = true;
        matched = matched || regex_match(p->regex, value);
    }
    if (!present && p->allow_missing)
        return 0;
    if (!present)
        return err_set(err, -EPROTO, "the answer has no header %s", p->header);
    if (matched != must_match)
        return err_set(err, -EPROTO, "header %s %s \"" STR_FMT "\"", p->header,
                       must_match ? "does not match" : "matches", STR_ARG(regex_pattern(p->regex)));
    return 0;
}

static int check_headers(const struct http_outcome *o, const struct config_http_check *h,
                         struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < h->n_header_matches; i++)
        r = check_header(o, &h->header_matches[i], false, err);
    for (size_t i = 0; r == 0 && i < h->n_header_not_matches; i++)
        r = check_header(o, &h->header_not_matches[i], true, err);
    return r;
}

static int check_body(const struct config_http_check *h, struct str body, struct err *err)
{
    for (size_t i = 0; i < h->n_body_matches; i++)
        if (regex_match(h->body_matches[i], body))
            return err_set(err, -EPROTO, "the body matches \"" STR_FMT "\"",
                           STR_ARG(regex_pattern(h->body_matches[i])));
    for (size_t i = 0; i < h->n_body_not_matches; i++)
        if (!regex_match(h->body_not_matches[i], body))
            return err_set(err, -EPROTO, "the body does not match \"" STR_FMT "\"",
                           STR_ARG(regex_pattern(h->body_not_matches[i])));
    return 0;
}

static const char *version_name(int version)
{
    return version == 10 ? "HTTP/1.0" : version == 11 ? "HTTP/1.1" : "HTTP/2.0";
}

static int check_version(const struct http_outcome *o, const struct config_http_check *h,
                         struct err *err)
{
    const char *name = version_name(o->facts.version);

    for (size_t i = 0; i < h->n_valid_http_versions; i++)
        if (strcmp(name, h->valid_http_versions[i]) == 0)
            return 0;
    if (h->n_valid_http_versions == 0)
        return 0;
    return err_set(err, -EPROTO, "the answer is in %s, which is none of valid_http_versions", name);
}

static int check_ssl(const struct http_outcome *o, const struct config_http_check *h,
                     struct err *err)
{
    if (o->https && h->fail_if_ssl)
        return err_set(err, -EPROTO, "the answer came over TLS, and fail_if_ssl is set");
    if (!o->https && h->fail_if_not_ssl)
        return err_set(err, -EPROTO, "the answer came without TLS, and fail_if_not_ssl is set");
    return 0;
}

int http_outcome_judge(struct http_outcome *o, const struct config_http_check *h, struct str body,
                       const char **ret_step, struct err *err)
{
    int r = check_status(o, h, err);

    *ret_step = "status";
    if (r == 0) {
        *ret_step = "headers";
        r = check_headers(o, h, err);
        if (r == 0) {
            *ret_step = "body";
            r = check_body(h, body, err);
        }
        o->failed_by_pattern = r < 0;
    }
    if (r == 0) {
        *ret_step = "version";
        r = check_version(o, h, err);
    }
    if (r == 0) {
        *ret_step = "tls";
        r = check_ssl(o, h, err);
    }
    return r;
}

/* ---- the page ------------------------------------------------------------------------------ */

static struct str copied(struct metric_page *page, const char *text)
{
    return arena_str(&page->arena, str_c(text ? text : ""));
}

void tls_facts_page(const struct tls_facts *f, struct metric_page *page, bool with_cipher)
{
    if (!f->seen)
        return;
    metric_page_gauge(page, "probe_ssl_earliest_cert_expiry", (double)f->earliest_expiry,
                      NO_LABELS);
    metric_page_gauge(page, "probe_ssl_last_chain_expiry_timestamp_seconds",
                      f->verified ? (double)f->chain_expiry : NO_CHAIN, NO_LABELS);
    metric_page_gauge(page, "probe_ssl_last_chain_info", 1,
                      LABELS({STR("fingerprint_sha256"), copied(page, f->fingerprint)},
                             {STR("issuer"), copied(page, f->issuer)},
                             {STR("serialnumber"), copied(page, f->serial)},
                             {STR("subject"), copied(page, f->subject)},
                             {STR("subjectalternative"), copied(page, f->names)}));
    metric_page_gauge(page, "probe_tls_version_info", 1,
                      LABELS({STR("version"), copied(page, f->version)}));
    if (with_cipher)
        metric_page_gauge(page, "probe_tls_cipher_info", 1,
                          LABELS({STR("cipher"), copied(page, f->cipher)}));
}

static void add_last_modified(const struct http_outcome *o, struct metric_page *page)
{
    struct str rest = buf_str(&o->facts.headers), value;
    struct tm tm = {0};
    char text[64];

    if (!next_header(&rest, "Last-Modified", &value) || value.len >= sizeof text)
        return;
    memcpy(text, value.p, value.len);
    text[value.len] = 0;
    if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        metric_page_gauge(page, "probe_http_last_modified_timestamp_seconds", (double)timegm(&tm),
                          NO_LABELS);
}

/* How far it came, by the times that are known. */
const char *http_failed_step(const struct http_facts *f, bool https, const struct err *err)
{
    if (err->code == -E2BIG)
        return "body";
    if (err->code == -EHOSTUNREACH && f->t_connect == 0 && f->t_resolve == 0)
        return "resolve";
    if (err->code == -EPROTO)
        return "tls";
    if (f->t_connect == 0)
        return "connect";
    if (https && f->t_tls == 0)
        return "tls";
    return f->t_first_byte == 0 ? "answer" : "body";
}

void http_outcome_page(const struct http_outcome *o, struct metric_page *page)
{
    static const char *const phases[HTTP_PHASES] = {"resolve", "connect", "tls", "processing",
                                                    "transfer"};
    const struct http_facts *f = &o->facts;
    int version = f->status ? f->version : 0;

    for (int i = 0; i < (o->resolved ? HTTP_PHASES : 1); i++)
        metric_page_gauge(page, "probe_http_duration_seconds", o->seconds[i],
                          LABELS({STR("phase"), str_c(phases[i])}));
    metric_page_gauge(page, "probe_http_status_code", f->status, NO_LABELS);
    metric_page_gauge(page, "probe_http_version", version == 11 ? 1.1 : version / 10, NO_LABELS);
    metric_page_gauge(page, "probe_http_ssl", o->https && f->status, NO_LABELS);
    metric_page_gauge(page, "probe_http_redirects", o->redirects, NO_LABELS);
    metric_page_gauge(page, "probe_http_content_length",
                      o->answered ? (double)f->content_length : 0, NO_LABELS);
    metric_page_gauge(page, "probe_http_uncompressed_body_length",
                      o->answered ? (double)f->body_bytes : 0, NO_LABELS);
    metric_page_gauge(page, "probe_failed_due_to_regex", o->failed_by_pattern, NO_LABELS);
    if (o->answered)
        add_last_modified(o, page);
    tls_facts_page(&f->tls, page, true);
}
