/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ast - a parsed template: nodes, the trees that definitions give, and who owns them
 *
 * Nodes know their byte position in the text, so that an error can name line and column, and can be
 * printed back in the form in which messages quote them.
 */
#ifndef TOCSIN_TEMPLATE_AST_PRIV_H
#define TOCSIN_TEMPLATE_AST_PRIV_H

#include <stdatomic.h>

#include "template/template.h"

enum node_kind {
    NODE_TEXT,
    NODE_LIST,
    NODE_ACTION,
    NODE_IF,
    NODE_RANGE,
    NODE_WITH,
    NODE_TEMPLATE,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_PIPE,
    NODE_COMMAND,
    NODE_FIELD,    /* .A.B */
    NODE_VARIABLE, /* $x.A.B */
    NODE_CHAIN,    /* (pipe).A.B */
    NODE_IDENTIFIER,
    NODE_DOT,
    NODE_NIL,
    NODE_BOOL,
    NODE_NUMBER,
    NODE_STRING,
    NODE_END,  /* only while parsing */
    NODE_ELSE, /* only while parsing */
};

/* A constant may be several kinds of number at once; which one is used depends on where it goes. */
struct number {
    bool is_int, is_uint, is_float, is_complex;
    int64_t i;
    uint64_t u;
    double f;
    double complex_parts[2];
};

struct node {
    enum node_kind kind;
    size_t pos; /* byte in the text that the whole source was parsed from */
    int line;
    union {
        bool truth; /* BOOL */
        struct {
            struct str text;              /* TEXT; IDENTIFIER: name of the function */
            const struct tmpl_func *func; /* IDENTIFIER */
        };
        struct {
            struct node **items; /* LIST: nodes; COMMAND: words; PIPE: commands */
            size_t n, cap;
            struct node **decls; /* PIPE: variables that it sets */
            size_t n_decls;
            bool is_assign; /* = and not := */
        };
        struct {
            struct node *pipe; /* ACTION, IF, RANGE, WITH, TEMPLATE (NULL: no argument) */
            struct node *list, *else_list; /* else_list may be NULL */
            struct str name;               /* TEMPLATE */
        };
        struct {
            struct str *idents; /* FIELD; VARIABLE: the first one is $name; CHAIN: its fields */
            size_t n_idents;
            struct node *base; /* CHAIN */
        };
        struct {
            struct str value;  /* STRING: what it stands for */
            struct str source; /* STRING and NUMBER: as written */
            struct number *number;
        };
    };
};

struct tree {
    struct str name;
    struct node *root; /* LIST */
    const struct source *source;
    struct tree *next; /* of the same source */
};

/* One parsed text. Immutable once parsed. */
struct source {
    struct arena arena; /* of everything below */
    struct str name;    /* of the text: what messages call it */
    struct str text;
    struct tree *trees;  /* definitions, the text itself last */
    struct tree *main;   /* the text itself */
    struct source *next; /* of the same set, added before this one */
};

struct template_set {
    atomic_uint refs;
    const struct tmpl_functions *functions;
    struct source *newest; /* owned list */
};

struct template
{
    atomic_uint refs;
    struct template_set *set; /* a reference */
    struct source source;
};

/* Parses `text` as src->name; src->arena must be ready. On failure the caller frees the arena. */
int source_parse(struct source *src, const struct tmpl_functions *functions, struct err *err);

struct number *number_parse(struct str text, bool is_char, bool is_complex, struct arena *a,
                            struct err *err);

void node_print(const struct node *n, struct buf *out);
bool node_is_blank(const struct node *n); /* nothing but white space: defines nothing */

const struct tmpl_func *function_find(const struct tmpl_functions *f,
                                      struct str name); /* or NULL */
extern const struct tmpl_functions builtin_functions;

/* The definition that counts for t, or NULL. */
const struct tree *template_tree(const struct template *t, struct str name);

#endif
