/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain - what lies outside of /api/v1: the first page, health, reload, version
 */
#include "api/api_priv.h"
#include "base/quote.h"

/* ---- health: the I/O thread answers, also while every worker is busy ----------------------- */

bool plain_quick(const struct request *r)
{
    struct str path = http_path(r->http);

    if (str_eq(path, STR("/-/healthy"))) {
        http_reply_text(r->http, 200, "tocsin is Healthy.\n");
        return true;
    }
    if (!str_eq(path, STR("/-/ready")))
        return false;
    if (r->api->ready(r->api->self))
        http_reply_text(r->http, 200, "tocsin is Ready.\n");
    else
        api_not_ready(r->http);
    return true;
}

/* ---- lifecycle ----------------------------------------------------------------------------- */

static bool may_act(const struct request *r)
{
    struct str method = http_method(r->http);

    if (!str_eq(method, STR("POST")) && !str_eq(method, STR("PUT")))
        http_reply_text(r->http, 405, "Only POST or PUT requests allowed");
    else if (!r->api->enable_lifecycle)
        http_reply_text(r->http, 403, "Lifecycle API is not enabled.");
    else
        return true;
    return false;
}

static void answer_reload(const struct request *r)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct err err = {0};

    if (!may_act(r))
        return;
    if (r->api->reload(r->api->self, &err) < 0)
        buf_addf(&text, "failed to reload config: %s\n", err.msg);
    http_reply_text(r->http, text.len ? 500 : 200, text.len ? text.p : "");
}

static void answer_quit(const struct request *r)
{
    if (!may_act(r))
        return;
    http_reply_text(r->http, 200, "Requesting termination... Goodbye!");
    r->api->quit(r->api->self);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void answer_version(const struct request *r)
{
    struct buf body = {0};
    struct json_writer w;

    json_writer_init(&w, &body, JSON_HTML_SAFE);
    status_add_build(&w);
    http_reply(r->http, 200, "application/json", &body);
}

/* Needs nothing but itself: no script, no style sheet, no font of others. */
static const char root_page[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"zh\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>tocsin 警钟</title>\n"
    "<style>body{font-family:sans-serif;max-width:46em;margin:2em auto;padding:0 1em}"
    "input{width:70%;font:1em monospace}td{padding:.2em 1em .2em 0}</style></head><body>\n"
    "<h1>tocsin 警钟 <small>" TOCSIN_VERSION "</small></h1>\n"
    "<form action=\"/api/v1/query\"><label>查询 Query (PromQL)<br>"
    "<input name=\"query\" value=\"up\"></label> <button>执行 Run</button></form>\n"
    "<table>\n"
    "<tr><td><a href=\"/api/v1/alerts\">告警</a><td>Alerts that are pending or firing\n"
    "<tr><td><a href=\"/api/v1/rules\">规则</a><td>Rules and their state\n"
    "<tr><td><a href=\"/api/v1/targets\">监控目标</a><td>Targets, dropped ones with them\n"
    "<tr><td><a href=\"/api/v1/status/config\">配置</a><td>Configuration in force\n"
    "<tr><td><a href=\"/api/v1/status/flags\">启动参数</a><td>Command line\n"
    "<tr><td><a href=\"/api/v1/status/tsdb\">存储</a><td>Storage: what the series are made of\n"
    "<tr><td><a href=\"/metrics\">自身指标</a><td>Metrics of tocsin itself\n"
    "<tr><td><a href=\"/-/healthy\">存活</a> <a href=\"/-/ready\">就绪</a><td>Health\n"
    "</table>\n"
    "<p>以上地址与 Prometheus 的 HTTP API 兼容，可直接作为 Grafana 的 Prometheus 数据源。<br>\n"
    "These speak Prometheus' HTTP API: Grafana takes this address as a Prometheus data source.</p>\n"
    "</body></html>\n";

/* Where the generatorURL of an alert leads: to what its expression says now. */
static void answer_graph(const struct request *r)
{
    CLEANUP(buf_free) struct buf to = {0};
    struct buf none = {0};

    buf_add_c(&to, "/api/v1/query?query=");
    quote_add_url(&to, http_param(r->http, "g0.expr", 0));
    http_header_out(r->http, "Location", to.p);
    http_reply(r->http, 302, NULL, &none);
}

static void answer_scrape(const struct request *r)
{
    probe_page_answer(r, STR("redis"));
}

static void answer_probe(const struct request *r)
{
    probe_page_answer(r, STR(""));
}

static void answer_root(const struct request *r)
{
    struct buf body = {0};

    buf_add_c(&body, root_page);
    http_reply(r->http, 200, "text/html; charset=utf-8", &body);
}

static bool is_read(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

bool plain_answer(const struct request *r)
{
    const struct str probe = STR("/probe/");
    static const struct {
        const char *path;
        void (*answer)(const struct request *r);
        bool acts; /* and looks after methods itself; the others are only read */
    } pages[] = {
        {"/", answer_root, false},
        {"/metrics", metrics_answer, false},
        {"/federate", federate_answer, false},
        {"/graph", answer_graph, false},
        {"/probe", answer_probe, false},
        {"/scrape", answer_scrape, false}, /* of redis_exporter */
        {"/version", answer_version, false},
        {"/-/reload", answer_reload, true},
        {"/-/quit", answer_quit, true},
    };
    struct str path = http_path(r->http), method = http_method(r->http);

    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (!str_eq_c(path, pages[i].path))
            continue;
        if (pages[i].acts || is_read(method))
            pages[i].answer(r);
        else
            api_refuse_method(r->http, "GET, OPTIONS");
        return true;
    }
    if (!str_has_prefix(path, probe))
        return false;
    if (is_read(method))
        probe_page_answer(r, str_n(path.p + probe.len, path.len - probe.len));
    else
        api_refuse_method(r->http, "GET, OPTIONS");
    return true;
}
