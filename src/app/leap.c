/* SPDX-License-Identifier: Apache-2.0 */
#include "app/leap.h"

#include "config/config.h"

#define HOLD_MIN_NS   (10 * NS_PER_S)
#define HOLD_MAX_NS   (300 * NS_PER_S)
#define RULES_TIME_NS (10 * NS_PER_S) /* for all groups to run and to tell */

bool leap_seen(struct leap_watch *w, unix_ns wall, mono_ns mono)
{
    bool leapt = w->begun && (wall - w->wall) - (mono - w->mono) >= LEAP_NS;

    *w = (struct leap_watch){true, wall, mono};
    return leapt;
}

int64_t leap_hold_rules_ns(const struct config *c)
{
    int64_t longest = c->scrape_interval * NS_PER_MS, hold;

    for (size_t i = 0; i < c->n_scrapes; i++)
        if (c->scrapes[i].scrape_interval * NS_PER_MS > longest)
            longest = c->scrapes[i].scrape_interval * NS_PER_MS;
    hold = 2 * longest;
    return hold < HOLD_MIN_NS ? HOLD_MIN_NS : hold > HOLD_MAX_NS ? HOLD_MAX_NS : hold;
}

int64_t leap_hold_alerts_ns(const struct config *c)
{
    return leap_hold_rules_ns(c) + RULES_TIME_NS;
}
