/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/num.h"
#include "probes/mysql_priv.h"

#define ROWS_MAX 10000 /* of status and variables: there are up to 1,500 */

/* ---- tables -------------------------------------------------------------------------------- */

static int ask(struct mysql_scrape *s, const char *sql, size_t rows_max, struct mysql_table *ret,
               struct err *err)
{
    int r = s->asker->ask(s->asker->self, sql, rows_max, &s->page->arena, ret, &s->number, err);

    if (r >= 0 && s->page->arena.overflow)
        return err_set(err, -E2BIG, "the answers are longer than %u bytes", MYSQL_MEMORY_MAX);
    s->cut |= r >= 0 && ret->cut;
    return r;
}

int mysql_ask(struct mysql_scrape *s, const char *sql, struct mysql_table *ret, struct err *err)
{
    return ask(s, sql, ROWS_MAX, ret, err);
}

int mysql_ask_long(struct mysql_scrape *s, const char *sql, struct mysql_table *ret,
                   struct err *err)
{
    return ask(s, sql, s->config->rows_limit, ret, err);
}

int mysql_column(const struct mysql_table *t, const char *name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (str_eq_nocase(t->columns[i], str_c(name)))
            return (int)i;
    return -1;
}

struct str mysql_cell(const struct mysql_table *t, size_t row, const char *column)
{
    int c = mysql_column(t, column);

    return c < 0 ? STR_NONE : t->cells[row * t->n_columns + (size_t)c];
}

void mysql_quote(struct buf *sql, const char *text)
{
    buf_add_byte(sql, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_add_byte(sql, *text);
        buf_add_byte(sql, *text);
    }
    buf_add_byte(sql, '\'');
}

/* ---- rules --------------------------------------------------------------------------------- */

/* Under which name the server gives an expression back: "x AS y" is y, "t.x" is x. */
static const char *name_of(const char *column)
{
    const char *as = strstr(column, " AS "), *dot = strchr(column, '.');

    if (as)
        return as + 4;
    return dot && !strchr(column, '(') ? dot + 1 : column;
}

static void add_column(struct buf *sql, bool *any, const char *column)
{
    buf_addf(sql, "%s%s", *any ? ", " : "SELECT ", column);
    *any = true;
}

static void add_columns(struct buf *sql, const struct row_rule *rule)
{
    bool any = false;

    for (; rule; rule = rule->also) {
        for (size_t i = 0; i < rule->n_labels; i++)
            add_column(sql, &any, rule->labels[i].column);
        for (size_t i = 0; i < rule->n_metrics; i++)
            if (!rule->metrics[i].zero)
                add_column(sql, &any, rule->metrics[i].column);
    }
}

static bool value_of(const struct row_metric *m, struct str cell, double *ret)
{
    if (m->kind == ROW_ONE) {
        *ret = 1;
        return true;
    }
    if (m->kind == ROW_TIME) {
        if (!mysql_time(cell, ret))
            *ret = 0;
        return true;
    }
    if (!cell.p || !num_parse_double(str_trim(cell), ret))
        return false;
    if (m->divisor != 0)
        *ret /= m->divisor;
    return true;
}

static void emit_metric(struct mysql_scrape *s, const struct row_metric *m, struct str cell,
                        struct label *labels, size_t n)
{
    double v = 0;

    if (m->label)
        labels[n++] = (struct label){str_c(m->label), str_c(m->value)};
    if (m->zero || value_of(m, cell, &v))
        metric_page_add(s->page, m->metric, m->type, m->suffix ? m->suffix : "", v, labels, n);
}

static void emit_row(struct mysql_scrape *s, const struct row_rule *rule,
                     const struct mysql_table *t, size_t row)
{
    struct label labels[ROW_LABELS_MAX + 1];

    must(rule->n_labels <= ROW_LABELS_MAX);
    for (size_t i = 0; i < rule->n_labels; i++)
        labels[i] = (struct label){str_c(rule->labels[i].label),
                                   mysql_cell(t, row, name_of(rule->labels[i].column))};
    for (size_t i = 0; i < rule->n_metrics; i++)
        emit_metric(s, &rule->metrics[i], mysql_cell(t, row, name_of(rule->metrics[i].column)),
                    labels, rule->n_labels);
}

/* One row more than is taken shows that there are more. */
int mysql_ask_rows(struct mysql_scrape *s, const struct row_rule *rule, const char *behind,
                   struct mysql_table *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf sql = {0};

    add_columns(&sql, rule);
    buf_addf(&sql, " FROM %s%s", rule->from, behind);
    if (!strstr(behind, " LIMIT "))
        buf_addf(&sql, " LIMIT %" PRIu64, s->config->rows_limit + 1);
    return mysql_ask_long(s, sql.p, ret, err);
}

void mysql_emit_rows(struct mysql_scrape *s, const struct row_rule *rule,
                     const struct mysql_table *t)
{
    for (; rule; rule = rule->also)
        for (size_t i = 0; i < t->n_rows; i++)
            emit_row(s, rule, t, i);
}

int mysql_collect_rows(struct mysql_scrape *s, const struct row_rule *rule, const char *behind,
                       struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_ask_rows(s, rule, behind, &t, err);

    if (r == 0)
        mysql_emit_rows(s, rule, &t);
    return r;
}
