/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - admin/tsdb/...: what changes the storage, where --web.enable-admin-api allows it
 *
 * Each waits until it is done: when the answer is out, it holds, also after a crash.
 */
#include "api/api_priv.h"
#include "storage/storage.h"

static int refuse(struct answer *a)
{
    return api_fail(a, API_UNAVAILABLE, "admin APIs disabled");
}

/* As Prometheus: {a=""} is everything without an a, but {} is nothing. */
static int delete_all(const struct request *r, const struct selectors *s, unix_ms from, unix_ms to,
                      struct answer *a)
{
    for (size_t i = 0; i < s->n; i++) {
        struct err err = {0};
        size_t n;
        const struct matcher *const *ms = selectors_get(s, i, &n);

        if (n > 0 && storage_delete(r->api->storage, ms, n, from, to, &err) < 0)
            return api_fail(a, API_INTERNAL, "%s", err.msg);
    }
    return 0;
}

int api_delete_series(const struct request *r, struct answer *a)
{
    CLEANUP(selectors_deinit) struct selectors s = {0};
    unix_ms from = 0, to = 0;

    if (!r->api->enable_admin)
        return refuse(a);
    if (!http_param(r->http, "match[]", 0).p)
        return api_fail(a, API_BAD_DATA, "no match[] parameter provided");
    if (api_param_time(r, "start", API_TIME_MIN, &from, a) < 0 ||
        api_param_time(r, "end", API_TIME_MAX, &to, a) < 0 || api_param_any_selectors(r, &s, a) < 0)
        return -1;
    a->no_data = true;
    return delete_all(r, &s, from, to, a);
}

int api_clean_tombstones(const struct request *r, struct answer *a)
{
    struct err err = {0};

    if (!r->api->enable_admin)
        return refuse(a);
    if (storage_clean_tombstones(r->api->storage, &err) < 0)
        return api_fail(a, API_INTERNAL, "%s", err.msg);
    a->no_data = true;
    return 0;
}

int api_compact(const struct request *r, struct answer *a)
{
    struct err err = {0};

    if (!r->api->enable_admin)
        return refuse(a);
    if (storage_tick(r->api->storage, &err) < 0)
        return api_fail(a, API_INTERNAL, "compact: %s", err.msg);
    a->no_data = true;
    return 0;
}

/* As Go reads truth. */
static bool parse_bool(struct str s, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eq_c(s, yes[i]) || str_eq_c(s, no[i])) {
            *ret = str_eq_c(s, yes[i]);
            return true;
        }
    return false;
}

int api_snapshot(const struct request *r, struct answer *a)
{
    struct str skip = api_param(r, "skip_head");
    CLEANUP(buf_free) struct buf name = {0};
    bool skip_head = false;
    struct err err = {0};

    if (!r->api->enable_admin)
        return refuse(a);
    if (skip.len && !parse_bool(skip, &skip_head))
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"skip_head\": unable to parse boolean \"skip_head\" "
                        "argument: strconv.ParseBool: parsing \"%.*s\": invalid syntax",
                        (int)skip.len, skip.p);
    if (storage_snapshot(r->api->storage, skip_head, &name, &err) < 0)
        return api_fail(a, API_INTERNAL, "create snapshot: %s", err.msg);
    json_object_begin(&a->w);
    json_kv_c(&a->w, "name", name.p);
    json_object_end(&a->w);
    return 0;
}
