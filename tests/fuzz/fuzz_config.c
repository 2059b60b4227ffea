/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file. What is accepted is written out for people; that text has to be accepted
 * again and to look the same the next time (unless secrets were left out of it).
 */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "config/config.h"

#define INPUT_MAX 65536 /* bytes; larger ones only take longer */

static bool contains(struct str text, struct str word)
{
    return str_find(text, word) < text.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);
    struct err err = {0};
    struct config *c, *again;

    /* Included files would be read from whatever folder we run in. */
    if (size > INPUT_MAX || contains(text, STR("scrape_config_files")))
        return 0;
    if (config_parse("fuzz.yml", text, &c, &err) < 0) {
        must(err.code < 0 && err.msg[0]);
        return 0;
    }
    if (!contains(str_c(c->text), STR("<secret>"))) {
        must(config_parse("fuzz.yml", str_c(c->text), &again, &err) == 0);
        must(str_eq(str_c(c->text), str_c(again->text)));
        config_unref(again);
    }
    config_unref(c);
    return 0;
}
