/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_nacos - instances of services that are registered with Nacos
 *
 * Once in a refresh_interval the services of a group are listed, page by page, and then the instances
 * of each, one question at a time; what was found counts when all of it is there.
 *
 *     POST /v1/auth/login          {"accessToken": "..."}      where there is a user
 *     /v1/ns/service/list          {"count": 2, "doms": ["shop", "pay"]}
 *     /v1/ns/instance/list         {"hosts": [{"ip": "192.0.2.1", "port": 8080, ...}]}
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/quote.h"
#include "targets/sd_priv.h"

#define PREFIX          "__meta_nacos_"
#define PATIENCE_MS     30000
#define PAGE_SIZE       500
#define SERVICES_MAX    5000
#define NACOS_BYTES_MAX ((size_t)32 << 20)

/* What is being asked for. */
enum step { STEP_LOGIN, STEP_SERVICES, STEP_INSTANCES };

struct finding {
    struct found_group *groups;
    size_t n, cap;
};

struct sd_nacos {
    struct sd *sd;
    const struct config_nacos_sd *c;
    struct loop_timer *timer;
    struct http_call *call;
    char *token; /* NULL: none */
    enum step step;
    int page;        /* of the list of services, from 1 */
    char **services; /* of this turn */
    size_t n, cap, next;
    struct finding finding; /* of this turn */
    struct found found;
};

/* ---- answers ------------------------------------------------------------------------------- */

static void put_flag(struct label_builder *b, const char *name, const struct json *v)
{
    if (json_type_of(v) == JSON_BOOL)
        found_put(b, name, json_is_true(v) ? STR("true") : STR("false"));
}

static void put_number(struct label_builder *b, const char *name, const struct json *v)
{
    CLEANUP(buf_free) struct buf text = {0};

    if (json_type_of(v) != JSON_NUMBER)
        return;
    num_add_short(&text, json_double(v));
    found_put(b, name, buf_str(&text));
}

static void add_instance(const struct config_nacos_sd *c, const char *service,
                         const struct json *host, struct finding *f)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    struct str ip = json_text(json_get(host, "ip"));
    struct buf address = {0};

    if (ip.len == 0)
        return; /* nothing that could be asked */
    found_put(&b, PREFIX "service", str_c(service));
    found_put(&b, PREFIX "group", str_c(c->group));
    found_put(&b, PREFIX "namespace", str_c(c->namespace));
    found_put(&b, PREFIX "cluster", json_text(json_get(host, "clusterName")));
    found_put(&b, PREFIX "instance_id", json_text(json_get(host, "instanceId")));
    found_put(&b, PREFIX "ip", ip);
    put_number(&b, PREFIX "port", json_get(host, "port"));
    put_number(&b, PREFIX "weight", json_get(host, "weight"));
    put_flag(&b, PREFIX "healthy", json_get(host, "healthy"));
    put_flag(&b, PREFIX "enabled", json_get(host, "enabled"));
    put_flag(&b, PREFIX "ephemeral", json_get(host, "ephemeral"));
    found_put_members(&b, PREFIX "metadata_", json_get(host, "metadata"), found_put_text);
    found_add_host(&address, ip);
    buf_addf(&address, ":%lld", (long long)json_int(json_get(host, "port")));
    *VEC_PUSH(f->groups, f->n, f->cap) = found_group_of_one(buf_take(&address), &b);
}

static int add_instances(const struct config_nacos_sd *c, const char *service,
                         const struct json *doc, struct finding *f, struct err *err)
{
    const struct json *hosts = json_get(doc, "hosts");

    if (json_type_of(hosts) != JSON_ARRAY)
        return err_set(err, -EPROTO, "answer: expected an object with hosts");
    for (size_t i = 0; i < json_len(hosts); i++)
        add_instance(c, service, json_at(hosts, i), f);
    return 0;
}

int sd_nacos_parse(struct str body, const struct config_nacos_sd *c, const char *service,
                   struct found_group **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct finding f = {0};
    int r = json_doc_parse(body, &doc, err);

    if (r < 0)
        return err_in(err, r, "answer");
    r = add_instances(c, service, doc, &f, err);
    if (r < 0)
        return r;
    *ret = f.groups;
    *ret_n = f.n;
    return 0;
}

/* ---- a turn -------------------------------------------------------------------------------- */

static void forget_turn(struct sd_nacos *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->services[i]);
    s->n = s->next = 0;
    s->page = 1;
    found_groups_free(s->finding.groups, s->finding.n);
    s->finding = (struct finding){0};
}

static void end_turn(struct sd_nacos *s)
{
    struct finding f = s->finding;

    s->finding = (struct finding){0};
    forget_turn(s);
    sd_worked(s->sd);
    if (found_take(&s->found, f.groups, f.n))
        sd_found_news(s->sd);
    loop_timer_after(s->timer, s->sd->settings->refresh_interval);
}

static void fail_turn(struct sd_nacos *s, const struct err *err)
{
    forget_turn(s);
    free(TAKE(s->token)); /* it may be that which is not good any more */
    sd_failed(s->sd, err);
    loop_timer_after(s->timer, s->sd->settings->refresh_interval);
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg);

static void add_url(const struct sd_nacos *s, struct buf *url)
{
    const struct config_nacos_sd *c = s->c;
    char text[24];

    buf_add_c(url, c->server);
    if (s->step == STEP_LOGIN) {
        buf_add_c(url, "/v1/auth/login");
        return;
    }
    if (s->step == STEP_SERVICES) {
        snprintf(text, sizeof text, "%d", s->page);
        buf_add_c(url, "/v1/ns/service/list");
        quote_add_parameter(url, "pageNo", text);
        snprintf(text, sizeof text, "%d", PAGE_SIZE);
        quote_add_parameter(url, "pageSize", text);
    } else {
        buf_add_c(url, "/v1/ns/instance/list");
        quote_add_parameter(url, "serviceName", s->services[s->next]);
    }
    quote_add_parameter(url, "groupName", c->group);
    quote_add_parameter(url, "namespaceId", c->namespace);
    quote_add_parameter(url, "accessToken", s->token);
}

