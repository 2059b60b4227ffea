/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/config_priv.h"

static struct buf page; /* docs/formats/config.md */

static int read_page(void **unused)
{
    struct buf path = {0};
    const char *source = getenv("TOCSIN_SOURCE");
    int r;

    buf_addf(&path, "%s/docs/formats/config.md", source ? source : ".");
    r = file_read(path.p, 1 << 20, &page, NULL);
    buf_free(&path);
    return r;
}

static int free_page(void **unused)
{
    buf_free(&page);
    return 0;
}

static void look_up(const char *key, enum key_class class, void *arg)
{
    CLEANUP(buf_free)
    struct buf word = {0};
    size_t *n = arg;

    buf_addf(&word, "`%s`", key);
    if (str_find(buf_str(&page), buf_str(&word)) == page.len)
        fail_msg("%s is not in docs/formats/config.md", key);
    ++*n;
}

/* Each block once: routes contain routes. */
static void walk(const struct block *b, const struct block **seen, size_t *n_seen, size_t *n_keys)
{
    for (size_t i = 0; i < *n_seen; i++)
        if (seen[i] == b)
            return;
    seen[(*n_seen)++] = b;
    assert_true(*n_seen < 128);
    keys_each(b, look_up, n_keys);
    for (const struct block *in = b; in; in = in->also)
        for (size_t i = 0; i < in->n_fields; i++)
            if (in->fields[i].block)
                walk(in->fields[i].block, seen, n_seen, n_keys);
}

static void every_key_is_in_the_page_about_the_file(void **unused)
{
    const struct block *seen[128];
    size_t n_seen = 0, n_keys = 0;

    walk(&top_block, seen, &n_seen, &n_keys);
    walk(&global_block, seen, &n_seen, &n_keys);
    walk(&scrape_block, seen, &n_seen, &n_keys);
    assert_true(n_seen > 15);
    assert_true(n_keys > 400);
}

static void what_is_accepted_without_effect_is_neither_carried_out_nor_refused(void **unused)
{
    const struct block *const blocks[] = {&top_block,     &global_block, &scrape_block,
                                          &http_block,    &tls_block,    &root_route_block,
                                          &receiver_block};

    for (size_t b = 0; b < ARRAY_LEN(blocks); b++)
        for (size_t i = 0; i < blocks[b]->n_fields; i++) {
            struct str key = str_c(blocks[b]->fields[i].key);

            assert_null(keys_idle(blocks[b]->name, key));
            assert_null(keys_known(blocks[b]->name, key));
        }
}

static void the_nearest_key_is_offered_only_when_it_is_near(void **unused)
{
    static const struct {
        const struct block *block;
        const char *key, *nearest;
    } cases[] = {
        {&top_block, "scrape_config", "scrape_configs"},
        {&top_block, "rules_files", "rule_files"},
        {&top_block, "remotewrite", "remote_write"}, /* of those that are refused too */
        {&scrape_block, "tls_confg", "tls_config"},  /* of the HTTP client in it */
        {&scrape_block, "job", NULL},
        {&scrape_block, "radis", "redis"},
        {&tls_block, "kez", "key"},
        {&tls_block, "x", NULL},
        {&tls_block, "", NULL},
        {&global_block, "smtp_fron", "smtp_from"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *near = keys_nearest(cases[i].block, str_c(cases[i].key));

        if (cases[i].nearest) {
            assert_non_null(near);
            assert_string_equal(near, cases[i].nearest);
        } else {
            assert_null(near);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_in_the_page_about_the_file),
        cmocka_unit_test(what_is_accepted_without_effect_is_neither_carried_out_nor_refused),
        cmocka_unit_test(the_nearest_key_is_offered_only_when_it_is_near),
    };

    return cmocka_run_group_tests(tests, read_page, free_page);
}
