/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery files. What is accepted becomes targets of a job with and without relabelling; a target
 * has an address, a URL and an instance, and a refusal has words.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "base/must.h"
#include "targets/targets_priv.h"

#define INPUT_MAX 65536 /* bytes; larger ones only take longer */

static const char yaml[] = "scrape_configs:\n"
                           "- job_name: plain\n"
                           "- job_name: redis\n"
                           "  redis: {}\n"
                           "- job_name: relabelled\n"
                           "  params: {a: [b]}\n"
                           "  relabel_configs:\n"
                           "  - {regex: 'x_(.*)', action: labelmap}\n"
                           "  - {source_labels: [__address__], target_label: __param_t}\n"
                           "  - {regex: 'y_.*', action: labeldrop}\n";

static const struct label in_file = {STR("__meta_filepath"), STR("f.yml")};

static void hear(const char *words, void *arg)
{
    must(words[0]);
}

static void make_targets(const struct config *c, const struct found_group *groups, size_t n)
{
    struct target_list l = {0};
    struct list_builder lb = {.list = &l, .complaints = {hear, NULL}};

    for (size_t j = 0; j < c->n_scrapes; j++) {
        lb.job = &c->scrapes[j];
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < groups[i].n; k++)
                list_builder_add(&lb, str_c(groups[i].addresses[k]), groups[i].labels);
        map_deinit(&lb.seen);
    }
    for (size_t i = 0; i < l.n_targets; i++) {
        must(l.targets[i].address[0] && l.targets[i].url[0] && l.targets[i].interval > 0);
        must(l.targets[i].timeout <= l.targets[i].interval);
        must(label_set_get(l.targets[i].labels, STR("instance")).len);
        label_set_unref(l.targets[i].labels);
        label_set_unref(l.targets[i].discovered);
    }
    for (size_t i = 0; i < l.n_dropped; i++) {
        must(l.dropped[i].error && l.dropped[i].error[0]);
        label_set_unref(l.dropped[i].discovered);
    }
    free(l.targets);
    free(l.dropped);
    arena_deinit(&l.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config *c;
    struct found_group *groups = NULL;
    struct err err = {0};
    size_t n = 0;

    if (!c)
        must(config_parse("fuzz.yml", str_c(yaml), &c, &err) == 0);
    if (size > INPUT_MAX)
        return 0;
    if (found_groups_parse("f.yml", in_file, str_n((const char *)data, size), &groups, &n, &err) <
        0) {
        must(err.code < 0 && err.msg[0] && !groups);
        return 0;
    }
    make_targets(c, groups, n);
    found_groups_free(groups, n);
    return 0;
}
