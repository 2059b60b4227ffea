/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "base/regex.h"

#define OUTPUT_MAX (1u << 20) /* bytes: many groups times a long text */

/* Three lines: pattern, replacement, text. Every way to ask gives one answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(regex_freep) struct regex *anchored = NULL, *search = NULL, *wrapped = NULL;
    CLEANUP(buf_free) struct buf out = {.max = OUTPUT_MAX}, pattern = {0};
    struct str text = str_n((const char *)data, size), given = str_cut(&text, '\n'),
               replacement = str_cut(&text, '\n');
    struct err err = {0};

    if (regex_new(given, REGEX_ANCHORED, &anchored, &err) < 0) {
        must(err.msg[0] && !anchored);
        return 0;
    }
    must(regex_expand(anchored, text, replacement, &out) == regex_match(anchored, text) ||
         !str_is_utf8(text));
    for (size_t i = 0; i < regex_literal_count(anchored); i++)
        must(regex_match(anchored, regex_literal(anchored, i)));
    /* Another group around it makes every pattern one for the engine. */
    buf_add_c(&pattern, "(?:");
    buf_add_str(&pattern, given);
    buf_add_c(&pattern, "){1}");
    if (str_is_utf8(text) && regex_new(buf_str(&pattern), REGEX_ANCHORED, &wrapped, NULL) == 0)
        must(regex_match(wrapped, text) == regex_match(anchored, text));
    if (regex_new(given, REGEX_SEARCH, &search, &err) < 0)
        return 0;
    buf_reset(&out);
    regex_replace_all(search, text, replacement, &out);
    if (str_is_utf8(text) && !regex_match(search, text))
        must(str_eq(buf_str(&out), text) || out.overflow);
    return 0;
}
