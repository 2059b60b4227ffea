/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plain scalar means when nobody says what is expected: the rules of the Kubernetes tools,
 * which are those of YAML 1.1 without y and n.
 */
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/num.h"
#include "base/yaml.h"

#define INTEGER_TEXT_MAX 64 /* digits of a binary number, the longest way to write one */

static bool find_bool(struct str s, bool *ret)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true", true},   {"True", true},   {"TRUE", true}, {"yes", true}, {"Yes", true},
        {"YES", true},    {"on", true},     {"On", true},   {"ON", true},  {"false", false},
        {"False", false}, {"FALSE", false}, {"no", false},  {"No", false}, {"NO", false},
        {"off", false},   {"Off", false},   {"OFF", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq_c(s, words[i].word)) {
            *ret = words[i].value;
            return true;
        }
    }
    return false;
}

/* Digits in base 2, 8 or 16 behind 0b, 0, 0o, 0x. */
static bool find_based_integer(struct str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.p[0] == '-';
    char text[INTEGER_TEXT_MAX + 1], *end;
    size_t skip = 1;
    int base = 8;

    if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_n(s.p + 1, s.len - 1);
    if (s.len < 2 || s.p[0] != '0')
        return false;
    if (s.p[1] == 'x' || s.p[1] == 'b' || s.p[1] == 'o') {
        base = s.p[1] == 'x' ? 16 : s.p[1] == 'b' ? 2 : 8;
        skip = 2;
    }
    s = str_n(s.p + skip, s.len - skip);
    if (s.len == 0 || s.len > INTEGER_TEXT_MAX || strspn(s.p, "0123456789abcdefABCDEF") < s.len)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    *ret = strtoll(text, &end, base);
    if (*end != '\0')
        return false;
    if (negative)
        *ret = -*ret;
    return true;
}

static void scalar_to_json(const struct yaml_node *node, struct buf *out)
{
    int64_t integer;
    double number;
    bool truth;

    if (node->quoted)
        json_add_string(out, node->text, JSON_PLAIN);
    else if (yaml_is_null(node))
        buf_add_c(out, "null");
    else if (find_bool(node->text, &truth))
        buf_add_c(out, truth ? "true" : "false");
    else if (find_based_integer(node->text, &integer) || num_parse_i64(node->text, &integer))
        num_add_i64(out, integer);
    else if (num_parse_double(node->text, &number) && isfinite(number))
        num_add_sample(out, number);
    else
        json_add_string(out, node->text, JSON_PLAIN);
}

void yaml_to_json(const struct yaml_node *node, struct buf *out)
{
    if (!node) {
        buf_add_c(out, "null");
        return;
    }
    if (node->kind == YAML_SCALAR) {
        scalar_to_json(node, out);
        return;
    }
    buf_add_byte(out, node->kind == YAML_MAPPING ? '{' : '[');
    for (size_t i = 0; i < node->n; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        if (node->kind == YAML_MAPPING) {
            json_add_string(out, node->keys[i]->text, JSON_PLAIN);
            buf_add_byte(out, ':');
        }
        yaml_to_json(node->values[i], out);
    }
    buf_add_byte(out, node->kind == YAML_MAPPING ? '}' : ']');
}
