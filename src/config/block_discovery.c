/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery that asks somebody: the *_sd_configs of a job but for files, which are in block_scrape.
 */
#include "config/config_priv.h"

#include "base/hash.h"

/* Two blocks that are written alike in one file ask for the same; files of other folders may mean
 * other files by the same path. */
static uint64_t hash_of_block(const struct decoder *d, const struct yaml_node *node)
{
    CLEANUP(buf_free) struct buf text = {0};
    const char *file = yaml_file(d->doc);

    if (node)
        yaml_to_json(node, &text);
    return hash_mix(hash_bytes(file, strlen(file)), hash_bytes(text.p, text.len));
}

static int check_sd(struct decoder *d, struct config_sd *sd, const struct yaml_node *node)
{
    if (sd->refresh_interval == 0)
        return decoder_fail(d, place_of(node, "refresh_interval"),
                            "refresh_interval cannot be zero");
    sd->settings = hash_of_block(d, node);
    sd->place = arena_printf(&d->config->arena, "%s:%d", yaml_file(d->doc), node->line);
    return 0;
}

/* ---- http_sd_configs ----------------------------------------------------------------------- */

/* In Prometheus' words where it has any. */
static void read_url(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct str url = node->text, rest;
    struct err why = {0};
    size_t scheme;

    if (!is_text(d, node))
        return;
    scheme = str_find(url, STR("://"));
    rest = scheme < url.len ? str_n(url.p + scheme + 3, url.len - scheme - 3) : url;
    if (!str_eq(str_n(url.p, scheme), STR("http")) && !str_eq(str_n(url.p, scheme), STR("https")))
        decoder_wrong(d, node, "URL scheme must be 'http' or 'https'");
    else if (str_cut(&rest, '/').len == 0)
        decoder_wrong(d, node, "host is missing in URL");
    else if (!url_is_valid(url, &why))
        decoder_wrong(d, node, "%s", why.msg);
    *(const char **)value = decoder_text(d, url);
}

static int check_http_sd(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    struct config_http_sd *s = object;

    if (!is_given(s->url))
        return decoder_fail(d, place_of(node, "url"), "URL is missing");
    return check_sd(d, &s->sd, node);
}

static const struct field http_sd_fields[] = {
    READ("url", struct config_http_sd, url, const char *, read_url),
    DURATION("refresh_interval", struct config_http_sd, sd.refresh_interval),
};
static const struct config_http_sd http_sd_defaults = {
    .sd = {.refresh_interval = 60 * 1000},
    .http = {.follow_redirects = true},
};
const struct block http_sd_block = {
    .name = "http_sd_config",
    FIELDS(http_sd_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_http_sd, http),
    .size = sizeof(struct config_http_sd),
    .defaults = &http_sd_defaults,
    .check = check_http_sd,
};
