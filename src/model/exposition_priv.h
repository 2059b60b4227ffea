/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition_priv - what the files of the exposition reader share
 */
#ifndef TOCSIN_MODEL_EXPOSITION_PRIV_H
#define TOCSIN_MODEL_EXPOSITION_PRIV_H

#include "model/exposition.h"

/* Bits of exposition_bytes[c]: where the byte c may stand. */
enum {
    BYTE_LABEL_FIRST = 1, /* [a-zA-Z_] */
    BYTE_LABEL = 2,       /* [a-zA-Z_0-9] */
    BYTE_NAME_FIRST = 4,  /* [a-zA-Z_:] */
    BYTE_NAME = 8,        /* [a-zA-Z_:0-9] */
};
extern const unsigned char exposition_bytes[256];

/* The end of the quoted text whose opening quote is at p: one past its closing quote, or NULL. */
const char *exposition_quoted_end(const char *p, const char *end);

/*
 * Reads `raw`: a name and labels in braces, or only one of the two. An exemplar has no name. Labels
 * go into b unless it is NULL.
 */
int exposition_parse_labels(const struct exposition_reader *r, struct str raw, bool is_exemplar,
                            struct label_builder *b, struct err *err);

/* "line N: <words>", -EINVAL. */
int exposition_error(const struct exposition_reader *r, struct err *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
