/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <strings.h>

#include <mysqld_error.h>

#include "base/clock.h"
#include "base/num.h"
#include "model/selfmetrics.h"
#include "probes/mysql_priv.h"

/* A collector that the server does not allow rests for so long. Asked each time it would fill the
 * server's counts and logs of denied access, which are watched too. */
#define REFUSED_REST_NS (300 * NS_PER_S)

SELFMETRIC(cut_answers, METRIC_COUNTER, "tocsin_probe_answers_cut_total", NULL,
           "Answers of native probes of which rows were left out because of rows_limit.");

/* Numbers of the version at the start of the text: 5.7.44-log, 10.11.6-MariaDB-log. A server that
 * hides its version behind another's says 5.5.5- first. */
struct mysql_server mysql_server_of(struct str version)
{
    const struct str disguise = STR("5.5.5-");
    struct mysql_server ret = {0};
    int parts[3] = {0};
    size_t at = 0;

    for (size_t i = 0; i + 7 <= version.len; i++)
        ret.mariadb |= strncasecmp(version.p + i, "mariadb", 7) == 0;
    if (ret.mariadb && str_has_prefix(version, disguise))
        at = disguise.len;
    for (int p = 0; p < 3; p++) {
        for (; at < version.len && version.p[at] >= '0' && version.p[at] <= '9'; at++)
            if (parts[p] < 1000)
                parts[p] = parts[p] * 10 + version.p[at] - '0';
        if (at == version.len || version.p[at] != '.')
            break;
        at++;
    }
    ret.version = parts[0] * 10000 + parts[1] * 100 + parts[2];
    return ret;
}

static bool is_denial(unsigned number)
{
    switch (number) {
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR: return true;
    default: return false;
    }
}

static int run_collector(struct mysql_scrape *s, enum mysql_collector c, struct err *err)
{
    const struct mysql_collector_kind *kind = &mysql_collector_kinds[c];

    s->cut = false;
    s->number = 0;
    return kind->rule ? mysql_collect_rows(s, kind->rule, "", err) : kind->collect(s, err);
}

static void tell_outcome(struct mysql_scrape *s, enum mysql_collector c, bool success,
                         mono_ns started)
{
    const struct label who = {STR("collector"), str_c(arena_printf(&s->page->arena, "collect.%s",
                                                                   mysql_collector_names[c]))};

    metric_page_gauge(s->page, "mysql_exporter_collector_success", success, &who, 1);
    metric_page_gauge(s->page, "mysql_exporter_collector_duration_seconds",
                      (double)(clock_mono_ns() - started) / 1e9, &who, 1);
    if (s->cut) {
        metric_page_gauge(s->page, "tocsin_mysql_collector_cut", 1, &who, 1);
        selfmetric_add(&cut_answers, 1);
    }
}

static void trace(struct mysql_scrape *s, enum mysql_collector c, int r, const struct err *err)
{
    CLEANUP(buf_free) struct buf name = {0};

    if (!s->asker->step)
        return;
    buf_addf(&name, "collect.%s", mysql_collector_names[c]);
    s->asker->step(s->asker->self, name.p, r < 0 ? err->msg : "");
}

int mysql_collect_all(struct mysql_scrape *s, struct mysql_memory *m, struct err *err)
{
    for (enum mysql_collector c = 0; c < MYSQL_COLLECTORS_N; c++) {
        mono_ns started = clock_mono_ns();
        int r = -EACCES;

        if (!(s->config->collectors >> c & 1) || s->server.version < mysql_collector_kinds[c].least)
            continue;
        if (!m->refused[c] || started - m->refused[c] >= REFUSED_REST_NS) {
            r = run_collector(s, c, err);
            trace(s, c, r, err);
            m->refused[c] = r == -EREMOTEIO && is_denial(s->number) ? started : 0;
            if (r < 0 && r != -EREMOTEIO)
                return r;
        }
        tell_outcome(s, c, r == 0, started);
    }
    return 0;
}

void mysql_page_up(struct metric_page *page, bool up, double connect_seconds)
{
    metric_page_gauge(page, "mysql_up", up, NO_LABELS);
    if (up)
        metric_page_gauge(page, "mysql_exporter_collector_duration_seconds", connect_seconds,
                          LABELS({STR("collector"), STR("connection")}));
}
