/* SPDX-License-Identifier: Apache-2.0 */
#include "config/decode_priv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/quote.h"

#define NUMBER_TEXT_MAX 64 /* bytes; no number that somebody wrote by hand is longer */

static bool is_plain(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->quoted;
}

/* The words of YAML 1.1, which is what Prometheus and Alertmanager read. */
bool scalar_bool(const struct yaml_node *node, bool *ret)
{
    static const char *const words[2][11] = {
        {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"},
        {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"},
    };

    if (!is_plain(node))
        return false;
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < ARRAY_LEN(words[v]); i++)
            if (str_eq_c(node->text, words[v][i])) {
                *ret = v == 1;
                return true;
            }
    return false;
}

bool scalar_number(const struct yaml_node *node, double *ret)
{
    return is_plain(node) && num_parse_double(node->text, ret);
}

/* 1000, 1_000, 0x3e8, 01750 and 1e3 are one number in YAML 1.1. */
bool scalar_count(const struct yaml_node *node, uint64_t *ret)
{
    char digits[NUMBER_TEXT_MAX + 1];
    size_t n = 0;
    double number;
    char *end;

    if (!is_plain(node) || node->text.len > NUMBER_TEXT_MAX || node->text.len == 0 ||
        !isdigit((unsigned char)node->text.p[0]))
        return false;
    for (size_t i = 0; i < node->text.len; i++)
        if (node->text.p[i] != '_')
            digits[n++] = node->text.p[i];
    digits[n] = '\0';
    errno = 0;
    *ret = strtoull(digits, &end, 0);
    if (*end == '\0')
        return errno == 0;
    if (!num_parse_double(str_n(digits, n), &number) || number != floor(number) || number >= 0x1p63)
        return false;
    *ret = (uint64_t)number;
    return true;
}

bool scalar_duration(const struct yaml_node *node, dur_ms *ret, struct err *why)
{
    struct err reason = {0};
    CLEANUP(buf_free)
    struct buf text = {0};

    if (node->text.len == 0) {
        err_set(why, -EINVAL, "empty duration string, expected something like 30s or 1h30m");
        return false;
    }
    if (duration_parse(node->text.p, node->text.len, ret, &reason) == 0)
        return true;
    quote_add_go(&text, str_n(node->text.p, str_utf8_prefix(node->text, CONFIG_QUOTE_MAX)));
    err_set(why, reason.code,
            "not a valid duration string: %s (%s), expected something like 30s or 1h30m", text.p,
            reason.msg);
    return false;
}

/* Longest first where one begins with the other. */
static const struct go_unit {
    const char *name;
    double ns;
} go_units[] = {
    {"ns", 1},   {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3},
    {"ms", 1e6}, {"s", 1e9},  {"m", 60e9}, {"h", 3600e9},
};

static size_t digits_at(struct str s)
{
    size_t n = 0;

    while (n < s.len && (isdigit((unsigned char)s.p[n]) || s.p[n] == '.'))
        n++;
    return n;
}

static const struct go_unit *go_unit_at(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(go_units); i++)
        if (str_has_prefix(s, str_c(go_units[i].name)))
            return &go_units[i];
    return NULL;
}

/* Sums <number><unit> pairs in any order; false when the text is no such list. */
static bool go_duration_ns(struct str s, double *ret)
{
    *ret = 0;
    while (s.len > 0) {
        size_t digits = digits_at(s);
        const struct go_unit *unit;
        double number;

        if (digits == 0 || !num_parse_double(str_n(s.p, digits), &number))
            return false;
        s = str_n(s.p + digits, s.len - digits);
        unit = go_unit_at(s);
        if (!unit)
            return false;
        s = str_n(s.p + strlen(unit->name), s.len - strlen(unit->name));
        *ret += number * unit->ns;
    }
    return true;
}

bool scalar_go_duration(const struct yaml_node *node, dur_ms *ret, struct err *why)
{
    CLEANUP(buf_free)
    struct buf text = {0};
    uint64_t count;
    double ns = 0;
    bool ok;

    if (scalar_count(node, &count)) {
        ns = (double)count;
        ok = true;
    } else {
        ok = node->text.len > 0 && go_duration_ns(node->text, &ns);
    }
    if (ok && ns <= (double)INT64_MAX) {
        *ret = (dur_ms)ceil(ns / NS_PER_MS);
        return true;
    }
    quote_add_go(&text, str_n(node->text.p, str_utf8_prefix(node->text, CONFIG_QUOTE_MAX)));
    err_set(why, -EINVAL,
            "found %s, expected a duration of at most 292 years such as 10s, 1m0.5s or 500ms",
            text.p);
    return false;
}

