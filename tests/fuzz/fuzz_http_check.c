/* SPDX-License-Identifier: Apache-2.0 */
/* What a web server answers to a check: headers, an empty line, the body. Whatever it is, it is judged with a step and
 * words, and the page has its status. */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "base/regex.h"
#include "probes/http_check_priv.h"

static struct regex *pattern(const char *text)
{
    struct regex *r;

    must(regex_new(str_c(text), REGEX_SEARCH, &r, NULL) == 0);
    return r;
}

static void judge(struct str headers, struct str body, const struct config_http_check *c)
{
    struct http_outcome o = {
        .resolved = true, .answered = true, .facts = {.status = 200, .version = 11}};
    CLEANUP(buf_free) struct buf out = {0};
    struct metric_page page = {0};
    const char *step = NULL;
    struct err err = {0};

    buf_add_str(&o.facts.headers, headers);
    if (http_outcome_judge(&o, c, body, &step, &err) < 0)
        must(step && err.code < 0 && err.msg[0]);
    arena_init(&page.arena, 0);
    http_outcome_page(&o, &page);
    metric_page_write(&page, &out);
    metric_page_deinit(&page);
    must(str_find(buf_str(&out), STR("probe_http_status_code 200\n")) < out.len);
    http_facts_deinit(&o.facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct regex *up, *hit;
    struct str all = str_n((const char *)data, size), headers = all, body = STR("");
    size_t end = str_find(all, STR("\n\n"));
    struct config_http_check c = config_http_check_defaults;
    struct config_header_pattern h;

    if (!up) {
        up = pattern("\"status\": *\"UP\"");
        hit = pattern("HIT");
    }
    if (end < all.len) {
        headers = str_n(all.p, end + 1);
        body = str_n(all.p + end + 2, all.len - end - 2);
    }
    h = (struct config_header_pattern){.header = "X-Cache", .regex = hit};
    c.body_not_matches = &up;
    c.header_not_matches = &h;
    c.n_body_not_matches = c.n_header_not_matches = 1;
    judge(headers, body, &c);
    c.body_matches = &up;
    c.header_matches = &h;
    c.n_body_matches = c.n_header_matches = 1;
    c.n_body_not_matches = c.n_header_not_matches = 0;
    judge(headers, body, &c);
    return 0;
}
