/* SPDX-License-Identifier: Apache-2.0 */
#include "app/pushed.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "remote/remote.h"
#include "scrape/scrape.h"

struct pushed {
    struct push_gateway *gateway;
    struct config_scrape job;
    struct target target;
    struct scraper *scraper;
    bool failing;
};

struct pushed *pushed_new(struct push_gateway *g, const struct sample_sink *sink)
{
    const struct label job = {STR("job"), STR("pushgateway")};
    struct pushed *p = mem_zalloc(sizeof *p);

    p->gateway = g;
    p->job = (struct config_scrape){.job_name = "pushgateway", .honor_labels = true};
    p->target = (struct target){.job = &p->job, .labels = label_set_new(&job, 1)};
    p->scraper = scraper_new(&p->target, sink);
    return p;
}

void pushed_free(struct pushed *p)
{
    if (!p)
        return;
    scraper_free(p->scraper);
    label_set_unref(p->target.labels);
    free(p);
}

static void tell(struct pushed *p, const struct err *err)
{
    if (err->code && !p->failing)
        log_event(LOG_ERROR, "pushed_not_stored", "error", err->msg, NULL);
    p->failing = err->code != 0;
}

unix_ns pushed_tick(struct pushed *p, dur_ms interval, unix_ns now)
{
    CLEANUP(buf_free) struct buf page = {0};
    int64_t step = interval * NS_PER_MS;
    struct scrape_outcome o;
    mono_ns begun = clock_mono_ns();

    if (push_gateway_page(p->gateway, &page)) {
        scraper_take(p->scraper, buf_str(&page), EXPOSITION_TEXT, unix_ms_of_ns(now),
                     clock_mono_ns() - begun, &o);
        tell(p, &o.err);
    }
    return now - now % step + step;
}
