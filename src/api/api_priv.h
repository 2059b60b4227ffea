/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_priv - how handlers get their parameters and answer; for the files of api/ only
 *
 *     api       paths, methods, the envelope around an answer, life
 *     params    parameters of a request
 *     values    numbers, times, label sets as JSON
 *     result    what PromQL found as JSON
 *     gate     how many queries at a time
 *     query series rules targets metadata status    the handlers of /api/v1
 *     templates ready rules
 *     backtest  rules on stored history, with backtest_tell what would have been told
 *     am am_alerts am_silences    Alertmanager's /api/v2, with answers of its own (am_priv.h)
 *     plain     what lies outside of /api/v1
 *     metrics   /metrics
 *     federate  /federate
 *     probe_page  /probe
 *
 * A handler of /api/v1 writes the value of "data" with the writer of its answer and returns 0, or
 * sets the error and returns -1; what it wrote until then is forgotten.
 */
#ifndef TOCSIN_API_API_PRIV_H
#define TOCSIN_API_API_PRIV_H

#include "api/api.h"
#include "api/gate.h"
#include "base/json.h"
#include "net/http_server.h"
#include "promql/promql.h"

enum api_error {
    API_BAD_DATA,
    API_EXECUTION,
    API_CANCELED,
    API_TIMEOUT,
    API_INTERNAL,
    API_UNAVAILABLE,
};

struct answer {
    struct buf body;
    struct json_writer w; /* into body, escapes < > & */
    enum api_error error;
    bool no_data; /* success is 204 and an empty body */
    char words[ERR_MSG_MAX + 128];
    char **warnings, **infos; /* owned */
    size_t n_warnings, cap_warnings, n_infos, cap_infos;
};

struct request {
    const struct api *whole; /* for api_port(), once `ready` has said yes */
    const struct api_options *api;
    struct gate *gate;
    struct crew *crew; /* of queries */
    struct prober *prober;
    struct http_exchange *http;
    struct str label; /* of label/<name>/values */
};

typedef int api_handler(const struct request *r, struct answer *a);

