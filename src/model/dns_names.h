/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_names - the words of DNS for its numbers: types and classes of records, codes of answers
 *
 * Case does not count. Pure functions: any thread may call them.
 */
#ifndef TOCSIN_MODEL_DNS_NAMES_H
#define TOCSIN_MODEL_DNS_NAMES_H

#include "base/str.h"

enum dns_words { DNS_TYPES, DNS_CLASSES, DNS_CODES };

/* The number of a name, -1: there is no such name. */
int dns_number(enum dns_words which, struct str name);

/* The name of a number, NULL: it has none here. */
const char *dns_word(enum dns_words which, unsigned number);

#endif
