/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_check_priv - what an HTTP check measures, and whether the answer is as it has to be
 *
 * Pure functions of the configuration and of the answer.
 */
#ifndef TOCSIN_PROBES_HTTP_CHECK_PRIV_H
#define TOCSIN_PROBES_HTTP_CHECK_PRIV_H

#include "config/config.h"
#include "net/http_client.h"
#include "probes/page_priv.h"

enum http_phase { PHASE_RESOLVE, PHASE_CONNECT, PHASE_TLS, PHASE_PROCESSING, PHASE_TRANSFER };
#define HTTP_PHASES 5

struct http_outcome {
    double seconds[HTTP_PHASES]; /* summed over redirects */
    bool resolved;               /* else there is the first phase only */
    bool https;                  /* of the last URL */
    bool answered;               /* the last hop, and it was no redirect too many */
    bool failed_by_pattern;
    int redirects;
    struct http_facts facts; /* of the last hop */
};

/* Adds the phases of the hop in o->facts. */
void http_outcome_add_phases(struct http_outcome *o);

/* Whether the answer passes: 0, or -EPROTO with words. *ret_step is the kind of condition that
 * failed: "status", "headers", "body", "version", "tls". */
int http_outcome_judge(struct http_outcome *o, const struct config_http_check *h, struct str body,
                       const char **ret_step, struct err *err);

/* Where a request without an answer failed: "resolve", "connect", "tls", "answer", "body". */
const char *http_failed_step(const struct http_facts *f, bool https, const struct err *err);

void http_outcome_page(const struct http_outcome *o, struct metric_page *page);

/* Certificates, version and cipher; nothing when none were seen. Texts of f are copied. */
void tls_facts_page(const struct tls_facts *f, struct metric_page *page, bool with_cipher);

#endif
