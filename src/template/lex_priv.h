/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lex - a template text as tokens
 *
 * Outside {{ }} everything is one TOKEN_TEXT; inside, white space is a token too, because `.a .b`
 * and `.a.b` mean different things. Trim markers and comments are dealt with here and never seen by
 * the parser. After TOKEN_ERROR (val is the message) or TOKEN_EOF the lexer has nothing more to
 * say.
 */
#ifndef TOCSIN_TEMPLATE_LEX_PRIV_H
#define TOCSIN_TEMPLATE_LEX_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

enum token_kind {
    TOKEN_ERROR,
    TOKEN_BOOL,
    TOKEN_CHAR, /* any other printable ASCII sign, such as a comma */
    TOKEN_CHAR_CONSTANT,
    TOKEN_COMPLEX,
    TOKEN_ASSIGN,
    TOKEN_DECLARE,
    TOKEN_EOF,
    TOKEN_FIELD,
    TOKEN_IDENTIFIER,
    TOKEN_LEFT_DELIM,
    TOKEN_LEFT_PAREN,
    TOKEN_NUMBER,
    TOKEN_PIPE,
    TOKEN_RAW_STRING,
    TOKEN_RIGHT_DELIM,
    TOKEN_RIGHT_PAREN,
    TOKEN_SPACE,
    TOKEN_STRING,
    TOKEN_TEXT,
    TOKEN_VARIABLE,
    TOKEN_KEYWORD, /* no token: those after it are keywords */
    TOKEN_BLOCK,
    TOKEN_BREAK,
    TOKEN_CONTINUE,
    TOKEN_DOT,
    TOKEN_DEFINE,
    TOKEN_ELSE,
    TOKEN_END,
    TOKEN_IF,
    TOKEN_NIL,
    TOKEN_RANGE,
    TOKEN_TEMPLATE,
    TOKEN_WITH,
};

struct token {
    enum token_kind kind;
    size_t pos; /* byte offset of its start */
    int line;   /* of its start, from 1 */
    struct str val;
};

struct lexer {
    struct str in;
    size_t pos;          /* of the next byte to look at */
    size_t start;        /* of the token being read */
    int line;            /* at `start` */
    int parens;          /* open ones in this action */
    bool inside;         /* between {{ and }} */
    struct arena *arena; /* for messages */
};

void tmpl_lexer_init(struct lexer *l, struct str text, struct arena *arena);
struct token tmpl_lexer_next(struct lexer *l);

#endif
