/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/mysql_cnf_priv.h"

#include <errno.h>
#include <stddef.h>

#include "base/buf.h"

/* Keys are written with - or _. */
static const struct {
    struct str key;
    size_t offset;
} keys[] = {
    {{"user", 4}, offsetof(struct mysql_cnf, user)},
    {{"password", 8}, offsetof(struct mysql_cnf, password)},
    {{"socket", 6}, offsetof(struct mysql_cnf, socket)},
    {{"ssl-ca", 6}, offsetof(struct mysql_cnf, ssl_ca)},
    {{"ssl-cert", 8}, offsetof(struct mysql_cnf, ssl_cert)},
    {{"ssl-key", 7}, offsetof(struct mysql_cnf, ssl_key)},
};

static bool key_is(struct str key, struct str want)
{
    if (key.len != want.len)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.p[i] != want.p[i] && !(key.p[i] == '_' && want.p[i] == '-'))
            return false;
    return true;
}

static bool is_quoted(struct str v)
{
    return v.len >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.len - 1] == v.p[0];
}

/* Quotes go; a # that follows a blank begins a comment; a backslash stands for the next character. */
static const char *value_of(struct arena *a, struct str v)
{
    CLEANUP(buf_free) struct buf text = {0};
    bool quoted = is_quoted(v);

    if (quoted)
        v = str_n(v.p + 1, v.len - 2);
    else
        for (size_t i = 1; i < v.len; i++)
            if (v.p[i] == '#' && (v.p[i - 1] == ' ' || v.p[i - 1] == '\t'))
                v = str_trim(str_n(v.p, i));
    for (size_t i = 0; i < v.len; i++) {
        if (v.p[i] == '\\' && i + 1 < v.len && strchr("\\\"'", v.p[i + 1]))
            i++;
        if (v.p[i])
            buf_add_byte(&text, v.p[i]);
    }
    return arena_strdup(a, buf_str(&text));
}

static void take_line(struct str line, struct arena *a, struct mysql_cnf *ret)
{
    struct str value = line, key = str_trim(str_cut(&value, '='));

    value = str_trim(value);
    /* the exporter's slip in this word is part of its format */
    if (key_is(key, STR("ssl-skip-verfication")) || key_is(key, STR("ssl-skip-verification")))
        ret->ssl_skip_verify = !str_eq(value, STR("false")) && !str_eq(value, STR("0"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (key_is(key, keys[i].key))
            *(const char **)((char *)ret + keys[i].offset) = value_of(a, value);
}

static bool take_section(struct str text, struct str section, struct arena *a,
                         struct mysql_cnf *ret)
{
    bool inside = false, found = false;

    while (text.len) {
        struct str line = str_trim(str_cut(&text, '\n'));

        if (line.len == 0 || strchr("#;!", line.p[0]))
            continue;
        if (line.p[0] == '[') {
            inside = str_eq(str_trim(str_n(line.p + 1, str_find(line, STR("]")) - 1)), section);
            found |= inside;
        } else if (inside) {
            take_line(line, a, ret);
        }
    }
    return found;
}

int mysql_cnf_parse(struct str text, const char *section, struct arena *a, struct mysql_cnf *ret,
                    struct err *err)
{
    struct str child = str_c(section), parent = child;
    struct mysql_cnf cnf = {0};

    str_cut(&parent, '.');
    if (parent.len)
        take_section(text, str_n(child.p, child.len - parent.len - 1), a, &cnf);
    if (!take_section(text, child, a, &cnf))
        return err_set(err, -ENOENT, "it has no section [%s]", section);
    *ret = cnf;
    return 0;
}
