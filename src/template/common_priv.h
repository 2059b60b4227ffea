/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common - functions on strings that all three libraries have
 */
#ifndef TOCSIN_TEMPLATE_COMMON_PRIV_H
#define TOCSIN_TEMPLATE_COMMON_PRIV_H

#include "template/value.h"

tmpl_fn common_to_upper, common_to_lower, common_title /* rest lower */,
    common_title_keep /* rest unchanged */, common_match, common_replace, common_join,
    common_string_slice, common_safe_html;

#endif
