/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a MySQL: my.cnf, and InnoDB's status. What is read of a my.cnf lies in the arena and has an end; a
 * status gives lines of its own metrics only. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/must.h"
#include "probes/mysql_cnf_priv.h"
#include "probes/mysql_priv.h"

static void read_cnf(struct str text)
{
    struct arena arena;
    struct mysql_cnf cnf = {0};
    struct err err = {0};

    arena_init(&arena, 0);
    if (mysql_cnf_parse(text, "client", &arena, &cnf, &err) < 0)
        must(err.code < 0 && err.msg[0]);
    for (size_t i = 0; i < 6; i++) {
        const char *value = (const char *const[]){cnf.user,   cnf.password, cnf.socket,
                                                  cnf.ssl_ca, cnf.ssl_cert, cnf.ssl_key}[i];

        must(!value || strlen(value) <= text.len);
    }
    arena_deinit(&arena);
}

static void read_status(struct str text)
{
    CLEANUP(buf_free) struct buf out = {0};
    struct metric_page page = {0};
    struct str rest;

    arena_init(&page.arena, 0);
    mysql_innodb_status(&page, text);
    metric_page_write(&page, &out);
    metric_page_deinit(&page);
    for (rest = buf_str(&out); rest.len;) {
        struct str line = str_cut(&rest, '\n');

        must(str_has_prefix(line, STR("mysql_engine_innodb_")) ||
             str_has_prefix(line, STR("# TYPE mysql_engine_innodb_")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);

    read_cnf(text);
    read_status(text);
    return 0;
}
