/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/process_scan_priv.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"

#define PID_FILE_MAX 4096         /* bytes; a number and a line break are usual */
#define STAT_MAX     4096         /* bytes of a stat, 52 numbers and a name */
#define CMDLINE_MAX  (128u << 10) /* bytes of a command line that are looked at */
#define LIMITS_MAX   16384
#define KERNEL_NAME  15 /* bytes of a name that the kernel keeps */
#define CLOCK_SLACK  3  /* seconds: start times are told in steps, and the clock is set meanwhile */

/* What /proc/PID/stat says. */
struct process {
    uint64_t pid;
    struct str name; /* as the kernel has it: its first 15 bytes */
    char state;
    uint64_t cpu_ticks, threads, start_ticks, virtual_bytes, resident_pages;
};

/* ---- one process --------------------------------------------------------------------------- */

/* Empties `out`; false: the process is gone, or we may not see that. */
static bool read_of(const char *proc, uint64_t pid, const char *what, size_t max, struct buf *out)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_reset(out);
    buf_addf(&path, "%s/%" PRIu64 "/%s", proc, pid, what);
    return file_read(path.p, max, out, NULL) == 0;
}

/* PID (NAME) STATE and numbers: the name may have blanks and brackets in it. */
static bool read_stat(struct str text, struct process *ret)
{
    static const struct {
        int field; /* as proc(5) counts */
        size_t offset;
    } numbers[] = {
        {14, offsetof(struct process, cpu_ticks)},
        {15, offsetof(struct process, cpu_ticks)},
        {20, offsetof(struct process, threads)},
        {22, offsetof(struct process, start_ticks)},
        {23, offsetof(struct process, virtual_bytes)},
        {24, offsetof(struct process, resident_pages)},
    };
    const char *open = memchr(text.p, '(', text.len), *close = memrchr(text.p, ')', text.len);
    struct str rest;
    size_t n = 0;

    if (!open || !close || close < open || (size_t)(text.p + text.len - close) < 4)
        return false;
    ret->name = str_n(open + 1, (size_t)(close - open - 1));
    ret->state = close[2];
    rest = str_n(close + 4, (size_t)(text.p + text.len - close - 4));
    for (int field = 4; rest.len && n < ARRAY_LEN(numbers); field++) {
        struct str word = str_cut(&rest, ' ');
        uint64_t v;

        if (numbers[n].field != field)
            continue;
        if (!num_parse_u64(word, &v))
            return false;
        *(uint64_t *)((char *)ret + numbers[n++].offset) += v;
    }
    return n == ARRAY_LEN(numbers);
}

static bool is_called(struct str command_line, struct str name)
{
    struct str program = str_cut(&command_line, '\0');
    const char *slash = program.len ? memrchr(program.p, '/', program.len) : NULL;

    if (slash)
        program = str_n(slash + 1, (size_t)(program.p + program.len - slash - 1));
    return str_eq(program, name);
}

static bool is_meant(const char *proc, const struct process_filter *f, const struct process *p)
{
    CLEANUP(buf_free) struct buf line = {0};
    struct str name = str_c(f->name);

    if (p->state == 'Z' || p->state == 'X') /* it is over, only nobody has asked for its end */
        return false;
    if (f->name && name.len <= KERNEL_NAME && str_eq(p->name, name) && !f->command_line)
        return true;
    if (!f->name && !f->command_line)
        return true;
    if (!read_of(proc, p->pid, "cmdline", CMDLINE_MAX, &line))
        return false;
    if (f->name && !str_eq(p->name, name) && !is_called(buf_str(&line), name))
        return false;
    for (size_t i = 0; i < line.len; i++)
        if (line.p[i] == '\0')
            line.p[i] = ' ';
    return !f->command_line || regex_match(f->command_line, str_trim(buf_str(&line)));
}

/* ---- descriptors --------------------------------------------------------------------------- */

static bool count_fds(const char *proc, uint64_t pid, uint64_t *ret)
{
    CLEANUP(buf_free) struct buf path = {0};
    const struct dirent *e;
    uint64_t n = 0;
    DIR *dir;

    buf_addf(&path, "%s/%" PRIu64 "/fd", proc, pid);
    dir = opendir(path.p);
    if (!dir)
        return false;
    while ((e = readdir(dir)))
        n += e->d_name[0] != '.';
    closedir(dir);
    *ret = n;
    return true;
}

/* "Max open files   1024   4096   files": the first is what holds now. */
static double max_fds(const char *proc, uint64_t pid)
{
    CLEANUP(buf_free) struct buf limits = {0};
    const struct str key = STR("Max open files");
    struct str rest;
    uint64_t n;
    size_t at;

    if (!read_of(proc, pid, "limits", LIMITS_MAX, &limits))
        return NAN;
    rest = buf_str(&limits);
    at = str_find(rest, key);
    if (at == rest.len)
        return NAN;
    rest = str_trim(str_n(rest.p + at + key.len, rest.len - at - key.len));
    rest = str_cut(&rest, ' ');
    if (num_parse_u64(rest, &n))
        return (double)n;
    return str_eq(rest, STR("unlimited")) ? INFINITY : NAN;
}

