/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/flags.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/num.h"
#include "base/quote.h"
#include "net/http_client.h"

#define SECONDS_MAX 1e12        /* 31 000 years */
#define ANSWER_MAX  (64u << 20) /* bytes; what a person reads on a terminal is far below */

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

/* ---- texts ------------------------------------------------------------------------------- */

int command_parse_time(const char *name, const char *text, unix_ms *ret, struct err *err)
{
    unix_ns ns;
    double seconds;

    if (!*text)
        return 0;
    if (num_parse_double(str_c(text), &seconds) && fabs(seconds) <= SECONDS_MAX) {
        *ret = (unix_ms)llround(seconds * 1000);
        return 0;
    }
    if (time_parse_rfc3339(str_c(text), &ns, NULL, err) < 0)
        return err_set(err, -EINVAL, "--%s: \"%s\" is neither RFC 3339 nor Unix seconds", name,
                       text);
    *ret = ns / 1000000;
    return 0;
}

static bool print_label(struct str name, const struct json *value, void *arg)
{
    bool *first = arg;

    printf("%s" STR_FMT "=\"" STR_FMT "\"", *first ? "" : ", ", STR_ARG(name),
           STR_ARG(json_text(value)));
    *first = false;
    return true;
}

void command_print_labels(const struct json *labels)
{
    bool first = true;

    putchar('{');
    json_each(labels, print_label, &first);
    putchar('}');
}

/* ---- asking a running server --------------------------------------------------------------- */

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

static int fetch(struct http_request *request, bool raw, void print(const struct json *data))
{
    struct http_response answer = {0};
    struct err err = {0};
    int code;

    request->max_body = ANSWER_MAX;
    request->accept_gzip = true;
    if (http_fetch(request, &answer, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = print_answer(&answer, raw, print);
    http_response_deinit(&answer);
    return code;
}

int command_ask(const char *url, dur_ms timeout, bool raw, void print(const struct json *data))
{
    struct http_request request = {.method = "GET", .url = url, .timeout = timeout};

    return fetch(&request, raw, print);
}

int command_post(const char *url, struct str body, dur_ms timeout, bool raw,
                 void print(const struct json *data))
{
    struct http_header type = {"Content-Type", "application/yaml"};
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .headers = &type,
                                   .n_headers = 1,
                                   .body = body,
                                   .timeout = timeout};

    return fetch(&request, raw, print);
}
