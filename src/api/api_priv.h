/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_priv - how handlers get their parameters and answer; for the files of api/ only
 *
 * A handler of /api/v1 writes the value of "data" into answer->data and returns 0, or sets the
 * error and returns its code. The envelope is put around it in one place (api.c).
 */
#ifndef TOCSIN_API_API_PRIV_H
#define TOCSIN_API_API_PRIV_H

#include "api/api.h"
#include "base/json.h"
#include "net/http_server.h"

enum api_error {
    API_BAD_DATA,
    API_EXECUTION,
    API_CANCELED,
    API_TIMEOUT,
    API_INTERNAL,
    API_UNAVAILABLE,
    API_NOT_FOUND,
};

#define ANSWER_TEXTS_MAX 10 /* warnings, and infos, that an answer shows */

struct answer {
    struct buf data;
    enum api_error error;
    char words[ERR_MSG_MAX + 128];
    char *warnings[ANSWER_TEXTS_MAX + 1], *infos[ANSWER_TEXTS_MAX + 1];
    size_t n_warnings, n_infos;
};

struct request {
    const struct api_options *api;
    struct http_exchange *http;
    struct str label; /* of label/<name>/values */
};

typedef int api_handler(const struct request *r, struct answer *a);

/* Sets kind and words; returns -1. */
int api_fail(struct answer *a, enum api_error error, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- parameters (params.c) ---- */

/* The parameter's value, or STR_NONE. */
struct str api_param(const struct request *r, const char *name);

/* Each returns 0, or -1 with the error set. An absent parameter gives the standard. */
int api_param_time(const struct request *r, const char *name, unix_ms standard, unix_ms *ret,
                   struct answer *a);
int api_param_duration(const struct request *r, const char *name, dur_ms standard, dur_ms *ret,
                       struct answer *a);
int api_param_limit(const struct request *r, const char *name, size_t *ret,
                    struct answer *a); /* 0: none */

/* "1435781451.781" or RFC 3339; -EINVAL. */
int api_parse_time(struct str s, unix_ms *ret, struct err *err);
/* "15", "0.5" (seconds) or "1m30s"; -EINVAL. */
int api_parse_duration(struct str s, dur_ms *ret, struct err *err);

#define API_TIME_MIN (INT64_MIN / 2) /* of an absent start: storage has nothing before it */
#define API_TIME_MAX (INT64_MAX / 2)

/* ---- writing ---- */

void api_add_labels(struct json_writer *w, const struct label_set *ls); /* without HTML escaping */
void api_add_time(struct json_writer *w, unix_ns t);                    /* RFC 3339 in quotes */

/* ---- handlers ---- */

api_handler api_query, api_query_range, api_format_query, api_parse_query; /* query.c */
api_handler api_series, api_labels, api_label_values;                      /* series.c */
api_handler api_targets, api_scrape_pools;                                 /* targets.c */
api_handler api_rules, api_alerts;                                         /* rules.c */
api_handler api_status_config, api_status_flags, api_status_runtimeinfo, api_status_buildinfo,
    api_status_tsdb; /* status.c */

/* Everything outside /api/v1: true when it answered (plain.c). `quick` are those that the I/O
 * thread answers. */
bool plain_quick(const struct request *r);
bool plain_answer(const struct request *r);

#endif
