/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue_fill - a template and a choice become a rule
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/num.h"
#include "base/quote.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "promql/promql.h"
#include "rules/catalogue.h"

/* ---- values */

static const struct {
    struct str unit;
    double bytes;
} sizes[] = {{STR("TB"), 1099511627776.0},
             {STR("GB"), 1073741824},
             {STR("MB"), 1048576},
             {STR("KB"), 1024},
             {STR("B"), 1}};

static double size_of(struct str unit)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (str_eq(unit, sizes[i].unit))
            return sizes[i].bytes;
    return 0;
}

/* A number, alone or with a unit: the parameter's own, or one of the same measure. */
static int add_number(const struct template_param *p, struct str value, struct buf *out,
                      struct err *err)
{
    struct str number = value, unit = STR_NONE;
    double v;

    while (number.len > 0 && !strchr("0123456789.", number.p[number.len - 1]))
        number.len--;
    unit = str_trim((struct str){number.p + number.len, value.len - number.len});
    if (!num_parse_double(str_trim(number), &v))
        return err_set(err, -EINVAL, "%.*s: found \"%.*s\", expected a number%s%.*s",
                       STR_ARG(p->name), STR_ARG(value), p->unit.len ? " of " : "",
                       STR_ARG(p->unit));
    if (unit.len > 0 && !str_eq(unit, p->unit)) {
        if (size_of(unit) == 0 || size_of(p->unit) == 0)
            return err_set(err, -EINVAL, "%.*s: found the unit %.*s, expected %.*s",
                           STR_ARG(p->name), STR_ARG(unit), STR_ARG(p->unit));
        v = v * size_of(unit) / size_of(p->unit);
    }
    num_add_short(out, v);
    return 0;
}

static int add_duration(const struct template_param *p, struct str value, struct buf *out,
                        struct err *err)
{
    struct err why = {0};
    dur_ms d;

    if (duration_parse(value.p, value.len, &d, &why) < 0 || d <= 0)
        return err_set(err, -EINVAL, "%.*s: found \"%.*s\", expected a duration like 5m",
                       STR_ARG(p->name), STR_ARG(value));
    buf_add_str(out, value);
    return 0;
}

static int add_matchers(const struct template_param *p, struct str value, struct buf *out,
                        struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    struct err why = {0};

    buf_addf(&text, "x{%.*s}", STR_ARG(value));
    if (promql_parse(buf_str(&text), NULL, &expr, &why) < 0 || expr->root->kind != NODE_VECTOR)
        return err_set(err, -EINVAL, "%.*s: found \"%.*s\", expected matchers like job=\"a\"%s%s",
                       STR_ARG(p->name), STR_ARG(value), why.msg[0] ? ": " : "", why.msg);
    buf_add_str(out, value);
    return 0;
}

static int add_value(const struct template_param *p, const struct template_choice *choice,
                     struct buf *out, struct err *err)
{
    static int (*const add[])(const struct template_param *p, struct str value, struct buf *out,
                              struct err *err) = {
        [PARAM_NUMBER] = add_number,
        [PARAM_DURATION] = add_duration,
        [PARAM_MATCHERS] = add_matchers,
    };
    struct str value = p->standard;

    for (size_t i = 0; i < choice->n_values; i++)
        if (str_eq(choice->values[i].name, p->name))
            value = choice->values[i].value;
    return add[p->type](p, value, out, err);
}

static const struct template_param *find_param(const struct rule_template *t, struct str name)
{
    for (size_t i = 0; i < t->n_params; i++)
        if (str_eq(t->params[i].name, name))
            return &t->params[i];
    return NULL;
}

static int check_names(const struct rule_template *t, const struct template_choice *choice,
                       struct err *err)
{
    CLEANUP(buf_free) struct buf known = {0};

    for (size_t i = 0; i < t->n_params; i++)
        buf_addf(&known, "%s%.*s", i ? ", " : "", STR_ARG(t->params[i].name));
    for (size_t i = 0; i < choice->n_values; i++)
        if (!find_param(t, choice->values[i].name))
            return err_set(err, -EINVAL, "%.*s has no parameter %.*s, expected one of %s",
                           STR_ARG(t->id), STR_ARG(choice->values[i].name), known.p);
    return 0;
}

/* ---- texts */

/* Puts the values in the place of ${name}. */
int template_fill_text(const struct rule_template *t, const struct template_choice *choice,
                       struct str text, struct buf *out, struct err *err)
{
    int status = 0;

    while (status == 0 && text.len > 0) {
        size_t at = str_find(text, STR("${")), end;
        const struct template_param *p;

        buf_add_str(out, (struct str){text.p, at});
        text = (struct str){text.p + at, text.len - at};
        end = str_find(text, STR("}"));
        if (end == text.len)
            break;
        p = find_param(t, (struct str){text.p + 2, end - 2});
        if (p)
            status = add_value(p, choice, out, err);
        text = (struct str){text.p + end + 1, text.len - end - 1};
    }
    return status;
}

/* An empty selector leaves `{,` , `,}` and `{}` behind. */
static void tidy(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (i + 1 < text.len && text.p[i] == '{' && text.p[i + 1] == '}') {
            i++;
            continue;
        }
        if (text.p[i] == ',' && i + 1 < text.len && text.p[i + 1] == '}')
            continue;
        if (text.p[i] == ',' && out->len > 0 && out->p[out->len - 1] == '{')
            continue;
        buf_add_byte(out, text.p[i]);
    }
}