/* Powers of 1024, with or without the i. */
static bool size_unit(struct str unit, double *ret)
{
    static const char letters[] = "KMGTPE";
    const char *at;

    *ret = 1;
    if (str_eq(unit, STR("B")))
        return true;
    if (unit.len < 2 || unit.len > 3 || unit.p[unit.len - 1] != 'B' ||
        (unit.len == 3 && unit.p[1] != 'i'))
        return false;
    at = strchr(letters, unit.p[0]);
    if (!at || *at == '\0')
        return false;
    *ret = ldexp(1, 10 * (int)(at - letters + 1));
    return true;
}

static size_t letters_at(struct str s)
{
    size_t n = 0;

    while (n < s.len && !isdigit((unsigned char)s.p[n]) && s.p[n] != '.')
        n++;
    return n;
}

bool scalar_size(const struct yaml_node *node, uint64_t *ret, struct err *why)
{
    CLEANUP(buf_free)
    struct buf text = {0};
    struct str s = node->text;
    double sum = 0;

    quote_add_go(&text, str_n(s.p, str_utf8_prefix(s, CONFIG_QUOTE_MAX)));
    if (str_eq(s, STR("0"))) {
        *ret = 0;
        return true;
    }
    do {
        size_t digits = digits_at(s);
        size_t letters = letters_at(str_n(s.p + digits, s.len - digits));
        double number, unit;

        if (digits == 0 || !num_parse_double(str_n(s.p, digits), &number)) {
            err_set(why, -EINVAL, "found %s, expected a size such as 100MB", text.p);
            return false;
        }
        if (!size_unit(str_n(s.p + digits, letters), &unit)) {
            err_set(why, -EINVAL,
                    "found %s, expected a size such as 100MB: units: unknown unit " STR_FMT
                    " in " STR_FMT,
                    text.p, STR_ARG(str_n(s.p + digits, letters)), STR_ARG(node->text));
            return false;
        }
        sum += number * unit;
        s = str_n(s.p + digits + letters, s.len - digits - letters);
    } while (s.len > 0);
    if (sum >= 0x1p63) {
        err_set(why, -ERANGE, "found %s, expected a size below 8EB", text.p);
        return false;
    }
    *ret = (uint64_t)sum;
    return true;
}

/* ---- URLs ---------------------------------------------------------------------------------- */

static bool has_odd_byte(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* host, host:port or [v6]:port. */
static bool host_is_valid(struct str host)
{
    size_t end = 0;

    if (host.len > 0 && host.p[0] == '[') {
        end = str_find(host, STR("]"));
        if (end == host.len)
            return false;
        end++;
    } else {
        while (end < host.len && host.p[end] != ':')
            end++;
    }
    if (end < host.len && host.p[end++] != ':')
        return false;
    while (end < host.len && isdigit((unsigned char)host.p[end]))
        end++;
    return end == host.len;
}

/* What stands between "//" and the path, without the user. */
static struct str host_of(struct str rest)
{
    size_t end = 0;

    while (end < rest.len && !strchr("/?#", rest.p[end]))
        end++;
    rest.len = end;
    while (end > 0 && rest.p[end - 1] != '@')
        end--;
    return str_n(rest.p + end, rest.len - end);
}

bool url_is_valid(struct str url, struct err *why)
{
    size_t colon = str_find(url, STR("://"));
    struct str scheme = str_n(url.p, colon < url.len ? colon : 0), host;

    if (has_odd_byte(url)) {
        err_set(why, -EINVAL, "invalid URL: blanks and control characters must be written as %%XX");
        return false;
    }
    if (!str_eq_nocase(scheme, STR("http")) && !str_eq_nocase(scheme, STR("https"))) {
        scheme.len = str_utf8_prefix(scheme, CONFIG_QUOTE_MAX);
        err_set(why, -EINVAL,
                "invalid URL: unsupported scheme \"" STR_FMT
                "\" for URL, expected http:// or https://",
                STR_ARG(scheme));
        return false;
    }
    host = host_of(str_n(url.p + colon + 3, url.len - colon - 3));
    if (host.len == 0 || host.p[0] == ':') {
        err_set(why, -EINVAL, "invalid URL: missing host for URL");
        return false;
    }
    if (!host_is_valid(host)) {
        err_set(why, -EINVAL, "invalid URL: host and port are not valid");
        return false;
    }
    return true;
}
