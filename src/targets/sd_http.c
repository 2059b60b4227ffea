/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_http - target groups from a URL
 */
#include "targets/sd_priv.h"

static int parse(const struct sd *sd, struct str body, struct found_group **ret, size_t *ret_n,
                 struct err *err)
{
    const struct config_http_sd *c = (const struct config_http_sd *)sd->settings;
    struct label source = {STR("__meta_url"), str_c(c->url)};

    return found_groups_parse("answer", source, body, ret, ret_n, err);
}

static void *open_http(struct sd *sd)
{
    const struct config_http_sd *c = (const struct config_http_sd *)sd->settings;

    return sd_poll_start(sd, c->url, &c->http, parse);
}

const struct sd_kind sd_http = {
    .key = "http_sd_configs",
    .open = open_http,
    .close = sd_poll_stop,
    .each = sd_poll_each,
    .list = offsetof(struct config_scrape, http_sds),
    .count = offsetof(struct config_scrape, n_http_sds),
    .size = sizeof(struct config_http_sd),
};