static void add_fds(const char *proc, uint64_t pid, struct process_facts *ret)
{
    double most = max_fds(proc, pid);
    uint64_t open;

    if (!count_fds(proc, pid, &open) || isnan(most))
        return;
    ret->open_fds += open;
    if (!ret->n_fds++ || most < ret->max_fds)
        ret->max_fds = most;
}

/* ---- all that are meant -------------------------------------------------------------------- */

/* When the machine began, in seconds of Unix time. */
static int read_boot_time(const char *proc, uint64_t *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0}, text = {0};
    const struct str key = STR("\nbtime ");
    struct str rest;
    size_t at;
    int r;

    buf_addf(&path, "%s/stat", proc);
    r = file_read(path.p, 4u << 20, &text, err);
    if (r < 0)
        return r;
    rest = buf_str(&text);
    at = str_find(rest, key);
    if (at == rest.len)
        return err_set(err, -EPROTO, "%s: no btime in it", path.p);
    rest = str_n(rest.p + at + key.len, rest.len - at - key.len);
    if (!num_parse_u64(str_cut(&rest, '\n'), ret))
        return err_set(err, -EPROTO, "%s: btime is no number", path.p);
    return 0;
}

static void add_process(const char *proc, const struct process *p, double start,
                        struct process_facts *ret)
{
    if (!ret->count++ || start < ret->start_seconds)
        ret->start_seconds = start;
    ret->cpu_seconds += (double)p->cpu_ticks / (double)sysconf(_SC_CLK_TCK);
    ret->virtual_bytes += (double)p->virtual_bytes;
    ret->resident_bytes += (double)p->resident_pages * (double)sysconf(_SC_PAGESIZE);
    ret->threads += p->threads;
    add_fds(proc, p->pid, ret);
}

/* Adds the process when it is meant; *ret_start is when it began. */
static bool look_at(const char *proc, uint64_t pid, const struct process_filter *f, uint64_t boot,
                    struct process_facts *ret, double *ret_start)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct process p = {.pid = pid};
    double start;

    if (!read_of(proc, pid, "stat", STAT_MAX, &text) || !read_stat(buf_str(&text), &p) ||
        !is_meant(proc, f, &p))
        return false;
    start = (double)boot + (double)p.start_ticks / (double)sysconf(_SC_CLK_TCK);
    add_process(proc, &p, start, ret);
    *ret_start = start;
    return true;
}

static int read_pid_file(const char *path, uint64_t *ret, double *ret_written, struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct str line;
    struct stat st;
    int r = file_read(path, PID_FILE_MAX, &text, err);

    if (r < 0)
        return err_in(err, r, "pid_file");
    line = str_trim(buf_str(&text));
    line = str_trim(str_cut(&line, '\n')); /* some have more than the number */
    if (!num_parse_u64(line, ret) || *ret == 0 || *ret > INT32_MAX)
        return err_set(err, -EPROTO, "pid_file %s: no number of a process in it", path);
    *ret_written = stat(path, &st) == 0 ? (double)st.st_mtime : INFINITY;
    return 0;
}

/* A number that was given out anew is another process: it began after the file was written. Where name
 * or command line are given, they tell that better than two clocks. */
static void scan_pid_file(const char *proc, const struct process_filter *f, uint64_t boot,
                          struct process_facts *ret, struct err *why)
{
    double written = 0, start = 0; /* set, which gcc does not see */
    uint64_t pid;

    if (read_pid_file(f->pid_file, &pid, &written, why) < 0)
        return; /* who stops takes the file away */
    if (!look_at(proc, pid, f, boot, ret, &start)) {
        err_set(why, -ESRCH, "pid_file %s: %s %" PRIu64, f->pid_file,
                f->name || f->command_line ? "what is looked for is not process"
                                           : "there is no process",
                pid);
    } else if (!f->name && !f->command_line && start > written + CLOCK_SLACK) {
        *ret = (struct process_facts){0};
        err_set(why, -ESRCH,
                "pid_file %s: process %" PRIu64 " began after the file was written: "
                "the number went to another process",
                f->pid_file, pid);
    }
}

int process_scan(const char *proc, const struct process_filter *f, struct process_facts *ret,
                 struct err *why)
{
    struct process_facts all = {0};
    const struct dirent *e;
    uint64_t boot, pid;
    double start;
    DIR *dir;
    int r = read_boot_time(proc, &boot, why);

    if (r < 0)
        return r;
    if (f->pid_file) {
        scan_pid_file(proc, f, boot, &all, why);
    } else {
        dir = opendir(proc);
        if (!dir)
            return err_set(why, -errno, "%s: %m", proc);
        while ((e = readdir(dir)))
            if (num_parse_u64(str_c(e->d_name), &pid))
                look_at(proc, pid, f, boot, &all, &start);
        closedir(dir);
        if (!all.count)
            err_set(why, -ESRCH, "no process is the one that is looked for");
    }
    *ret = all;
    return 0;
}