static void ask(struct sd_nacos *s, enum step step)
{
    static const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"User-Agent", "tocsin/" TOCSIN_VERSION},
        {"Content-Type", "application/x-www-form-urlencoded"},
    };
    CLEANUP(buf_free) struct buf url = {0}, form = {0};
    bool is_login = step == STEP_LOGIN;
    struct str fields;

    s->step = step;
    add_url(s, &url);
    quote_add_parameter(&form, "username", s->c->username);
    quote_add_parameter(&form, "password", s->c->password);
    fields = buf_str(&form);
    str_cut(&fields, '?'); /* a form is what stands behind it in a URL */
    s->call = http_call_start(s->sd->all->http,
                              &(struct http_request){
                                  .method = is_login ? "POST" : "GET",
                                  .url = url.p,
                                  .options = &s->c->http,
                                  .headers = headers,
                                  .n_headers = ARRAY_LEN(headers) - !is_login,
                                  .body = is_login ? fields : STR_NONE,
                                  .timeout = PATIENCE_MS,
                                  .max_body = NACOS_BYTES_MAX,
                                  .accept_gzip = true,
                              },
                              on_answer, s);
}

static void ask_for_instances(struct sd_nacos *s)
{
    if (s->next < s->n)
        ask(s, STEP_INSTANCES);
    else
        end_turn(s);
}

static void ask_for_services(struct sd_nacos *s)
{
    if (s->c->n_services == 0) {
        ask(s, STEP_SERVICES);
        return;
    }
    for (size_t i = 0; i < s->c->n_services; i++)
        *VEC_PUSH(s->services, s->n, s->cap) = mem_strdup(s->c->services[i]);
    ask_for_instances(s);
}

static void begin_turn(void *arg)
{
    struct sd_nacos *s = arg;

    forget_turn(s);
    if (s->c->username && !s->token)
        ask(s, STEP_LOGIN);
    else
        ask_for_services(s);
}

static int take_token(struct sd_nacos *s, const struct json *doc, struct err *err)
{
    struct str token = json_text(json_get(doc, "accessToken"));

    if (token.len == 0)
        return err_set(err, -EPROTO, "login: expected an object with accessToken");
    s->token = str_dup(token);
    ask_for_services(s);
    return 0;
}

static int take_services(struct sd_nacos *s, const struct json *doc, struct err *err)
{
    const struct json *names = json_get(doc, "doms");
    int64_t count = json_int(json_get(doc, "count"));

    if (json_type_of(names) != JSON_ARRAY)
        return err_set(err, -EPROTO, "answer: expected an object with doms");
    if (s->n + json_len(names) > SERVICES_MAX)
        return err_set(err, -E2BIG, "more than %d services", SERVICES_MAX);
    for (size_t i = 0; i < json_len(names); i++)
        *VEC_PUSH(s->services, s->n, s->cap) = str_dup(json_text(json_at(names, i)));
    if (json_len(names) > 0 && (int64_t)s->n < count) {
        s->page++;
        ask(s, STEP_SERVICES);
    } else {
        ask_for_instances(s);
    }
    return 0;
}

static int take_instances(struct sd_nacos *s, const struct json *doc, struct err *err)
{
    int r = add_instances(s->c, s->services[s->next], doc, &s->finding, err);

    if (r < 0)
        return r;
    s->next++;
    ask_for_instances(s);
    return 0;
}

static int take(struct sd_nacos *s, const struct http_response *response, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    int r;

    if (response->status != 200)
        return err_set(err, -EPROTO, "%sserver returned HTTP status %d, expected 200",
                       s->step == STEP_LOGIN ? "login: " : "", response->status);
    r = json_doc_parse(buf_str(&response->body), &doc, err);
    if (r < 0)
        return err_in(err, r, "answer");
    switch (s->step) {
    case STEP_LOGIN: return take_token(s, doc, err);
    case STEP_SERVICES: return take_services(s, doc, err);
    default: return take_instances(s, doc, err);
    }
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg)
{
    struct sd_nacos *s = arg;
    struct err err = {0};

    s->call = NULL;
    if (!response)
        fail_turn(s, failure);
    else if (take(s, response, &err) < 0)
        fail_turn(s, &err);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void *open_nacos(struct sd *sd)
{
    struct sd_nacos *s = mem_zalloc(sizeof *s);

    s->sd = sd;
    s->c = (const struct config_nacos_sd *)sd->settings;
    s->timer = loop_timer_new(sd->all->loop, begin_turn, s);
    begin_turn(s);
    return s;
}

static void close_nacos(void *self)
{
    struct sd_nacos *s = self;

    if (s->call)
        http_call_cancel(s->call);
    loop_timer_free(s->timer);
    forget_turn(s);
    free(s->services);
    free(s->token);
    found_deinit(&s->found);
    free(s);
}

static void each(void *self, void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    const struct sd_nacos *s = self;

    for (size_t i = 0; i < s->found.n; i++)
        cb(&s->found.groups[i], arg);
}

const struct sd_kind sd_nacos = {
    .key = "nacos_sd_configs",
    .open = open_nacos,
    .close = close_nacos,
    .each = each,
    .list = offsetof(struct config_scrape, nacos_sds),
    .count = offsetof(struct config_scrape, n_nacos_sds),
    .size = sizeof(struct config_nacos_sd),
};
