/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spring_priv - what the actuator of a Spring Boot service says of its health, as series
 *
 *     spring_health_up                                1: UP or UNKNOWN, 0: DOWN, OUT_OF_SERVICE or another word
 *     spring_health_component_up{component="db/main"} the same of a component, a nested one behind its parents
 *     spring_health_status{component,status}          1: the word; component is empty for the whole
 */
#ifndef TOCSIN_PROBES_SPRING_PRIV_H
#define TOCSIN_PROBES_SPRING_PRIV_H

#include "base/err.h"
#include "probes/page_priv.h"

#define HEALTH_DEPTH_MAX      8   /* components in components */
#define HEALTH_COMPONENTS_MAX 500 /* what is beyond is left out */

/*
 * Reads the body of /actuator/health, of Spring Boot 2.0 and later, with or without details.
 * *ret_failed gets "health is DOWN: db, db/main" when the whole is not up. -EPROTO with words, and
 * nothing on the page, when it is none.
 */
int spring_health_read(struct str body, struct metric_page *page, struct buf *ret_failed,
                       struct err *err);

#endif
