/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Prometheus' rule templates, and the samples that query gives them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/quote.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "template/common_priv.h"
#include "template/exec_priv.h"
#include "template/humanize_priv.h"
#include "template/text_priv.h"

#define HOST_MAX 256 /* bytes; longer names are no IP addresses */

struct sample_object {
    struct tmpl_value labels;
    struct tmpl_value value;
};

static void get_labels(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = ((const struct sample_object *)object)->labels;
}

static void get_value(const void *object, struct arena *a, struct tmpl_value *ret)
{
    *ret = ((const struct sample_object *)object)->value;
}

static const struct tmpl_field sample_fields[] = {
    {"Labels", "Labels", get_labels},
    {"Value", "Value", get_value},
};

static const struct tmpl_type type_sample = {.name = "template.sample",
                                             .kind = TMPL_OBJECT,
                                             .pointer = true,
                                             .fields = sample_fields,
                                             .n_fields = ARRAY_LEN(sample_fields)};

static const struct tmpl_type type_result = {
    .name = "template.queryResult", .kind = TMPL_LIST, .elem = &type_sample};

static const struct tmpl_type type_histogram = {
    .name = "histogram.FloatHistogram", .kind = TMPL_STRING, .pointer = true};

struct tmpl_value tmpl_histogram(struct str text)
{
    return (struct tmpl_value){.type = &type_histogram, .s = text};
}

static struct tmpl_value new_sample(struct arena *a, const struct label_set *labels,
                                    struct tmpl_value value)
{
    struct sample_object *s = arena_alloc(a, sizeof *s);

    *s = (struct sample_object){tmpl_labels(a, &tmpl_type_string_map, labels), value};
    return tmpl_object(&type_sample, s);
}

struct tmpl_value tmpl_sample(struct arena *a, const struct label_set *labels, double value)
{
    return new_sample(a, labels, tmpl_float(value));
}

struct tmpl_value tmpl_sample_histogram(struct arena *a, const struct label_set *labels,
                                        struct str text)
{
    return new_sample(a, labels, tmpl_histogram(text));
}

/* ---- query results ------------------------------------------------------------------------- */

static int query(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_list l = {0};
    int r;

    if (!c->env->query)
        return err_set(err, -ENOTSUP, "queries are not available here");
    r = c->env->query(c->env->query_self, c->args[0].s, c->arena, &l, err);
    if (r < 0)
        return r;
    *ret = tmpl_list(&type_result, l.items, l.n);
    return 0;
}

static int first(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    if (c->args[0].list.n == 0)
        return err_set(err, -EINVAL, "first() called on vector with no elements");
    *ret = c->args[0].list.items[0];
    return 0;
}

static struct str label_of(const struct tmpl_value *sample, struct str name)
{
    const struct sample_object *s = sample->object;
    const struct tmpl_value *v = tmpl_map_get(s->labels.map, name);

    return v ? v->s : STR("");
}

static int label(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_str(label_of(&c->args[1], c->args[0].s));
    return 0;
}

static int strvalue(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_str(label_of(&c->args[0], STR("__value__")));
    return 0;
}

static int value(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = ((const struct sample_object *)c->args[0].object)->value;
    return 0;
}

struct keyed {
    struct str key;
    size_t rank;
    struct tmpl_value sample;
};

static int keyed_cmp(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int c = str_cmp(x->key, y->key);

    return c != 0 ? c : (x->rank > y->rank) - (x->rank < y->rank);
}

