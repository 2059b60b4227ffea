/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builtin - the language's own functions that other files have to know
 */
#ifndef TOCSIN_TEMPLATE_BUILTIN_PRIV_H
#define TOCSIN_TEMPLATE_BUILTIN_PRIV_H

#include "template/value.h"

tmpl_fn builtin_and_or, builtin_eq, builtin_ne, builtin_lt, builtin_le, builtin_gt, builtin_ge;

#endif
