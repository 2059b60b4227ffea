/* SPDX-License-Identifier: Apache-2.0 */
/*
 * must - assertions that stay on in release builds
 *
 * For bugs of ours only, never for input. A failure prints thread, place and expression with a
 * backtrace and aborts; the supervisor restarts, the log replays.
 */
#ifndef TOCSIN_BASE_MUST_H
#define TOCSIN_BASE_MUST_H

#define must(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__, __func__))

_Noreturn void must_failed(const char *expr, const char *file, int line, const char *func);

#endif
