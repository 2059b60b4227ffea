/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/must.h"
#include "base/yaml.h"

/* What was taken can be walked within its limits, and its JSON is JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err err = {0};

    if (yaml_parse("fuzz.yml", str_n((const char *)data, size), &doc, &err) < 0) {
        must(err.code < 0 && err.msg[0] && !doc);
        return 0;
    }
    for (size_t i = 0; i < yaml_count(doc); i++) {
        CLEANUP(buf_free) struct buf text = {0};
        CLEANUP(json_doc_freep) struct json *json = NULL;

        yaml_to_json(yaml_root(doc, i), &text);
        /* Keys with a zero byte are the one thing that our JSON reader does not take. */
        must(json_doc_parse(buf_str(&text), &json, &err) == 0 ||
             str_find(buf_str(&text), STR("\\u0000")) < text.len);
    }
    return 0;
}
