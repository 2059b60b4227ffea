/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule files of Prometheus and manifests of KubeSphere. What is refused is told with its place; what is
 * taken has as many rules when it is loaded, and loading it again changes nothing.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/must.h"
#include "config/config.h"
#include "rules/rules.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 65536 /* bytes; larger ones only take longer */

static char path[64];

/* The bytes as a file. */
static void write_file(const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("rules", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    must(fd >= 0 && ftruncate(fd, 0) == 0);
    must(pwrite(fd, data, size, 0) == (ssize_t)size);
}

static struct config *configuration(void)
{
    static struct config *c;
    char text[128];

    snprintf(text, sizeof text, "rule_files: [%s]\n", path);
    if (!c)
        must(config_parse("tocsin.yml", str_c(text), &c, NULL) == 0);
    return c;
}

static void look_at(const struct rule_group_view *g, void *arg)
{
    int *rules = arg;

    must(g->name[0] && str_has_prefix(str_c(g->file), str_c(path)) && g->interval > 0);
    for (size_t i = 0; i < g->n_rules; i++)
        must(g->rules[i].name[0] && g->rules[i].query[0] && g->rules[i].labels);
    *rules += (int)g->n_rules;
}

static int count(struct rules *r)
{
    int n = 0;

    rules_each_group(r, look_at, &n);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules_options o = {.external_url = ""};
    struct rules *r = NULL;
    struct err err = {0};
    int n;

    if (size > INPUT_MAX)
        return 0;
    write_file(data, size);
    n = rules_check_file(path, NULL, &err);
    if (n < 0) {
        must(str_has_prefix(str_c(err.msg), str_c(path)));
        return 0;
    }
    must(rules_new(&o, configuration(), 0, &r, &err) == 0);
    must(count(r) == n);
    must(rules_reload(r, configuration(), 0, &err) == 0);
    must(count(r) == n);
    rules_free(r);
    return 0;
}
