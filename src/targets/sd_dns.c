/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_dns - hosts and ports from records of names, asked again after refresh_interval
 *
 * The names of a block are asked at the same time. One that is not there gives nothing; one that
 * cannot be answered keeps what it gave.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/dns.h"
#include "targets/sd_priv.h"

struct name {
    struct round *round;
    const char *text;
    struct dns_query *query; /* under way */
    struct found found;
};

struct round {
    struct sd *sd;
    const struct config_dns_sd *settings;
    struct loop_timer *timer;
    struct name *names;
    size_t n_waiting;
    bool is_news;
    struct err failure; /* the first of this round */
};

/* ---- from a record to a target ------------------------------------------------------------- */

static char *address_of(const struct dns_record *record, uint64_t port)
{
    struct buf text = {0};
    struct str host = str_c(record->name);

    if (port == 0)
        port = record->port;
    while (str_has_suffix(host, STR(".")))
        host.len--;
    found_add_host(&text, host);
    buf_addf(&text, ":%llu", (unsigned long long)port);
    return buf_take(&text);
}

static struct found_group group_of(const struct name *name, const struct dns_record *record)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    /* Of an SRV record its own port counts. */
    uint64_t asked = record->type == DNS_SRV ? 0 : name->round->settings->port;
    char port[8];

    label_builder_set(&b, STR("__meta_dns_name"), str_c(name->text));
    if (record->type == DNS_SRV) {
        snprintf(port, sizeof port, "%u", record->port);
        label_builder_set(&b, STR("__meta_dns_srv_record_target"), str_c(record->name));
        label_builder_set(&b, STR("__meta_dns_srv_record_port"), str_c(port));
    } else if (record->type == DNS_MX) {
        label_builder_set(&b, STR("__meta_dns_mx_record_target"), str_c(record->name));
    } else if (record->type == DNS_NS) {
        label_builder_set(&b, STR("__meta_dns_ns_record_target"), str_c(record->name));
    }
    return found_group_of_one(address_of(record, asked), &b);
}

/* Servers give records in another order each time: sorted, the same ones are no news. */
static int compare_groups(const void *a, const void *b)
{
    const struct found_group *x = a, *y = b;
    int order = strcmp(x->addresses[0], y->addresses[0]);

    return order ? order : label_set_cmp(x->labels, y->labels);
}

static void take_records(struct name *name, const struct dns_record *records, size_t n)
{
    struct found_group *groups = mem_array(n, sizeof *groups);

    for (size_t i = 0; i < n; i++)
        groups[i] = group_of(name, &records[i]);
    qsort(groups, n, sizeof *groups, compare_groups);
    name->round->is_news = found_take(&name->found, groups, n) || name->round->is_news;
}

/* ---- rounds -------------------------------------------------------------------------------- */

static void end_round(struct round *r)
{
    if (r->failure.code)
        sd_failed(r->sd, &r->failure);
    else
        sd_worked(r->sd);
    if (r->is_news)
        sd_found_news(r->sd);
    loop_timer_after(r->timer, r->settings->sd.refresh_interval);
}

static void on_answer(const struct dns_record *records, size_t n, const struct err *err, void *arg)
{
    struct name *name = arg;
    struct round *r = name->round;

    name->query = NULL;
    if (!err)
        take_records(name, records, n);
    else if (!r->failure.code)
        r->failure = *err;
    if (--r->n_waiting == 0)
        end_round(r);
}

static void ask(void *arg)
{
    struct round *r = arg;
    const struct config_dns_sd *s = r->settings;

    r->n_waiting = s->n_names;
    r->is_news = false;
    r->failure.code = 0;
    for (size_t i = 0; i < s->n_names; i++)
        r->names[i].query = dns_ask(r->sd->all->loop, s->names[i], s->type, s->servers,
                                    s->n_servers, on_answer, &r->names[i]);
}

static void *open_dns(struct sd *sd)
{
    struct round *r = mem_zalloc(sizeof *r);

    r->sd = sd;
    r->settings = (const struct config_dns_sd *)sd->settings;
    r->timer = loop_timer_new(sd->all->loop, ask, r);
    r->names = mem_array(r->settings->n_names, sizeof *r->names);
    for (size_t i = 0; i < r->settings->n_names; i++)
        r->names[i] = (struct name){.round = r, .text = r->settings->names[i]};
    ask(r);
    return r;
}

static void close_dns(void *self)
{
    struct round *r = self;

    for (size_t i = 0; i < r->settings->n_names; i++) {
        dns_cancel(r->names[i].query);
        found_deinit(&r->names[i].found);
    }
    loop_timer_free(r->timer);
    free(r->names);
    free(r);
}

static void each_of_dns(void *self, void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    const struct round *r = self;

    for (size_t i = 0; i < r->settings->n_names; i++)
        for (size_t k = 0; k < r->names[i].found.n; k++)
            cb(&r->names[i].found.groups[k], arg);
}

const struct sd_kind sd_dns = {
    .key = "dns_sd_configs",
    .open = open_dns,
    .close = close_dns,
    .each = each_of_dns,
    .list = offsetof(struct config_scrape, dns_sds),
    .count = offsetof(struct config_scrape, n_dns_sds),
    .size = sizeof(struct config_dns_sd),
};
