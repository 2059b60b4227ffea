/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/alerts_priv.h"

static bool holds(const struct config_time_interval *t, unix_ns now)
{
    for (size_t i = 0; i < t->n_intervals; i++)
        if (time_interval_contains(&t->intervals[i], now))
            return true;
    return false;
}

static bool any_holds(const struct config_interval_names *names, unix_ns now)
{
    for (size_t i = 0; i < names->n_names; i++)
        if (holds(names->intervals[i], now))
            return true;
    return false;
}

enum mute_stage mute_by_time(const struct config_route *r, unix_ns now)
{
    if (r->active.n_names > 0 && !any_holds(&r->active, now))
        return MUTED_BY_ACTIVE_TIME;
    return any_holds(&r->mute, now) ? MUTED_BY_MUTE_TIME : NOT_MUTED;
}

enum mute_stage mute_stage_of(const struct alerts *a, struct held *h, enum mute_stage by_time,
                              unix_ns now)
{
    if (inhibit_source(a, h, now))
        return MUTED_BY_INHIBITION;
    if (by_time != NOT_MUTED)
        return by_time;
    return is_silenced(a, h, now) ? MUTED_BY_SILENCE : NOT_MUTED;
}

/* Of a group that waits for its active times all of these are shown. */
size_t mute_names(const struct config_route *r, unix_ns now, const char **ret)
{
    enum mute_stage stage = mute_by_time(r, now);
    size_t n = 0;

    for (size_t i = 0; stage == MUTED_BY_ACTIVE_TIME && i < r->active.n_names; i++)
        ret[n++] = r->active.names[i];
    for (size_t i = 0; stage == MUTED_BY_MUTE_TIME && i < r->mute.n_names; i++)
        if (holds(r->mute.intervals[i], now))
            ret[n++] = r->mute.names[i];
    return n;
}
