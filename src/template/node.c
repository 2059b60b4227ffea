/* SPDX-License-Identifier: Apache-2.0 */
#include "template/ast_priv.h"

#include "base/quote.h"
#include "template/text_priv.h"

static void print_branch(const struct node *n, const char *word, struct buf *out)
{
    buf_addf(out, "{{%s ", word);
    node_print(n->pipe, out);
    buf_add_c(out, "}}");
    node_print(n->list, out);
    if (n->else_list) {
        buf_add_c(out, "{{else}}");
        node_print(n->else_list, out);
    }
    buf_add_c(out, "{{end}}");
}

static void print_pipe(const struct node *n, struct buf *out)
{
    for (size_t i = 0; i < n->n_decls; i++) {
        if (i > 0)
            buf_add_c(out, ", ");
        node_print(n->decls[i], out);
    }
    if (n->n_decls > 0)
        buf_add_c(out, n->is_assign ? " = " : " := ");
    for (size_t i = 0; i < n->n; i++) {
        if (i > 0)
            buf_add_c(out, " | ");
        node_print(n->items[i], out);
    }
}

static void print_in_parens(const struct node *n, struct buf *out)
{
    bool parens = n->kind == NODE_PIPE;

    if (parens)
        buf_add_byte(out, '(');
    node_print(n, out);
    if (parens)
        buf_add_byte(out, ')');
}

static void print_idents(const struct node *n, const char *before, struct buf *out)
{
    for (size_t i = 0; i < n->n_idents; i++) {
        if (i > 0 || *before)
            buf_add_byte(out, '.');
        buf_add_str(out, n->idents[i]);
    }
}

static void print_template(const struct node *n, struct buf *out)
{
    buf_add_c(out, "{{template ");
    quote_add_go(out, n->name);
    if (n->pipe) {
        buf_add_byte(out, ' ');
        node_print(n->pipe, out);
    }
    buf_add_c(out, "}}");
}

void node_print(const struct node *n, struct buf *out)
{
    switch (n->kind) {
    case NODE_TEXT:
    case NODE_IDENTIFIER: buf_add_str(out, n->text); break;
    case NODE_LIST:
        for (size_t i = 0; i < n->n; i++)
            node_print(n->items[i], out);
        break;
    case NODE_ACTION:
        buf_add_c(out, "{{");
        node_print(n->pipe, out);
        buf_add_c(out, "}}");
        break;
    case NODE_IF: print_branch(n, "if", out); break;
    case NODE_RANGE: print_branch(n, "range", out); break;
    case NODE_WITH: print_branch(n, "with", out); break;
    case NODE_TEMPLATE: print_template(n, out); break;
    case NODE_BREAK: buf_add_c(out, "{{break}}"); break;
    case NODE_CONTINUE: buf_add_c(out, "{{continue}}"); break;
    case NODE_PIPE: print_pipe(n, out); break;
    case NODE_COMMAND:
        for (size_t i = 0; i < n->n; i++) {
            if (i > 0)
                buf_add_byte(out, ' ');
            print_in_parens(n->items[i], out);
        }
        break;
    case NODE_FIELD: print_idents(n, ".", out); break;
    case NODE_VARIABLE: print_idents(n, "", out); break;
    case NODE_CHAIN:
        print_in_parens(n->base, out);
        print_idents(n, ".", out);
        break;
    case NODE_DOT: buf_add_byte(out, '.'); break;
    case NODE_NIL: buf_add_c(out, "nil"); break;
    case NODE_BOOL: buf_add_c(out, n->truth ? "true" : "false"); break;
    case NODE_NUMBER:
    case NODE_STRING: buf_add_str(out, n->source); break;
    case NODE_END: buf_add_c(out, "{{end}}"); break;
    case NODE_ELSE: buf_add_c(out, "{{else}}"); break;
    }
}

bool node_is_blank(const struct node *n)
{
    if (n->kind == NODE_TEXT)
        return str_trim(n->text).len == 0;
    if (n->kind != NODE_LIST)
        return false;
    for (size_t i = 0; i < n->n; i++)
        if (!node_is_blank(n->items[i]))
            return false;
    return true;
}
