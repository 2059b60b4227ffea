/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_scan_priv - which processes of this machine are meant, and what /proc says of them
 *
 * Reading /proc may block, when a process hangs in the kernel: not on a loop's thread.
 */
#ifndef TOCSIN_PROBES_PROCESS_SCAN_PRIV_H
#define TOCSIN_PROBES_PROCESS_SCAN_PRIV_H

#include "base/err.h"
#include "base/regex.h"

/* All that is not NULL has to hold. */
struct process_filter {
    const char *pid_file;
    const char *name; /* that of the kernel, or of the program as it was called */
    const struct regex *command_line;
};

/* Sums over all of them, but for what is said. */
struct process_facts {
    size_t count;
    double start_seconds; /* Unix time, of the oldest */
    double cpu_seconds;
    double resident_bytes, virtual_bytes;
    uint64_t threads;
    size_t n_fds; /* processes whose descriptors we may see */
    uint64_t open_fds;
    double max_fds; /* the least that one of them may have */
};

/* `proc`: "/proc". 0, also when there are none; then `why` says why, as when there is no pid file.
 * Negative errno: /proc cannot be read. */
int process_scan(const char *proc, const struct process_filter *f, struct process_facts *ret,
                 struct err *why);

#endif
