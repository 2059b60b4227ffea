/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/grpc_message_priv.h"

#include <errno.h>

#include "base/num.h"
#include "base/pb.h"

#define PREFIX_SIZE 5
#define WORDS_MAX   200 /* bytes of a server's message that are shown */
#define CODES       17

const char *const grpc_health_names[GRPC_HEALTHS] = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                                     "SERVICE_UNKNOWN"};

const char *grpc_code_name(int code)
{
    static const char *const names[CODES] = {"OK",
                                             "CANCELLED",
                                             "UNKNOWN",
                                             "INVALID_ARGUMENT",
                                             "DEADLINE_EXCEEDED",
                                             "NOT_FOUND",
                                             "ALREADY_EXISTS",
                                             "PERMISSION_DENIED",
                                             "RESOURCE_EXHAUSTED",
                                             "FAILED_PRECONDITION",
                                             "ABORTED",
                                             "OUT_OF_RANGE",
                                             "UNIMPLEMENTED",
                                             "INTERNAL",
                                             "UNAVAILABLE",
                                             "DATA_LOSS",
                                             "UNAUTHENTICATED"};

    return code >= 0 && code < CODES ? names[code] : "a code of its own";
}

void grpc_health_request_add(struct buf *out, const char *service)
{
    CLEANUP(buf_free) struct buf message = {0};
    char prefix[PREFIX_SIZE] = {0};

    if (service && service[0])
        pb_add_bytes(&message, 1, str_c(service));
    for (int i = 0; i < 4; i++)
        prefix[1 + i] = (char)(message.len >> (24 - 8 * i));
    buf_add(out, prefix, sizeof prefix);
    buf_add_str(out, buf_str(&message));
}

static int read_status(struct str message, struct err *err)
{
    struct pb p = pb_of(message);
    struct pb_field f;
    uint64_t status = HEALTH_UNKNOWN;

    while (pb_next(&p, &f)) {
        if (f.key == PB_KEY(1, PB_VARINT))
            status = f.value;
        else
            pb_skip(&p, &f, 1);
    }
    if (p.broken || status >= GRPC_HEALTHS)
        return err_set(err, -EPROTO, "the server's message is no HealthCheckResponse");
    return (int)status;
}

int grpc_health_reply_read(struct str body, struct err *err)
{
    size_t len = 0;

    if (body.len < PREFIX_SIZE)
        return err_set(err, -EPROTO, "the server sent no message");
    if (body.p[0] != 0)
        return err_set(err, -EPROTO, "the server sent a compressed message, unasked");
    for (int i = 1; i < PREFIX_SIZE; i++)
        len = len << 8 | (uint8_t)body.p[i];
    if (len != body.len - PREFIX_SIZE)
        return err_set(err, -EPROTO, "the server's message has %zu bytes, not %zu",
                       body.len - PREFIX_SIZE, len);
    return read_status(str_n(body.p + PREFIX_SIZE, len), err);
}

/* ---- how a call ended ---------------------------------------------------------------------- */

static struct str find_header(struct str headers, struct str name)
{
    while (headers.len) {
        struct str value = str_cut(&headers, '\n'), key = str_cut(&value, ':');

        if (str_eq_nocase(key, name))
            return str_trim(value);
    }
    return STR_NONE;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent signs stand before the hex of bytes. What is no text is left out. */
static void add_words(struct buf *words, struct str text)
{
    CLEANUP(buf_free) struct buf plain = {0};
    struct str all;

    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == '%' && text.len - i > 2 && hex(text.p[i + 1]) >= 0 &&
            hex(text.p[i + 2]) >= 0) {
            buf_add_byte(&plain, (char)(hex(text.p[i + 1]) << 4 | hex(text.p[i + 2])));
            i += 2;
        } else {
            buf_add_byte(&plain, text.p[i]);
        }
    all = buf_str(&plain);
    if (str_is_utf8(all))
        buf_add(words, all.p, str_utf8_prefix(all, WORDS_MAX));
}

/* As the protocol of gRPC has it for answers that are none of gRPC. */
static int code_of_http(int status)
{
    switch (status) {
    case 400: return GRPC_INTERNAL;
    case 401: return GRPC_UNAUTHENTICATED;
    case 403: return GRPC_PERMISSION;
    case 404: return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return GRPC_UNAVAILABLE;
    default: return GRPC_UNKNOWN;
    }
}

int grpc_status_read(struct str headers, int http_status, struct buf *words)
{
    struct str status = find_header(headers, STR("grpc-status"));
    uint64_t code;

    if (num_parse_u64(status, &code) && code <= INT32_MAX) {
        add_words(words, find_header(headers, STR("grpc-message")));
        return (int)code;
    }
    buf_addf(words, "status %d of HTTP and no grpc-status", http_status);
    return code_of_http(http_status);
}
