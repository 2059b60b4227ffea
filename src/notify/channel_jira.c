/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_jira - an issue for each group (alertmanager.md 5.12)
 *
 *     0 search     the group's issue, by a label that holds the hash of its key
 *     1 write      it is created, or brought up to date
 *     2 list       the transitions that it can take,   when it has to be closed or opened again
 *     3 transition
 *
 * Between them the exchange keeps a line: the issue's key, "" when there is none; and another: "done"
 * or "open", later the wanted transition's name, then its id.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/quote.h"
#include "notify/notify_priv.h"

#define SUMMARY_MAX     255   /* characters */
#define DESCRIPTION_MAX 32767 /* characters */

enum step { SEARCH, WRITE, LIST, TRANSITION };

static void keep(struct exchange *x, struct str key, struct str other)
{
    CLEANUP(buf_free) struct buf both = {0};

    buf_addf(&both, STR_FMT "\n" STR_FMT, STR_ARG(key), STR_ARG(other));
    buf_reset(&x->kept);
    buf_add_str(&x->kept, buf_str(&both));
}

static struct str kept_key(const struct exchange *x, struct str *other)
{
    struct str rest = buf_str(&x->kept), key = str_cut(&rest, '\n');

    *other = rest;
    return key;
}

/* ---- 0 search ------------------------------------------------------------------------------ */

static bool is_cloud(const struct config_jira *c)
{
    struct str rest = str_c(c->api_url), host;

    if (c->api != JIRA_AUTO)
        return c->api == JIRA_CLOUD;
    rest = str_n(rest.p + str_find(rest, STR("://")), rest.len - str_find(rest, STR("://")));
    rest = str_n(rest.p + 3, rest.len - 3);
    host = str_cut(&rest, '/');
    return str_has_suffix(host, STR(".atlassian.net"));
}

static void add_search_url(const struct config_jira *c, struct buf *url)
{
    struct str api = str_c(c->api_url);
    static const struct str v2 = {"/rest/api/2", sizeof "/rest/api/2" - 1};

    if (!is_cloud(c)) {
        buf_addf(url, "%s/search", c->api_url);
        return;
    }
    if (str_has_suffix(api, v2)) {
        api.len -= 1;
        buf_addf(url, STR_FMT "3/search/jql", STR_ARG(api));
    } else {
        buf_addf(url, "%s/search/jql", c->api_url);
    }
}

static void add_jql(const struct render *r, struct buf *jql)
{
    const struct config_jira *c = r->settings;
    bool reopens = field_firing(r) && *field_text(r, c->reopen_transition, NULL, 0) &&
                   c->reopen_duration > 0;

    if (c->wont_fix_resolution && *c->wont_fix_resolution) {
        buf_add_c(jql, "(resolution is EMPTY or resolution != ");
        quote_add_go(jql, str_c(field_text(r, c->wont_fix_resolution, NULL, 0)));
        buf_add_c(jql, ") and ");
    }
    if (reopens)
        buf_addf(jql, "(resolutiondate is EMPTY OR resolutiondate >= -%lldm) and ",
                 (long long)(c->reopen_duration / 60000));
    else
        buf_add_c(jql, "statusCategory != Done and ");
    buf_add_c(jql, "project=");
    quote_add_go(jql, str_c(field_text(r, c->project, NULL, 0)));
    buf_addf(jql, " and labels=\"ALERT{%s}\" order by status ASC,resolutiondate DESC",
             field_group_hash(r));
}

static void search(const struct render *r, struct buf *url, struct json_writer *w)
{
    CLEANUP(buf_free) struct buf jql = {0};

    add_search_url(r->settings, url);
    add_jql(r, &jql);
    json_kv_str(w, "jql", buf_str(&jql));
    json_kv_i64(w, "maxResults", 2);
    json_key_c(w, "fields");
    json_array_begin(w);
    json_c(w, "status");
    json_array_end(w);
    keep(r->x, STR(""), field_firing(r) ? STR("firing") : STR("resolved"));
    r->x->more = true;
}

static enum verdict judge_search(const struct answer *a, const struct json *doc, struct buf *why)
{
    const struct json *issue = json_at(json_get(doc, "issues"), 0), *status;
    struct str state, key = json_text(json_get(issue, "key"));

    if (!json_get(doc, "issues")) {
        buf_add_c(why, "the answer to the search has no issues");
        return RETRIABLE;
    }
    kept_key(a->x, &state);
    if (key.len == 0 && str_eq(state, STR("resolved")))
        a->x->more = false; /* there never was an issue, or a person has closed it */
    status = json_get(json_get(json_get(json_get(issue, "fields"), "status"), "statusCategory"),
                      "key");
    keep(a->x, key, str_eq(json_text(status), STR("done")) ? STR("done") : STR("open"));
    return ACCEPTED;
}

/* ---- 1 write ------------------------------------------------------------------------------- */

static int cmp_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_labels(struct json_writer *w, const struct render *r)
{
    const struct config_jira *c = r->settings;
    const char **labels = arena_array(r->arena, c->n_labels + 1, sizeof *labels);

    for (size_t i = 0; i < c->n_labels; i++)
        labels[i] = field_text(r, c->labels[i], NULL, 0);
    labels[c->n_labels] = arena_printf(r->arena, "ALERT{%s}", field_group_hash(r));
    qsort(labels, c->n_labels + 1, sizeof *labels, cmp_text);
    json_key_c(w, "labels");
    json_array_begin(w);
    for (size_t i = 0; i < c->n_labels + 1; i++)
        json_c(w, labels[i]);
    json_array_end(w);
}

