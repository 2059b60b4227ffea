/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail: email_configs of a receiver, and the smtp_ keys of `global`, which are their defaults.
 */
#include "config/config_priv.h"

#include <ctype.h>
#include <strings.h>

/* host:port, as an address of a mail server needs it. */
static void read_smarthost(struct decoder *d, const struct yaml_node *node, void *value,
                           size_t *count)
{
    size_t after_colon = node->text.len;

    if (!is_text(d, node) || node->text.len == 0)
        return;
    while (after_colon > 0 && node->text.p[after_colon - 1] != ':')
        after_colon--;
    if (after_colon == 0)
        decoder_wrong(d, node, "address %s: missing port in address", shown(d, node->text));
    else if (after_colon == node->text.len)
        decoder_wrong(d, node, "address %s: port cannot be empty", shown(d, node->text));
    else
        *(const char **)value = decoder_text(d, node->text);
}

/* ---- headers ------------------------------------------------------------------------------- */

/* A name of RFC 5322: printable bytes but the colon. */
static bool is_header_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
            return false;
    return name.len > 0;
}

/* As Alertmanager compares them: X-Site, whatever way it is written. */
static const char *canonical(struct decoder *d, struct str name)
{
    CLEANUP(buf_free)
    struct buf out = {0};

    for (size_t i = 0; i < name.len; i++)
        buf_add_byte(
            &out, (char)(i == 0 || name.p[i - 1] == '-' ? toupper(name.p[i]) : tolower(name.p[i])));
    return decoder_text(d, buf_str(&out));
}

void read_header_texts(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct http_header *headers;
    size_t n = 0;

    if (!is_mapping(d, node))
        return;
    headers = arena_array(&d->config->arena, node->n + 1, sizeof *headers);
    for (size_t i = 0; i < node->n && !d->config->arena.overflow; i++) {
        const struct yaml_node *name = node->keys[i], *text = node->values[i];

        if (!is_text(d, name) || (!yaml_is_null(text) && !is_text(d, text)))
            continue;
        if (!is_header_name(name->text)) {
            decoder_wrong(d, name, "%s cannot be the name of a header", shown(d, name->text));
            continue;
        }
        headers[n++] = (struct http_header){canonical(d, name->text),
                                            yaml_is_null(text) ? "" : decoder_text(d, text->text)};
    }
    *(const struct http_header **)value = headers;
    *count = n;
}

static bool has_header(const struct config_email *e, const char *name, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (strcasecmp(e->headers[i].name, name) == 0)
            return true;
    return false;
}

/* ---- threading ----------------------------------------------------------------------------- */

static void read_is_daily(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    *(bool *)value = node->kind == YAML_SCALAR && str_eq(node->text, STR("daily"));
}

static int check_threading(struct decoder *d, const struct config_email *e,
                           const struct yaml_node *node)
{
    const struct yaml_node *threading = yaml_get(node, "threading"),
                           *by = threading ? yaml_get(threading, "thread_by_date") : NULL;

    if (!e->threaded)
        return 0;
    if (yaml_is_null(by) || (!e->thread_daily && !str_eq(by->text, STR("none"))))
        return decoder_fail(d, by ? by : threading,
                            "threading.thread_by_date must be either 'none' or 'daily'");
    if (has_header(e, "References", e->n_headers) || has_header(e, "In-Reply-To", e->n_headers))
        return decoder_fail(d, place_of(node, "headers"),
                            "threading makes References and In-Reply-To itself: they cannot "
                            "stand in headers");
    return 0;
}

/* ---- email --------------------------------------------------------------------------------- */

static void take_defaults(struct smtp_options *s, const struct smtp_options *g,
                          const struct yaml_node *node)
{
    take_default(&s->smarthost, g->smarthost);
    take_default(&s->hello, is_given(g->hello) ? g->hello : "localhost");
    take_default(&s->username, g->username);
    take_default(&s->identity, g->identity);
    take_secret_default(&s->password, &s->password_file, g->password, g->password_file);
    take_secret_default(&s->secret, &s->secret_file, g->secret, g->secret_file);
    if (!has_key(node, "require_tls"))
        s->no_tls_needed = g->no_tls_needed;
    if (!has_key(node, "tls_config"))
        s->tls = g->tls;
    if (!has_key(node, "force_implicit_tls"))
        s->implicit_tls = g->implicit_tls;
}

