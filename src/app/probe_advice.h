/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_advice - what an operator can do about a probe that failed
 */
#ifndef TOCSIN_APP_PROBE_ADVICE_H
#define TOCSIN_APP_PROBE_ADVICE_H

/* One sentence for the words of a failure, in the user's language; NULL: nothing fits. */
const char *probe_advice(const char *words);

#endif
