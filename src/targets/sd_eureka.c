/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_eureka - instances that are registered with a Eureka server
 *
 *     {"applications": {"application": [{"name": "SHOP", "instance": [
 *         {"hostName": "h", "port": {"$": 8080, "@enabled": "true"}, "metadata": {...}, ...}]}]}}
 *
 * Where there is one application or instance, older servers write it without the list around it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "targets/sd_priv.h"

#define PREFIX "__meta_eureka_app_instance_"

/* ---- lists of one -------------------------------------------------------------------------- */

static size_t count(const struct json *list)
{
    return json_type_of(list) == JSON_OBJECT ? 1 : json_len(list);
}

static const struct json *at(const struct json *list, size_t i)
{
    return json_type_of(list) == JSON_OBJECT ? list : json_at(list, i);
}

/* ---- labels -------------------------------------------------------------------------------- */

/* Texts and numbers: countryId is one. */
static void put_value(struct label_builder *b, const char *name, const struct json *v)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)json_int(v));
    if (json_type_of(v) == JSON_NUMBER)
        found_put(b, name, str_c(text));
    else
        found_put(b, name, json_text(v));
}

static void put_port(struct label_builder *b, const char *name, const char *enabled,
                     const struct json *port)
{
    if (!port)
        return;
    put_value(b, name, json_get(port, "$"));
    found_put(b, enabled, json_text(json_get(port, "@enabled")));
}

static void put_instance(struct label_builder *b, const struct json *i)
{
    static const struct {
        const char *label, *key;
    } texts[] = {
        {PREFIX "hostname", "hostName"},
        {PREFIX "homepage_url", "homePageUrl"},
        {PREFIX "statuspage_url", "statusPageUrl"},
        {PREFIX "healthcheck_url", "healthCheckUrl"},
        {PREFIX "ip_addr", "ipAddr"},
        {PREFIX "vip_address", "vipAddress"},
        {PREFIX "secure_vip_address", "secureVipAddress"},
        {PREFIX "status", "status"},
        {PREFIX "country_id", "countryId"},
        {PREFIX "id", "instanceId"},
    };
    const struct json *dc = json_get(i, "dataCenterInfo");

    for (size_t k = 0; k < ARRAY_LEN(texts); k++)
        put_value(b, texts[k].label, json_get(i, texts[k].key));
    put_port(b, PREFIX "port", PREFIX "port_enabled", json_get(i, "port"));
    put_port(b, PREFIX "secure_port", PREFIX "secure_port_enabled", json_get(i, "securePort"));
    found_put(b, PREFIX "datacenterinfo_name", json_text(json_get(dc, "name")));
    found_put_members(b, PREFIX "datacenterinfo_metadata_", json_get(dc, "metadata"), put_value);
    found_put_members(b, PREFIX "metadata_", json_get(i, "metadata"), put_value);
}

/* ---- the answer ---------------------------------------------------------------------------- */

struct finding {
    struct found_group *groups;
    size_t n, cap;
};

static char *address_of(const struct json *instance)
{
    const struct json *port = json_get(json_get(instance, "port"), "$");
    struct str host = json_text(json_get(instance, "hostName"));
    struct buf text = {0};

    found_add_host(&text, host);
    if (json_type_of(port) == JSON_NUMBER)
        buf_addf(&text, ":%lld", (long long)json_int(port));
    return buf_take(&text);
}

static void add_instance(struct finding *f, struct str app, const struct json *instance)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};

    if (json_text(json_get(instance, "hostName")).len == 0)
        return; /* nothing that could be asked */
    found_put(&b, "__meta_eureka_app_name", app);
    put_instance(&b, instance);
    *VEC_PUSH(f->groups, f->n, f->cap) = found_group_of_one(address_of(instance), &b);
}

int sd_eureka_parse(struct str body, struct found_group **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    const struct json *all, *apps;
    struct finding f = {0};
    int r = json_doc_parse(body, &doc, err);

    if (r < 0)
        return err_in(err, r, "answer");
    all = json_get(doc, "applications");
    if (json_type_of(all) != JSON_OBJECT)
        return err_set(err, -EPROTO, "answer: expected an object with applications");
    apps = json_get(all, "application");
    for (size_t i = 0; i < count(apps); i++) {
        const struct json *app = at(apps, i), *instances = json_get(app, "instance");

        for (size_t k = 0; k < count(instances); k++)
            add_instance(&f, json_text(json_get(app, "name")), at(instances, k));
    }
    *ret = f.groups;
    *ret_n = f.n;
    return 0;
}

static int parse(const struct sd *sd, struct str body, struct found_group **ret, size_t *ret_n,
                 struct err *err)
{
    return sd_eureka_parse(body, ret, ret_n, err);
}

static void *open_eureka(struct sd *sd)
{
    const struct config_eureka_sd *c = (const struct config_eureka_sd *)sd->settings;
    CLEANUP(buf_free) struct buf url = {0};

    buf_addf(&url, "%s/apps", c->server);
    return sd_poll_start(sd, url.p, &c->http, parse);
}

const struct sd_kind sd_eureka = {
    .key = "eureka_sd_configs",
    .open = open_eureka,
    .close = sd_poll_stop,
    .each = sd_poll_each,
    .list = offsetof(struct config_scrape, eureka_sds),
    .count = offsetof(struct config_scrape, n_eureka_sds),
    .size = sizeof(struct config_eureka_sd),
};
