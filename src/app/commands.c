/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

#include "app/flags.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/quote.h"
#include "net/http_client.h"

#define ANSWER_MAX (64u << 20) /* bytes; what a person reads on a terminal is far below */

int command_flags(const struct flag_set *set, int argc, char **argv, void *options, int *ret_code)
{
    struct err err = {0};
    int n;

    if (flags_ask_help(argc, argv)) {
        flags_help(set);
        *ret_code = EXIT_OK;
        return -1;
    }
    n = flags_parse(set, argc, argv, options, &err);
    if (n < 0) {
        command_complain(&err);
        *ret_code = EXIT_USAGE;
        return -1;
    }
    return n;
}

void command_complain(const struct err *err)
{
    fprintf(stderr, "tocsin: %s\n", err->msg);
}

/* ---- asking a running server --------------------------------------------------------------- */

void command_add_param(struct buf *url, const char *name, const char *value)
{
    if (!*value)
        return;
    buf_addf(url, "%c%s=", strchr(url->p, '?') ? '&' : '?', name);
    quote_add_url(url, str_c(value));
}

static int print_answer(const struct http_response *answer, bool raw,
                        void print(const struct json *data))
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    struct str body = buf_str(&answer->body);
    struct err err = {0};

    if (raw) {
        fwrite(body.p, 1, body.len, stdout);
        putchar('\n');
        return answer->status == 200 ? EXIT_OK : EXIT_FAILED;
    }
    if (json_doc_parse(body, &doc, &err) < 0) {
        fprintf(stderr,
                say("tocsin: HTTP status %d, not an API answer: %s\n",
                    "tocsin：HTTP 状态 %d，不是 API 应答：%s\n"),
                answer->status, err.msg);
        return EXIT_FAILED;
    }
    if (!str_eq(json_text(json_get(doc, "status")), STR("success"))) {
        fprintf(stderr, "tocsin: " STR_FMT "\n", STR_ARG(json_text(json_get(doc, "error"))));
        return EXIT_FAILED;
    }
    print(json_get(doc, "data"));
    return EXIT_OK;
}

int command_ask(const char *url, dur_ms timeout, bool raw, void print(const struct json *data))
{
    struct http_response answer = {0};
    struct err err = {0};
    int code;

    if (http_fetch(&(struct http_request){.method = "GET",
                                          .url = url,
                                          .timeout = timeout,
                                          .max_body = ANSWER_MAX,
                                          .accept_gzip = true},
                   &answer, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = print_answer(&answer, raw, print);
    http_response_deinit(&answer);
    return code;
}
