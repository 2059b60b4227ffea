/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv - label maps of notification templates: maps with the methods SortedPairs, Names, Values and
 * Remove
 */
#ifndef TOCSIN_TEMPLATE_KV_PRIV_H
#define TOCSIN_TEMPLATE_KV_PRIV_H

#include "template/value.h"

extern const struct tmpl_type kv_alertmanager; /* prints as a=b, c=d */
extern const struct tmpl_type
    kv_notification_manager; /* prints as a map; rule_id is hidden from pairs */

#endif