static void add_named(struct json_writer *w, const char *key, const char *name, const char *value)
{
    json_key_c(w, key);
    json_object_begin(w);
    json_kv_c(w, name, value);
    json_object_end(w);
}

/* Version 3 takes documents only: a text is put into one, unless it is one already. */
static void add_document(struct json_writer *w, struct str text)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;

    json_key_c(w, "description");
    if (json_doc_parse(text, &doc, NULL) == 0 && json_type_of(doc) == JSON_OBJECT) {
        json_raw(w, text);
        return;
    }
    json_object_begin(w);
    json_kv_c(w, "type", "doc");
    json_kv_i64(w, "version", 1);
    json_key_c(w, "content");
    json_array_begin(w);
    json_object_begin(w);
    json_kv_c(w, "type", "paragraph");
    json_key_c(w, "content");
    json_array_begin(w);
    json_object_begin(w);
    json_kv_c(w, "type", "text");
    json_kv_str(w, "text", text);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
}

static void add_description(struct json_writer *w, const struct render *r)
{
    const struct config_jira *c = r->settings;
    struct str text = field_message(r, c->description.text, "jira.default.description",
                                    DESCRIPTION_MAX, NULL);

    if (str_has_suffix(str_c(c->api_url), STR("/3")))
        add_document(w, text);
    else
        json_kv_str(w, "description", text);
}

static void add_issue(struct json_writer *w, const struct render *r, bool is_new)
{
    const struct config_jira *c = r->settings;
    const char *priority = field_text(r, c->priority, "jira.default.priority", 0);

    json_key_c(w, "fields");
    json_object_begin(w);
    add_named(w, "project", "key", field_text(r, c->project, NULL, 0));
    add_named(w, "issuetype", "name", field_text(r, c->issue_type, NULL, 0));
    if (is_new || !c->summary.keep)
        json_kv_c(w, "summary",
                  field_text(r, c->summary.text, "jira.default.summary", SUMMARY_MAX));
    if (is_new || !c->description.keep)
        add_description(w, r);
    add_labels(w, r);
    if (*priority)
        add_named(w, "priority", "name", priority);
    field_add_members(w, r, c->fields, false);
    json_object_end(w);
}

/* The transition that a found issue needs; "": none. */
static const char *wanted_transition(const struct render *r, bool done)
{
    const struct config_jira *c = r->settings;

    if (field_firing(r) && done)
        return field_text(r, c->reopen_transition, NULL, 0);
    if (!field_firing(r) && !done)
        return field_text(r, c->resolve_transition, NULL, 0);
    return "";
}

static void write_issue(const struct render *r, struct buf *url, struct json_writer *w,
                        const char **method)
{
    const struct config_jira *c = r->settings;
    struct str state, key = kept_key(r->x, &state);
    const char *transition = "";

    buf_addf(url, "%s/issue", c->api_url);
    if (key.len > 0) {
        buf_addf(url, "/" STR_FMT, STR_ARG(key));
        *method = "PUT";
        transition = wanted_transition(r, str_eq(state, STR("done")));
        keep(r->x, key, str_c(transition));
    }
    add_issue(w, r, key.len == 0);
    r->x->more = *transition;
}

/* ---- 2 list, 3 transition ------------------------------------------------------------------ */

static enum verdict judge_list(const struct answer *a, const struct json *doc, struct buf *why)
{
    struct str name, key = kept_key(a->x, &name);
    const struct json *list = json_get(doc, "transitions");

    for (size_t i = 0; i < json_len(list); i++)
        if (str_eq(json_text(json_get(json_at(list, i), "name")), name)) {
            keep(a->x, key, json_text(json_get(json_at(list, i), "id")));
            return ACCEPTED;
        }
    buf_addf(why, "issue " STR_FMT " can take no transition \"" STR_FMT "\"", STR_ARG(key),
             STR_ARG(name));
    return REFUSED;
}

/* ---- all ----------------------------------------------------------------------------------- */

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    static const struct http_header english = {"Accept-Language", "en"};
    const struct config_jira *c = in_bytes->settings;
    struct render r = *in_bytes;
    const char *method = "POST";
    struct str other, key;
    struct json_writer w;

    r.characters = true;
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    switch ((enum step)r.x->step) {
    case SEARCH: search(&r, url, &w); break;
    case WRITE: write_issue(&r, url, &w, &method); break;
    case LIST:
    case TRANSITION:
        key = kept_key(r.x, &other);
        buf_addf(url, "%s/issue/" STR_FMT "/transitions", c->api_url, STR_ARG(key));
        json_key_c(&w, "transition");
        json_object_begin(&w);
        json_kv_str(&w, "id", other);
        json_object_end(&w);
        r.x->more = r.x->step == LIST;
    }
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    ret->method = method;
    ret->headers = &english; /* names of transitions are not to depend on who asks */
    ret->n_headers = 1;
    if (r.x->step == LIST) {
        ret->method = "GET";
        ret->body = STR_NONE;
        ret->content_type = NULL;
    }
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;

    if (a->x->step != SEARCH && a->x->step != LIST)
        return ACCEPTED;
    if (json_doc_parse(a->body, &doc, NULL) < 0) {
        buf_add_c(why, "the answer is no JSON");
        return RETRIABLE;
    }
    return a->x->step == SEARCH ? judge_search(a, doc, why) : judge_list(a, doc, why);
}

const struct channel channel_jira = {.name = "jira", .render = render, .judge = judge};