/* Sets kind and words; returns -1. */
int api_fail(struct answer *a, enum api_error error, const char *fmt, ...) PRINTF_LIKE(3, 4);
void api_warn(struct answer *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void api_inform(struct answer *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void api_warn_truncated(struct answer *a); /* by the parameter limit */

/* ---- parameters (params.c) ----------------------------------------------------------------- */

struct str api_param(const struct request *r, const char *name); /* or STR_NONE */

/* Each returns 0, or -1 with the error set. An absent or empty parameter gives the standard. */
int api_param_time(const struct request *r, const char *name, unix_ms standard, unix_ms *ret,
                   struct answer *a);
int api_param_duration(const struct request *r, const char *name, dur_ms standard, dur_ms *ret,
                       struct answer *a);
int api_param_limit(const struct request *r, const char *name, size_t *ret,
                    struct answer *a); /* 0: none */

#define API_TIME_MIN (INT64_MIN / 2) /* of an absent start: storage has nothing before it */
#define API_TIME_MAX (INT64_MAX / 2)

/* "1435781451.781" or RFC 3339, or one of Go's bounds of time; -EINVAL. */
int api_parse_time(struct str s, unix_ms *ret, struct err *err);
/* "15", "0.5" (seconds) or "1m30s"; -EINVAL, -ERANGE. */
int api_parse_duration(struct str s, dur_ms *ret, struct err *err);

/*
 * Names that are no legacy names come as "U__" and their text with "_" as "__" and other characters
 * as "_XX_", the code point in hexadecimal. What is not so written is to be taken as it is: false,
 * and out is not touched.
 */
bool api_unescape_name(struct str name, struct buf *out);

#define API_SELECTORS_MAX 1000 /* match[] parameters of one request: each costs a pattern or two */

struct selectors {
    struct promql_expr **exprs; /* the root of each is a vector selector */
    size_t n, cap;
};

/* All match[] parameters; -EINVAL, or -E2BIG for too many. What it got before it failed is in *ret,
 * too. */
int api_read_selectors(const struct request *r, struct selectors *ret, struct err *err);

/* The same for a handler of /api/v1, such as every label set fulfils refused. What it got before it
 * failed is in *ret, too. */
int api_param_selectors(const struct request *r, struct selectors *ret, struct answer *a);

/* The same, but such as every label set fulfils are allowed. */
int api_param_any_selectors(const struct request *r, struct selectors *ret, struct answer *a);
void selectors_deinit(struct selectors *s);

/* The matchers of selector i. */
const struct matcher *const *selectors_get(const struct selectors *s, size_t i, size_t *ret_n);

/* Look-back, timeout and the like of a query (query.c). */
int api_query_options(const struct request *r, struct promql_options *ret, struct answer *a);
/* Waits for a turn; the time that took is gone from the query's own. Who has it leaves the gate. */
int api_take_turn(const struct request *r, struct promql_options *o, mono_ns *ret_waited,
                  struct answer *a);

/* ---- writing (values.c, result.c) ---------------------------------------------------------- */

void api_kv_labels(struct json_writer *w, const char *key, const struct label_set *ls);
void api_add_labels(struct json_writer *w, const struct label_set *ls);
void api_kv_time(struct json_writer *w, const char *key, unix_ns t);    /* RFC 3339 in quotes */
void api_kv_number(struct json_writer *w, const char *key, double v);   /* as Go writes it */
void api_kv_duration(struct json_writer *w, const char *key, dur_ms d); /* "1m30s" */

/* The first n elements of the result, which may have fewer. One of the crew may write half of it. */
void api_add_result(struct buf *out, const struct promql_result *r, size_t n, struct crew *crew);

/* {"seriesLabels": ..., "exemplars": [...]} */
void api_add_exemplars(struct json_writer *w, const struct label_set *series,
                       const struct exemplar *exemplars, size_t n);

/* ---- handlers ------------------------------------------------------------------------------ */

api_handler api_query, api_query_range, api_explain_query, api_query_exemplars, api_format_query,
    api_parse_query;                                  /* query.c */
api_handler api_series, api_labels, api_label_values; /* series.c */
api_handler api_targets, api_scrape_pools;            /* targets.c */
api_handler api_relabel_steps;                        /* relabel_steps.c */
api_handler api_targets_metadata, api_metadata;       /* metadata.c */
api_handler api_rules, api_alerts;                    /* rules.c */
api_handler api_templates, api_render_template;       /* templates.c */
api_handler api_backtest;                             /* backtest.c */
api_handler api_status_config, api_status_flags, api_status_runtimeinfo, api_status_buildinfo,
    api_status_tsdb, api_status_walreplay, api_alertmanagers; /* status.c */

api_handler api_delete_series, api_clean_tombstones, api_compact, api_snapshot; /* admin.c */

void status_add_build(struct json_writer *w);
void metrics_answer(const struct request *r);
void federate_answer(const struct request *r);                    /* federate.c */
void api_write(const struct request *r);                          /* write.c */
void probe_page_answer(const struct request *r, struct str path); /* behind /probe/: probe_page.c */

bool push_is_path(struct str path); /* push.c: /metrics/job/... */
void push_answer(const struct request *r);

/* Refuses a method, telling the ones that are fine: "GET, OPTIONS". */
void api_refuse_method(struct http_exchange *x, const char *allowed);
void api_not_found(struct http_exchange *x);
void api_not_ready(struct http_exchange *x);
void api_allow_origin(struct http_exchange *x);

void am_answer(struct request *r, struct str path); /* behind /api/v2/: am.c */
#define EXPLAIN_PATH       "/api/tocsin/v1/alerts/explain"
#define EXPLAIN_QUERY_PATH "/api/tocsin/v1/explain"
void explain_answer(const struct request *r); /* explain.c */

/* Everything outside /api/v1: true when it answered (plain.c). `quick` are those that the I/O
 * thread answers. */
bool plain_quick(const struct request *r);
bool plain_answer(const struct request *r);

#endif