static int check_email(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_email *e = object;
    const struct config_email *g = &d->global.email;
    int status;

    e->line = node->line;
    if (!is_given(e->to))
        return decoder_fail(d, node, "missing to address in email config");
    for (size_t i = 0; i < e->n_headers; i++)
        if (has_header(e, e->headers[i].name, i))
            return decoder_fail(d, place_of(node, "headers"),
                                "duplicate header \"%s\" in email config", e->headers[i].name);
    status = at_most_one(d, node, "auth_password", "auth_password_file");
    if (status == 0)
        status = at_most_one(d, node, "auth_secret", "auth_secret_file");
    if (status == 0)
        status = check_threading(d, e, node);
    if (status < 0)
        return status;
    take_defaults(&e->smtp, &g->smtp, node);
    if (!is_given(e->smtp.smarthost))
        return decoder_fail(d, node, "no global SMTP smarthost set");
    take_default(&e->from, g->from);
    if (!is_given(e->from))
        return decoder_fail(d, node, "no global SMTP from set");
    return 0;
}

static void read_require_tls(struct decoder *d, const struct yaml_node *node, void *value,
                             size_t *count)
{
    const struct field flag = {.key = "require_tls", .kind = FIELD_BOOL};
    bool required = true;

    decode_field(d, &flag, node, &required);
    *(bool *)value = !required;
}

static void read_implicit_tls(struct decoder *d, const struct yaml_node *node, void *value,
                              size_t *count)
{
    const struct field flag = {.key = "force_implicit_tls", .kind = FIELD_BOOL};
    bool forced = false;

    decode_field(d, &flag, node, &forced);
    *(enum smtp_tls *)value = forced ? SMTP_TLS_FROM_START : SMTP_TLS_LATER;
}

static const struct field threading_fields[] = {
    BOOL("enabled", struct config_email, threaded),
    READ("thread_by_date", struct config_email, thread_daily, bool, read_is_daily),
};
static const struct block threading_block = {.name = "email threading", FIELDS(threading_fields)};

static const struct field email_fields[] = {
    BOOL("send_resolved", struct config_email, send_resolved),
    TEXT("to", struct config_email, to),
    TEXT("from", struct config_email, from),
    TEXT("hello", struct config_email, smtp.hello),
    READ("smarthost", struct config_email, smtp.smarthost, const char *, read_smarthost),
    TEXT("auth_username", struct config_email, smtp.username),
    SECRET("auth_password", struct config_email, smtp.password),
    PATH("auth_password_file", struct config_email, smtp.password_file),
    SECRET("auth_secret", struct config_email, smtp.secret),
    PATH("auth_secret_file", struct config_email, smtp.secret_file),
    TEXT("auth_identity", struct config_email, smtp.identity),
    READ_MANY("headers", struct config_email, headers, const struct http_header *,
              read_header_texts),
    TEXT("html", struct config_email, html),
    TEXT("text", struct config_email, text),
    READ("require_tls", struct config_email, smtp.no_tls_needed, bool, read_require_tls),
    READ("force_implicit_tls", struct config_email, smtp.implicit_tls, enum smtp_tls,
         read_implicit_tls),
    BLOCK("tls_config", struct config_email, smtp.tls, &tls_block),
    MORE_KEYS("threading", &threading_block),
};
static const struct config_email email_defaults = {
    .html = "{{ template \"email.default.html\" . }}",
};
const struct block email_block = {
    .name = "email",
    FIELDS(email_fields),
    .size = sizeof(struct config_email),
    .defaults = &email_defaults,
    .check = check_email,
};

static const struct field global_smtp_fields[] = {
    TEXT("smtp_from", struct config_email, from),
    TEXT("smtp_hello", struct config_email, smtp.hello),
    READ("smtp_smarthost", struct config_email, smtp.smarthost, const char *, read_smarthost),
    TEXT("smtp_auth_username", struct config_email, smtp.username),
    TEXT("smtp_auth_identity", struct config_email, smtp.identity),
    SECRET("smtp_auth_password", struct config_email, smtp.password),
    PATH("smtp_auth_password_file", struct config_email, smtp.password_file),
    SECRET("smtp_auth_secret", struct config_email, smtp.secret),
    PATH("smtp_auth_secret_file", struct config_email, smtp.secret_file),
    READ("smtp_require_tls", struct config_email, smtp.no_tls_needed, bool, read_require_tls),
    READ("smtp_force_implicit_tls", struct config_email, smtp.implicit_tls, enum smtp_tls,
         read_implicit_tls),
    BLOCK("smtp_tls_config", struct config_email, smtp.tls, &tls_block),
};
const struct block global_smtp_block = {.name = "global smtp", FIELDS(global_smtp_fields)};