int template_fill_expr(const struct rule_template *t, const struct template_choice *choice,
                       struct buf *out, struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf raw = {0};
    CLEANUP(buf_free) struct buf text = {0};
    int status = check_names(t, choice, err);

    if (status == 0)
        status = template_fill_text(t, choice, t->expr, &raw, err);
    if (status < 0)
        return status;
    tidy(buf_str(&raw), &text);
    status = promql_parse(buf_str(&text), NULL, &expr, err);
    if (status == 0)
        buf_add_str(out, buf_str(&text));
    return status;
}

/* ---- YAML */

static bool is_plain(struct str s)
{
    bool letter = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-'))
            return false;
        letter |= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    return letter && !str_eq(s, STR("true")) && !str_eq(s, STR("false")) &&
           !str_eq(s, STR("null")) && !str_eq(s, STR("yes")) && !str_eq(s, STR("no"));
}

/* One line, in single quotes unless it is a word. */
static void add_scalar(struct str s, struct buf *out)
{
    if (is_plain(s)) {
        buf_add_str(out, s);
        return;
    }
    buf_add_byte(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\'')
            buf_add_byte(out, '\'');
        buf_add_byte(out, s.p[i] == '\n' ? ' ' : s.p[i]);
    }
    buf_add_byte(out, '\'');
}

static void add_line(struct buf *out, int indent, const char *key, struct str value)
{
    buf_addf(out, "%*s%s: ", indent, "", key);
    add_scalar(value, out);
    buf_add_byte(out, '\n');
}

static int add_annotations(const struct rule_template *t, const struct template_choice *choice,
                           int indent, struct buf *out, struct err *err)
{
    const struct {
        const char *name;
        struct bilingual text;
    } all[] = {{"summary", t->summary}, {"message", t->message}, {"action", t->action}};

    for (size_t language = 0; language < 2; language++)
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            bool chinese = choice->chinese == (language == 0);
            CLEANUP(buf_free) struct buf text = {0};
            char key[32];
            int status = template_fill_text(t, choice, chinese ? all[i].text.zh : all[i].text.en,
                                            &text, err);

            if (status < 0)
                return status;
            snprintf(key, sizeof key, "%s%s", all[i].name,
                     language == 0 ? ""
                     : chinese     ? "_zh"
                                   : "_en");
            add_line(out, indent, key, buf_str(&text));
        }
    return 0;
}

/* The chosen one where there is one. */
static struct str either(struct str chosen, struct str standard)
{
    return chosen.len > 0 ? chosen : standard;
}

void template_begin_group(struct str name, struct buf *out)
{
    buf_add_c(out, "groups:\n  - name: ");
    add_scalar(name, out);
    buf_add_c(out, "\n    rules:\n");
}

void template_add_job(struct buf *out, struct str job)
{
    buf_add_c(out, "job=");
    quote_add_go(out, job);
}

int template_fill_rule(const struct rule_template *t, const struct template_choice *choice,
                       int indent, struct buf *out, struct err *err)
{
    CLEANUP(buf_free) struct buf expr = {0};
    struct str hold = either(choice->hold, t->hold);
    dur_ms hold_ms = 0;
    int status = template_fill_expr(t, choice, &expr, err);

    if (status == 0)
        status = duration_parse(hold.p, hold.len, &hold_ms, err);
    if (status < 0)
        return status;
    buf_addf(out, "%*s- alert: ", indent, "");
    add_scalar(either(choice->alert, t->alert), out);
    buf_add_byte(out, '\n');
    add_line(out, indent + 2, "expr", buf_str(&expr));
    if (hold_ms > 0)
        add_line(out, indent + 2, "for", hold);
    buf_addf(out, "%*slabels:\n", indent + 2, "");
    add_line(out, indent + 4, "severity", either(choice->severity, t->severity));
    add_line(out, indent + 4, "component", t->component);
    buf_addf(out, "%*sannotations:\n", indent + 2, "");
    return add_annotations(t, choice, indent + 4, out, err);
}

/* ---- what a site has */

struct look {
    bool (*has)(struct str metric, void *arg);
    void *arg;
};

static bool has_series(const struct promql_node *n, const struct look *l)
{
    switch (n->kind) {
    case NODE_VECTOR: return n->vector.name.len == 0 || l->has(n->vector.name, l->arg);
    case NODE_MATRIX: return has_series(n->matrix.vector, l);
    case NODE_SUBQUERY: return has_series(n->subquery.arg, l);
    case NODE_PAREN: return has_series(n->paren, l);
    case NODE_UNARY: return has_series(n->unary.arg, l);
    case NODE_AGGREGATE: return has_series(n->aggregate.arg, l);
    case NODE_BINARY:
        if (n->binary.op == OP_OR)
            return has_series(n->binary.lhs, l) || has_series(n->binary.rhs, l);
        return has_series(n->binary.lhs, l) && has_series(n->binary.rhs, l);
    case NODE_CALL:
        for (size_t i = 0; i < n->call.n_args; i++)
            if (!has_series(n->call.args[i], l))
                return false;
        return true;
    default: return true; /* literals */
    }
}

bool template_fits(const struct rule_template *t, bool (*has)(struct str metric, void *arg),
                   void *arg)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    struct look l = {has, arg};

    must(template_fill_expr(t, &(struct template_choice){0}, &text, NULL) == 0);
    must(promql_parse(buf_str(&text), NULL, &expr, NULL) == 0);
    return has_series(expr->root, &l);
}
