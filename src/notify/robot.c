/* SPDX-License-Identifier: Apache-2.0 */
/*
 * robot - what the robots of chat groups have in common: texts, and answers that say 200 and mean
 * no
 */
#include <stdio.h>

#include "base/json.h"
#include "notify/notify_priv.h"

#define ROBOT_TIMEOUT_MS 10000
#define WORDS_MAX        120 /* bytes of the far end's words that are shown */

void robot_texts(const struct render *r, size_t max, struct buf *title, struct buf *message)
{
    const struct config_robot *c = r->settings;
    size_t keyword = c->keyword ? strlen(c->keyword) + 1 : 0;
    char stock[32];

    snprintf(stock, sizeof stock, "tocsin.%s.title", c->english ? "en" : "zh");
    text_render(r, c->title, stock, c->english, ROBOT_TITLE_MAX, title);
    snprintf(stock, sizeof stock, "tocsin.%s.%s", c->english ? "en" : "zh",
             c->text ? "text" : "markdown");
    text_render(r, c->message, stock, c->english, max - keyword, message);
    if (keyword)
        buf_addf(message, "\n%s", c->keyword);
}

void robot_add_names(struct json_writer *w, const char *key, const char *const *names, size_t n,
                     bool all)
{
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        json_c(w, names[i]);
    if (all)
        json_c(w, "@all");
    json_array_end(w);
}

static bool is_one_of(int64_t code, const int64_t *codes)
{
    while (*codes && *codes != code)
        codes++;
    return *codes != 0;
}

enum verdict robot_judge(const struct answer *a, const char *code, const char *words,
                         const int64_t *retriable, struct buf *why)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    const struct json *number = NULL;
    struct str said;

    if (json_doc_parse(a->body, &doc, NULL) == 0)
        number = json_get(doc, code);
    if (!number) {
        buf_addf(why, "the answer has no %s: %.*s", code, (int)str_utf8_prefix(a->body, WORDS_MAX),
                 a->body.p ? a->body.p : "");
        return RETRIABLE; /* a proxy's page, most likely */
    }
    if (json_int(number) == 0)
        return ACCEPTED;
    said = json_text(json_get(doc, words));
    buf_addf(why, "%s %lld: %.*s", code, (long long)json_int(number),
             (int)str_utf8_prefix(said, WORDS_MAX), said.len ? said.p : "");
    return is_one_of(json_int(number), retriable) ? RETRIABLE : REFUSED;
}

struct outgoing robot_post(const struct config_robot *c, const struct buf *url,
                           const struct buf *body)
{
    return (struct outgoing){
        .method = "POST",
        .url = url->p,
        .content_type = "application/json; charset=utf-8",
        .body = buf_str(body),
        .http = &c->http,
        .timeout = ROBOT_TIMEOUT_MS,
    };
}
