/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_check_priv - kinds of values that several blocks of checks have
 */
#ifndef TOCSIN_CONFIG_BLOCK_CHECK_PRIV_H
#define TOCSIN_CONFIG_BLOCK_CHECK_PRIV_H

#include "config/decode_priv.h"

field_reader read_ip_version; /* int: 4 or 6, of ip4, ip6 */
field_reader read_ip_address; /* const char *: of IPv4 or IPv6, in digits */
field_reader read_pattern;    /* struct regex *: found anywhere */
field_reader read_patterns;   /* struct regex **, and their number: found anywhere */

bool is_secret_header(struct str name); /* its value lets somebody in */

#define PROCESS_CHECK_NEEDS "process_check needs one of pid_file, name, command_line"

#endif
