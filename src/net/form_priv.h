/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form_priv - parameters as browsers send them: application/x-www-form-urlencoded
 *
 *     name=value&name=value ...      + is a blank, %41 is A, a name without = has an empty value
 *
 * Texts come from outside: a "%" that no two hex digits follow stands for itself, nothing is
 * refused.
 */
#ifndef TOCSIN_NET_FORM_PRIV_H
#define TOCSIN_NET_FORM_PRIV_H

#include "base/arena.h"
#include "base/str.h"

#define FORM_PARAMS_MAX 20000 /* of one request; those after it are left out */

struct form_param {
    struct str name, value;
};

struct form {
    struct form_param *params; /* in order of appearance */
    size_t n, cap;
};

void form_deinit(struct form *f);

/* Appends the parameters of text, which must live as long as f; what needs decoding goes to a. */
void form_add(struct form *f, struct arena *a, struct str text);

/* The i-th value of a parameter; .p NULL when there is none, never NULL otherwise. */
struct str form_get(const struct form *f, struct str name, size_t i);

/* Without %XX, and blanks for + if told so. Is s itself when there is nothing to decode. */
struct str percent_decode(struct arena *a, struct str s, bool plus_is_blank);

#endif
