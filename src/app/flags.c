/* SPDX-License-Identifier: Apache-2.0 */
#include "app/flags.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/str.h"

#define HELP_COLUMN 38 /* where the explanations begin; longer names get a line of their own */

bool language_is_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

const char *say(const char *en, const char *zh)
{
    return language_is_chinese() ? zh : en;
}

static int parse_size(const char *text, uint64_t *ret, struct err *err)
{
    static const char units[] = "KMGTPE";
    struct str s = str_c(text);
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    uint64_t n;
    int shift = 0;

    if (!num_parse_u64(str_n(s.p, digits), &n))
        return err_set(err, -EINVAL, "expected a size like 512MB, found \"%s\"", text);
    if (*unit && strchr(units, *unit)) {
        shift = 10 * (int)(strchr(units, *unit) - units + 1);
        unit++;
    }
    if ((strcmp(unit, "B") != 0 && (shift == 0 || strcmp(unit, "iB") != 0)) ||
        n > UINT64_MAX >> shift)
        return err_set(err, -EINVAL, "expected a size like 512MB, found \"%s\"", text);
    *ret = n << shift;
    return 0;
}

static int set_value(const struct flag *f, void *options, const char *text, bool given,
                     struct err *err)
{
    char *at = (char *)options + f->offset;
    struct flag_list *list = (struct flag_list *)(void *)at;
    int r = 0;

    switch (f->kind) {
    case FLAG_TEXT: memcpy(at, &text, sizeof text); break;
    case FLAG_DURATION: {
        dur_ms d = 0;

        r = duration_parse(text, strlen(text), &d, err);
        if (r < 0)
            return err_in(err, r, "expected a duration like 15d, found \"%s\"", text);
        memcpy(at, &d, sizeof d);
        break;
    }
    case FLAG_SIZE: {
        uint64_t bytes = 0;

        r = parse_size(text, &bytes, err);
        if (r == 0)
            memcpy(at, &bytes, sizeof bytes);
        break;
    }
    case FLAG_NUMBER: {
        int64_t n = 0;

        if (!num_parse_i64(str_c(text), &n) || n < 0)
            return err_set(err, -EINVAL, "expected a number, found \"%s\"", text);
        memcpy(at, &n, sizeof n);
        break;
    }
    case FLAG_SWITCH: {
        bool on = strcmp(text, "true") == 0;

        if (!on && strcmp(text, "false") != 0)
            return err_set(err, -EINVAL, "expected true or false, found \"%s\"", text);
        memcpy(at, &on, sizeof on);
        break;
    }
    case FLAG_LIST:
        if (given && !list->given)
            list->n = 0;
        list->given |= given;
        if (list->n == ARRAY_LEN(list->items))
            return err_set(err, -E2BIG, "given more than %zu times", ARRAY_LEN(list->items));
        list->items[list->n++] = text;
        break;
    case FLAG_REFUSED:
        return err_set(err, -EINVAL, "is known to Prometheus but not carried out by this version");
    }
    return r;
}

static const struct flag *find_flag(const struct flag_set *set, struct str name)
{
    for (size_t i = 0; i < set->n_flags; i++)
        if (str_eq_c(name, set->flags[i].name))
            return &set->flags[i];
    return NULL;
}

/* One argument that begins with a dash; *i is moved on when it takes the next one as its value. */
static int parse_flag(const struct flag_set *set, int argc, char **argv, int *i, void *options,
                      struct err *err)
{
    const char *arg = argv[*i], *value = strchr(arg, '=');
    struct str name = str_c(arg + 2);
    bool no = false;
    const struct flag *f;
    int r;

    if (arg[1] != '-')
        return err_set(err, -EINVAL, "unknown option %s, expected --name", arg);
    if (value)
        name.len = (size_t)(value++ - arg) - 2;
    f = find_flag(set, name);
    if (!f && !value && str_has_prefix(name, STR("no-"))) {
        f = find_flag(set, str_n(name.p + 3, name.len - 3));
        no = f && f->kind == FLAG_SWITCH;
        f = no ? f : NULL;
    }
    if (!f)
        return err_set(err, -EINVAL, "unknown flag --%.*s, see --help", STR_ARG(name));
    if (!value && f->kind == FLAG_SWITCH)
        value = no ? "false" : "true";
    else if (!value && f->kind != FLAG_REFUSED && ++*i == argc)
        return err_set(err, -EINVAL, "--%s: expected a value behind it", f->name);
    r = set_value(f, options, value ? value : argv[*i], true, err);
    return r < 0 ? err_in(err, r, "--%s", f->name) : 0;
}

int flags_parse(const struct flag_set *set, int argc, char **argv, void *options, struct err *err)
{
    int rest = 0, r;

    for (size_t i = 0; i < set->n_flags; i++) {
        const struct flag *f = &set->flags[i];

        if (f->standard && (r = set_value(f, options, f->standard, false, err)) < 0)
            return err_in(err, r, "default of --%s", f->name);
    }
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[rest++] = argv[i];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            r = parse_flag(set, argc, argv, &i, options, err);
            if (r < 0)
                return r;
        } else {
            argv[rest++] = argv[i];
        }
    }
    return rest;
}

bool flags_ask_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

void flags_help(const struct flag_set *set)
{
    const char *tail = say(set->tail_en ? set->tail_en : "", set->tail_zh ? set->tail_zh : "");

    puts(say(set->usage_en, set->usage_zh));
    if (set->n_flags)
        puts(say("\nFlags:", "\n参数:"));
    for (size_t i = 0; i < set->n_flags; i++) {
        const struct flag *f = &set->flags[i];
        char left[128];
        int n;

        if (!f->en)
            continue;
        n = snprintf(left, sizeof left, "  --%s%s%s", f->name,
                     f->standard && *f->standard ? "=" : "", f->standard ? f->standard : "");
        printf("%s%*s", left, n < HELP_COLUMN ? HELP_COLUMN - n : 0, "");
        if (n >= HELP_COLUMN)
            printf("\n%*s", HELP_COLUMN, "");
        printf("%s\n", say(f->en, f->zh));
    }
    if (*tail)
        printf("\n%s\n", tail);
}

void flags_value(const struct flag *f, const void *options, struct buf *out)
{
    const char *at = (const char *)options + f->offset;
    const struct flag_list *list = (const struct flag_list *)(const void *)at;
    const char *text;
    uint64_t n;

    switch (f->kind) {
    case FLAG_TEXT:
        memcpy(&text, at, sizeof text);
        buf_add_c(out, text ? text : "");
        break;
    case FLAG_SWITCH: buf_add_c(out, *(const bool *)at ? "true" : "false"); break;
    case FLAG_DURATION:
        memcpy(&n, at, sizeof n);
        duration_print((dur_ms)n, out);
        break;
    case FLAG_SIZE:
    case FLAG_NUMBER:
        memcpy(&n, at, sizeof n);
        num_add_i64(out, (int64_t)n);
        break;
    case FLAG_LIST:
        for (size_t i = 0; i < list->n; i++)
            buf_addf(out, "%s%s", i ? "," : "", list->items[i]);
        break;
    case FLAG_REFUSED: break;
    }
}