static int sort_by_label(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_list *l = &c->args[1].list;
    struct keyed *sorted = arena_array(c->arena, l->n, sizeof *sorted);
    struct tmpl_value *out = arena_array(c->arena, l->n, sizeof *out);

    for (size_t i = 0; i < l->n; i++)
        sorted[i] = (struct keyed){label_of(&l->items[i], c->args[0].s), i, l->items[i]};
    if (l->n > 1)
        qsort(sorted, l->n, sizeof *sorted, keyed_cmp);
    for (size_t i = 0; i < l->n; i++)
        out[i] = sorted[i].sample;
    *ret = tmpl_list(&type_result, out, l->n);
    return 0;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* host:port or [host]:port; false when there is no port or the host is in doubt. */
static bool split_host_port(struct str s, struct str *ret_host, struct str *ret_port)
{
    size_t colon = s.len;

    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    *ret_port = str_n(s.p + colon, s.len - colon);
    *ret_host = str_n(s.p, colon - 1);
    if (ret_host->len > 0 && ret_host->p[0] == '[') {
        if (ret_host->len < 2 || ret_host->p[ret_host->len - 1] != ']')
            return false;
        *ret_host = str_n(ret_host->p + 1, ret_host->len - 2);
    } else if (memchr(ret_host->p, ':', ret_host->len)) {
        return false;
    }
    return !memchr(ret_host->p, '[', ret_host->len) && !memchr(ret_host->p, ']', ret_host->len);
}

static int strip_port(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct str host, port;

    *ret = c->args[0];
    if (split_host_port(c->args[0].s, &host, &port))
        *ret = tmpl_str(host);
    return 0;
}

static bool is_ip(struct str s)
{
    char text[HOST_MAX];
    struct in6_addr address;

    if (s.len >= sizeof text || (s.len > 0 && memchr(s.p, '\0', s.len)))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static int strip_domain(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct str host, port = STR("");
    struct buf b = {.max = TMPL_STRING_MAX};

    if (!split_host_port(c->args[0].s, &host, &port)) {
        host = c->args[0].s;
        port = STR("");
    }
    *ret = c->args[0];
    if (is_ip(host))
        return 0;
    host = str_cut(&host, '.');
    buf_addf(&b, memchr(host.p, ':', host.len) && port.len > 0 ? "[" STR_FMT "]" : STR_FMT,
             STR_ARG(host));
    if (port.len > 0)
        buf_addf(&b, ":" STR_FMT, STR_ARG(port));
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static int parse_duration(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct str s = c->args[0].s;
    struct buf quoted = {.max = ERR_MSG_MAX};
    dur_ms d;
    int r = duration_parse(s.p, s.len, &d, err);

    if (r == 0) {
        *ret = tmpl_float((double)d / 1000);
        return 0;
    }
    quote_add_go(&quoted, s);
    if (s.len == 0)
        err_set(err, r, "empty duration string");
    else if (r == -EINVAL)
        err_set(err, r, "not a valid duration string: " STR_FMT, STR_ARG(buf_str(&quoted)));
    buf_free(&quoted);
    return r;
}

/* ---- links --------------------------------------------------------------------------------- */

static int link_to(struct tmpl_call *c, int tab, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    buf_add_c(&b, "/graph?g0.expr=");
    quote_add_url(&b, c->args[0].s);
    buf_addf(&b, "&g0.tab=%d", tab);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static int graph_link(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return link_to(c, 0, ret, err);
}

static int table_link(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return link_to(c, 1, ret, err);
}

static int external_url(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_str(c->env->external_url);
    return 0;
}

/* The path of the external URL. */
static int path_prefix(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct str s = c->env->external_url, authority;
    size_t scheme = str_find(s, STR("://"));

    s = str_cut(&s, '#');
    s = str_cut(&s, '?');
    if (scheme < s.len) {
        s = str_n(s.p + scheme + 3, s.len - scheme - 3);
        authority = s;
        authority = str_cut(&authority, '/');
        s = str_n(s.p + authority.len, s.len - authority.len);
    }
    *ret = tmpl_str(s);
    return 0;
}

/* ---- other --------------------------------------------------------------------------------- */

static int args_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_pair *pairs = arena_array(c->arena, c->n, sizeof *pairs);

    for (size_t i = 0; i < c->n; i++)
        pairs[i] = (struct tmpl_pair){str_c(arena_printf(c->arena, "arg%zu", i)), c->args[i]};
    *ret = tmpl_map(c->arena, &tmpl_type_any_map, pairs, c->n);
    return 0;
}

/* Executes a definition whose name is computed. Only console pages have it: its output is HTML. */
static int tmpl_fn_call(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_exec *x = c->exec;
    struct buf b = {.max = TMPL_STRING_MAX}, *outer = x->out;
    struct html_context outer_html = x->html;
    const struct node *outer_at = x->at;
    struct err *outer_err = x->err;
    int r = 0;

    if (c->env->html)
        r = html_check_template(x->tmpl, c->args[0].s, err);
    if (r < 0)
        return r;
    x->out = &b;
    x->html = (struct html_context){0};
    x->err = err;
    r = exec_definition(x, c->args[0].s, &c->args[1]);
    x->out = outer;
    x->html = outer_html;
    x->at = outer_at;
    x->err = outer_err;
    if (r < 0) {
        buf_free(&b);
        return r;
    }
    r = tmpl_take_buf(c->arena, &b, ret, err);
    if (r == 0 && c->env->html)
        ret->type = &tmpl_type_html;
    return r;
}

#define ANY    &tmpl_type_any
#define STRING &tmpl_type_string
#define SAMPLE &type_sample
#define RESULT &type_result

static const struct tmpl_func funcs[] = {
    {.name = "args", .fn = args_fn, .params = {ANY}, .variadic = true},
    {.name = "externalURL", .fn = external_url},
    {.name = "first", .fn = first, .params = {RESULT}},
    {.name = "graphLink", .fn = graph_link, .params = {STRING}},
    {.name = "humanize", .fn = humanize_fn, .params = {ANY}},
    {.name = "humanize1024", .fn = humanize1024_fn, .params = {ANY}},
    {.name = "humanizeDuration", .fn = humanize_duration_fn, .params = {ANY}},
    {.name = "humanizePercentage", .fn = humanize_percentage_fn, .params = {ANY}},
    {.name = "humanizeTimestamp", .fn = humanize_timestamp_fn, .params = {ANY}},
    {.name = "label", .fn = label, .params = {STRING, SAMPLE}},
    {.name = "match", .fn = common_match, .params = {STRING, STRING}},
    {.name = "parseDuration", .fn = parse_duration, .params = {STRING}},
    {.name = "pathPrefix", .fn = path_prefix},
    {.name = "query", .fn = query, .params = {STRING}},
    {.name = "reReplaceAll", .fn = common_replace, .params = {STRING, STRING, STRING}},
    {.name = "safeHtml", .fn = common_safe_html, .params = {STRING}},
    {.name = "sortByLabel", .fn = sort_by_label, .params = {STRING, RESULT}},
    {.name = "stripDomain", .fn = strip_domain, .params = {STRING}},
    {.name = "stripPort", .fn = strip_port, .params = {STRING}},
    {.name = "strvalue", .fn = strvalue, .params = {SAMPLE}},
    {.name = "tableLink", .fn = table_link, .params = {STRING}},
    {.name = "title", .fn = common_title_keep, .params = {STRING}},
    {.name = "tmpl", .fn = tmpl_fn_call, .params = {STRING, ANY}},
    {.name = "toLower", .fn = common_to_lower, .params = {STRING}},
    {.name = "toTime", .fn = humanize_to_time_fn, .params = {ANY}},
    {.name = "toUpper", .fn = common_to_upper, .params = {STRING}},
    {.name = "value", .fn = value, .params = {SAMPLE}},
};

const struct tmpl_functions template_prometheus_functions = {funcs, ARRAY_LEN(funcs), NULL};
