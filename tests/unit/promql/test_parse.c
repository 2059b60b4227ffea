/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "promql/ast.h"
#include "promql/functions_table.h"

static const struct promql_features all = {true, true};

static struct promql_expr *parse(const char *text)
{
    struct promql_expr *e = NULL;
    struct err err = {0};

    if (promql_parse(str_c(text), &all, &e, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return e;
}

static void assert_prints(const struct promql_expr *e, const char *want)
{
    struct buf out = {0};

    promql_print(e->root, &out);
    assert_string_equal(out.p, want);
    buf_free(&out);
}

/* ---- what is refused, in which words */

static void says_where_and_why_a_text_is_no_expression(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        /* bytes and words */
        {"", "unknown position: parse error: no expression found in input"},
        {" # nothing", "1:1: parse error: no expression found in input"},
        {"a ;", "1:3: parse error: unexpected character: ';'"},
        {"\xc3\xa9", "1:1: parse error: unexpected character: 'é'"},
        {"a !", "1:3: parse error: unexpected character after '!': '\xef\xbf\xbd'"},
        {"a =~ b", "1:3: parse error: unexpected character after '=': '~'"},
        {"a ! b", "1:3: parse error: unexpected character after '!': ' '"},
        {"a\n+\n]", "3:1: parse error: unexpected right bracket ']'"},
        {"(a))", "1:5: parse error: unexpected right parenthesis ')'"},
        {"(a", "1:3: parse error: unclosed left parenthesis"},
        {"a[5m", "1:5: parse error: unclosed left bracket"},
        {"a[", "1:3: parse error: unexpected end of input in duration expression"},
        {"a[5m[", "1:5: parse error: unexpected left bracket '['"},
        {"a[x]", "1:3: parse error: unexpected character in duration expression: 'x'"},
        {"a[:5m]", "1:4: parse error: unexpected colon before duration in duration expression"},
        {"a[5m:5m:5m]", "1:8: parse error: unexpected colon ':'"},
        {"a[5m x]", "1:6: parse error: unexpected character: 'x', expected ':'"},
        {"a{", "1:3: parse error: unexpected end of input inside braces"},
        {"a{b?}", "1:4: parse error: unexpected character inside braces: '?'"},
        {"a{b!b}", "1:4: parse error: unexpected character after '!' inside braces: 'b'"},
        {"a{{", "1:3: parse error: unexpected left brace '{'"},
        {"\"a", "1:1: parse error: unterminated quoted string"},
        {"'a\n'", "1:1: parse error: unterminated quoted string"},
        {"`a", "1:1: parse error: unterminated raw string"},
        {"\"\xff\"", "1:1: parse error: invalid UTF-8 rune"},
        {"'\\c'", "1:1: parse error: unknown escape sequence U+0063 'c'"},
        {"'\\\x01'", "1:1: parse error: unknown escape sequence U+0001"},
        {"'\\\"'", "1:1: parse error: unknown escape sequence U+0022 '\"'"},
        {"'\\xg0'", "1:1: parse error: illegal character U+0067 'g' in escape sequence"},
        {"'\\x1", "1:1: parse error: escape sequence not terminated"},
        {"'\\400'", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        {"'\\ud800'", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        {"'\\U00110000'", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        /* numbers and durations */
        {"1..2", "1:1: parse error: bad number or duration syntax: \"1..\""},
        {"0b1", "1:1: parse error: bad number or duration syntax: \"0\""},
        {"1_", "1:1: parse error: bad number or duration syntax: \"1_\""},
        {"1e", "1:1: parse error: bad number or duration syntax: \"1e\""},
        {"0x1.8", "1:1: parse error: bad number or duration syntax: \"0x1.\""},
        {"0x", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": "
               "invalid syntax"},
        {".5.5", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \".5.5\": "
                 "invalid syntax"},
        {"1e999", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing "
                  "\"1e999\": value out of range"},
        {"a[5mm]", "1:3: parse error: bad number or duration syntax: \"5mm\""},
        {"a[1hs]", "1:3: parse error: unknown unit \"hs\" in duration \"1hs\""},
        {"a[1.5m]", "1:3: parse error: unknown unit \".\" in duration \"1.5m\""},
        {"a[1m1h]", "1:3: parse error: not a valid duration string: \"1m1h\""},
        {"a[300y]", "1:3: parse error: duration out of range"},
        {"a offset 9.5e10", "1:10: parse error: duration out of range"},
        {"a[0]", "1:3: parse error: duration must be greater than 0"},
        {"a[-1]", "1:3: parse error: duration must be greater than 0"},
        {"a[5m:0s]", "1:6: parse error: duration must be greater than 0"},
        {"a[5m/0]", "1:5: parse error: division by zero"},
        {"a[5m%0]", "1:5: parse error: modulo by zero"},
        /* structure */
        {"a b", "1:3: parse error: unexpected identifier \"b\""},
        {"a b:c", "1:3: parse error: unexpected metric identifier \"b:c\""},
        {"a 5m", "1:3: parse error: unexpected duration \"5m\""},
        {"a \"0123456789\"", "1:3: parse error: unexpected string \"\\\"012345678\"..."},
        {"on", "1:1: parse error: unexpected <on>"},
        {"a BY (b)", "1:3: parse error: unexpected <BY>"},
        {"a + =", "1:5: parse error: unexpected \"=\""},
        {"a + / b", "1:5: parse error: unexpected <op:/>"},
        {"a sum", "1:3: parse error: unexpected <aggr:sum>"},
        {"start()", "1:6: parse error: unexpected \"(\""},
        {"a:b()", "1:4: parse error: unexpected \"(\""},
        {"a start", "1:3: parse error: unexpected \"start\""},
        {"()", "1:2: parse error: unexpected \")\""},
        {"sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation"},
        {"sum by (a)", "1:11: parse error: unexpected end of input in aggregation"},
        {"sum(a) b", "1:8: parse error: unexpected identifier \"b\""},
        {"sum a", "1:5: parse error: unexpected identifier \"a\""},
        {"sum by a (b)", "1:8: parse error: unexpected identifier \"a\" in grouping opts, "
                         "expected \"(\""},
        {"sum by (,) (b)", "1:9: parse error: unexpected \",\" in grouping opts, expected label"},
        {"sum by (a b) (c)", "1:11: parse error: unexpected identifier \"b\" in grouping opts, "
                             "expected \",\" or \")\""},
        {"sum by (\"\") (c)", "1:9: parse error: invalid label name for grouping: \"\""},
        {"abs(a,)", "1:6: parse error: trailing commas not allowed in function call args"},
        {"a{b}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching "
                 "operator"},
        {"a{b=c}", "1:5: parse error: unexpected identifier \"c\" in label matching, expected "
                   "string"},
        {"a{,}", "1:3: parse error: unexpected \",\" in label matching, expected identifier or "
                 "\"}\""},
        {"a{b=\"c\" d", "1:9: parse error: unexpected identifier \"d\" in label matching, "
                        "expected \",\" or \"}\""},
        {"a{b=~\"(\"}", "1:3: parse error: error parsing regexp: missing closing ): `^(?s:()$`"},
        {"a{b=~\"*\"}", "1:3: parse error: error parsing regexp: missing argument to repetition "
                        "operator: `*`"},
        {"a offset", "1:9: parse error: unexpected end of input in offset, expected number or "
                     "duration"},
        {"a @ b", "1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"},
        {"a @ start", "1:10: parse error: unexpected end of input in @, expected timestamp"},
        {"a @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
        {"a @ 1e16", "1:1: parse error: timestamp out of bounds for @ modifier: "
                     "10000000000000000.000000"},
        {"a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
        {"1 @ 2", "1:1: parse error: @ modifier must be preceded by an instant vector selector or "
                  "range vector selector or a subquery"},
        {"a offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"},
        {"abs(a) offset 1m", "1:1: parse error: offset modifier must be preceded by an instant "
                             "vector selector or range vector selector or a subquery"},
        {"abs(a)[5m]", "1:7: parse error: ranges only allowed for vector selectors"},
        {"a offset 1m[5m]", "1:12: parse error: no offset modifiers allowed before range"},
        {"a @ 1 [5m]", "1:7: parse error: no @ modifiers allowed before range"},
        {"a[5m 5m]", "1:6: parse error: unexpected duration \"5m\" in subquery or range, "
                     "expected \":\" or \"]\""},
        {"a[5m:5m 5m]", "1:9: parse error: unexpected duration \"5m\" in subquery selector, "
                        "expected \"]\""},
        {"a[5m:", "1:6: parse error: unclosed left bracket"},
        /* types */
        {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"a{__name__=\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or "
                              "\"b\""},
        {"a{\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
        {"nope(a)", "1:1: parse error: unknown function with name \"nope\""},
        {"ABS(a)", "1:1: parse error: unknown function with name \"ABS\""},
        {"abs(a[5m])", "1:5: parse error: expected type instant vector in call to function "
                       "\"abs\", got range vector"},
        {"abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"},
        {"round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", "
                    "got 0"},
        {"round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to "
                           "\"round\", got 3"},
        {"label_join(a, \"b\", \"c\", \"d\", e)", "1:30: parse error: expected type string in call "
                                                  "to function \"label_join\", got instant vector"},
        {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
        {"sum(a, b)", "1:1: parse error: wrong number of arguments for aggregate expression "
                      "provided, expected 1, got 2"},
        {"sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, "
                   "got scalar"},
        {"topk(a, b)", "1:6: parse error: expected type scalar in aggregation parameter, got "
                       "instant vector"},
        {"count_values(1, b)", "1:14: parse error: expected type string in aggregation "
                               "parameter, got scalar"},
        {"-\"a\"", "1:1: parse error: unary expression only allowed on expressions of type scalar "
                   "or instant vector, got \"string\""},
        {"a[5m] + b", "1:1: parse error: binary expression must contain only scalar and instant "
                      "vector types"},
        {"1 > 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
        {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
        {"1 and a", "1:1: parse error: set operator \"and\" not allowed in binary scalar "
                    "expression"},
        {"a + on (b) 1", "1:1: parse error: vector matching only allowed between instant vectors"},
        {"a and on (b) group_left c", "1:1: parse error: no grouping allowed for \"and\" "
                                      "operation"},
        {"a + on (b) group_left (b) c", "1:3: parse error: label \"b\" must not occur in ON and "
                                        "GROUP clause at once"},
        {"a[5m][1h:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix "
                       "instead"},
        {"info(a, b{c=\"d\"})", "1:9: parse error: expected label selectors only, got vector "
                                "selector instead"},
        {"info(a, abs(b))", "1:9: parse error: expected label selectors only"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promql_expr *e = NULL;
        struct err err = {0};

        assert_int_equal(promql_parse(str_c(cases[i].text), &all, &e, &err), -EINVAL);
        assert_null(e);
        assert_string_equal(err.msg, cases[i].why);
        assert_int_equal(promql_parse(str_c(cases[i].text), &all, &e, NULL), -EINVAL);
    }
}

static void wants_the_features_that_are_experimental(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"mad_over_time(a[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"},
        {"limitk(1, a)", "1:1: parse error: limitk() is experimental and must be enabled with "
                         "--enable-feature=promql-experimental-functions"},
        {"a[5m * 2]", "1:3: parse error: experimental duration expression is not enabled"},
        {"a offset (1h)", "1:11: parse error: experimental duration expression is not enabled"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promql_expr *e = NULL;
        struct err err = {0};

        assert_int_equal(promql_parse(str_c(cases[i].text), NULL, &e, &err), -EINVAL);
        assert_string_equal(err.msg, cases[i].why);
        promql_expr_free(parse(cases[i].text));
    }
}

static void repeat(struct buf *out, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        buf_add_c(out, text);
}

static int parse_repeated(const char *before, const char *text, int times, const char *after,
                          struct err *err)
{
    struct promql_expr *e = NULL;
    struct buf b = {0};
    int r;

    repeat(&b, before, times);
    buf_add_c(&b, text);
    repeat(&b, after, times);
    r = promql_parse(buf_str(&b), &all, &e, err);
    promql_expr_free(e);
    buf_free(&b);
    return r;
}

static void ends_at_its_limits(void **state)
{
    static const struct {
        const char *before, *text, *after;
    } cases[] = {
        {"(", "1", ")"},
        {"", "a", "+a"},
        {"-", "a", ""},
        {"", "a", "^a"},
        {"abs(", "a", ")"},
        {"sum(", "a", ")"},
        {"last_over_time(", "a", "[1m:])"},
    };
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse_repeated(cases[i].before, cases[i].text, 400, cases[i].after, NULL),
                         0);
        assert_int_equal(
            parse_repeated(cases[i].before, cases[i].text, 10000, cases[i].after, &err), -E2BIG);
        assert_string_equal(err.msg, "expression is nested too deep, 1000 levels at most");
    }
    assert_int_equal(parse_repeated("", "a[1m", 2000, "+(1m", &err), -E2BIG);
    assert_int_equal(parse_repeated("", "a", PROMQL_TEXT_MAX, " ", &err), -E2BIG);
    assert_string_equal(err.msg, "expression has 262145 bytes, 262144 at most");
}

/* ---- what is accepted, and its canonical text */

static void prints_each_expression_in_its_one_canonical_way(void **state)
{
    static const struct {
        const char *text, *printed; /* NULL: the same */
    } cases[] = {
        /* numbers */
        {"1_000.5", "1000.5"},
        {"0x1F", "31"},
        {"0755", "493"},
        {"089", "89"},
        {"1e3", "1000"},
        {"1e-7", "0.0000001"},
        {".5", "0.5"},
        {"5.", "5"},
        {"iNf", "+Inf"},
        {"-inf", "-Inf"},
        {"+NaN", "NaN"},
        {"inf ^ inf", "Inf ^ +Inf"},
        {"9223372036854775808", "9223372036854776000"},
        {"--1", "1"},
        {"90s", "1m30s"},
        {"-5m", NULL},
        {"1y2w3d4h5m6s7ms", "382d4h5m6s7ms"},
        /* strings */
        {"'a\"\\'\\n\\x41\\101\\u70ac\\U00010111'", "\"a\\\"'\\nAA炬𐄑\""},
        {"`\\n`", "\"\\\\n\""},
        {"\"\\xff\\u200b\"", "\"\\xff\\u200b\""},
        /* selectors */
        {"a:b", NULL},
        {"a { b = 'c' , d != \"e\" , }", "a{b=\"c\",d!=\"e\"}"},
        {"a{z=~\"1\",b!~\"2\"}", "a{b!~\"2\",z=~\"1\"}"},
        {"{\"a.b\",c=\"d\"}", "{__name__=\"a.b\",c=\"d\"}"},
        {"{\"a b\"=\"c\"}", NULL},
        {"{__name__=\"a\"}", NULL},
        {"sum{sum=\"x\"}", NULL},
        {"start offset 1m", NULL},
        {"offset offset 5", "offset offset 5s"},
        {"a # comment\n + b", "a + b"},
        /* ranges and shifts */
        {"a[300]", "a[5m]"},
        {"a[90.5]", "a[1m30s500ms]"},
        {"a[1h:]", NULL},
        {"a[5m:30] @ start() offset -1h", "a[5m:30s] @ start() offset -1h"},
        {"a offset 5m @ 10", "a @ 10.000 offset 5m"},
        {"a @ -1.2345", "a @ -1.235"},
        {"a @ 5m", "a @ 300.000"},
        {"a[5m] offset 1m @ end()", "a[5m] @ end() offset 1m"},
        {"a offset 0", "a"},
        {"a[5m*2+(-1m)^1]", "a[5m * 2 + (-1m) ^ 1]"},
        {"a[-(1m-5m)]", "a[-(1m - 5m)]"},
        {"a offset (1h/2)", "a offset (1h / 2)"},
        {"a offset -(1^2)", "a offset -(1 ^ 2)"},
        {"a offset -(-5m)", "a offset 5m"},
        {"a offset 5s-8", "a offset 5s - 8"},
        /* operations */
        {"-a ^ b", NULL},
        {"a+b", "a + b"},
        {"a>bool b", "a > bool b"},
        {"a ATAN2 on() b", "a atan2 on () b"},
        {"a + ignoring() b", "a + b"},
        {"a * ignoring(x,\"y z\") group_left b", "a * ignoring (x, \"y z\") group_left () b"},
        {"a / on(x) group_right(y,) b", "a / on (x) group_right (y) b"},
        {"a / on(x) group_left (b) (c)",
         "a / on (x) group_left (b) (c)"}, /* (b) is what to include, not the operand */
        {"1 + on() 2", "1 + 2"},
        {"a AND b", "a and b"},
        /* aggregations and calls */
        {"sum(a) by (b)", "sum by (b) (a)"},
        {"SUM BY (b, c,) (a)", "sum by (b, c) (a)"},
        {"sum by () (a)", "sum(a)"},
        {"sum without () (a)", NULL},
        {"sum by (on, by, group_left, start) (a)", NULL},
        {"sum by (\"nan\", \"x\") (a{inf=\"1\"})", "sum by (\"nan\", x) (a{inf=\"1\"})"},
        {"topk(5, a)", NULL},
        {"count_values('v', a)", "count_values(\"v\", a)"},
        {"time()", NULL},
        {"label_replace(a,'b','c','d','e')", "label_replace(a, \"b\", \"c\", \"d\", \"e\")"},
        {"info(a, {})", "info(a, {})"},
    };
    struct promql_expr *e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *want = cases[i].printed ? cases[i].printed : cases[i].text;

        e = parse(cases[i].text);
        assert_prints(e, want);
        promql_expr_free(e);
        e = parse(want);
        assert_prints(e, want);
        promql_expr_free(e);
    }
}

static void splits_what_is_longer_than_a_line(void **state)
{
    struct promql_expr *e = parse("sum by (a) (rate(b[5m])) / -max_over_time(c[1h:5m]) > bool 0.5");
    struct buf out = {0};

    promql_print_pretty(e->root, PROMQL_PRETTY_WIDTH, &out);
    assert_string_equal(out.p, "sum by (a) (rate(b[5m])) / -max_over_time(c[1h:5m]) > bool 0.5");
    buf_reset(&out);
    promql_print_pretty(e->root, 20, &out);
    assert_string_equal(out.p, "    sum by (a) (\n"
                               "      rate(b[5m])\n"
                               "    )\n"
                               "  /\n"
                               "    -max_over_time(\n"
                               "      c[1h:5m]\n"
                               "    )\n"
                               "> bool\n"
                               "  0.5");
    buf_free(&out);
    promql_expr_free(e);
}

/* ---- the tree */

/* Operators in front of their operands, all in parentheses. */
static void print_structure(const struct promql_node *node, struct buf *out)
{
    if (node->kind == NODE_BINARY) {
        buf_addf(out, "(%s ", promql_op_text(node->binary.op));
        print_structure(node->binary.lhs, out);
        buf_add_byte(out, ' ');
        print_structure(node->binary.rhs, out);
        buf_add_byte(out, ')');
    } else if (node->kind == NODE_UNARY) {
        buf_addf(out, "(%s ", promql_op_text(node->unary.op));
        print_structure(node->unary.arg, out);
        buf_add_byte(out, ')');
    } else {
        promql_print(node, out);
    }
}

static void binds_operators_by_their_precedence(void **state)
{
    static const struct {
        const char *text, *structure;
    } cases[] = {
        {"a + b * c ^ d", "(+ a (* b (^ c d)))"},
        {"a ^ b * c + d", "(+ (* (^ a b) c) d)"},
        {"a - b - c", "(- (- a b) c)"},
        {"a ^ b ^ c", "(^ a (^ b c))"},
        {"a * b / c % d atan2 e", "(atan2 (% (/ (* a b) c) d) e)"},
        {"a == b != c", "(!= (== a b) c)"},
        {"a or b and c unless d", "(or a (unless (and b c) d))"},
        {"a and b == c + d", "(and a (== b (+ c d)))"},
        {"-a * b", "(* (- a) b)"},
        {"-a ^ b", "(- (^ a b))"},
        {"-1 ^ 2", "(- (^ 1 2))"},
        {"a ^ -b ^ c * d", "(* (^ a (- (^ b c))) d)"},
        {"a * -b ^ c", "(* a (- (^ b c)))"},
        {"2 - -1", "(- 2 -1)"},
        {"a + b offset 5m", "(+ a b offset 5m)"},
        {"a offset -2 ^ 2", "(^ a offset -2s 2)"},
        {"a offset (2) + 3", "(+ a offset 2s 3)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promql_expr *e = parse(cases[i].text);
        struct buf out = {0};

        print_structure(e->root, &out);
        assert_string_equal(out.p, cases[i].structure);
        buf_free(&out);
        promql_expr_free(e);
    }
}

static int note_position(struct promql_node *node, struct promql_node *const *parents,
                         size_t n_parents, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%zu%c%u-%u ", n_parents, "NSPUBACVMQ"[node->kind], node -> start, node -> end);
    return 0;
}

static void knows_the_bytes_of_each_node(void **state)
{
    static const struct {
        const char *text, *nodes; /* depth, kind, start-end; parents first */
    } cases[] = {
        {" a{b=\"c\"} offset 5m", "0V1-19 "},
        {"{a=\"b\"}", "0V0-7 "},
        {"a[5m] offset 1m ", "0M0-15 1V0-1 "},
        {"rate(abs(a)[5m:1m] @ 10 )", "0C0-25 1Q5-23 2C5-11 3V9-10 "},
        {"-(1 + -2)", "0U0-9 1P1-9 2B2-8 3N2-3 3N6-8 "},
        {"topk by (a) (1, b) > c", "0B0-22 1A0-18 2N13-14 2V16-17 1V21-22 "},
        {"sum(a) by (b) ", "0A0-13 1V4-5 "},
        {"time( ) * pi()", "0B0-14 1C0-7 1C10-14 "},
        {"label_join(a,'b','c')", "0C0-21 1V11-12 1S13-16 1S17-20 "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promql_expr *e = parse(cases[i].text);
        struct buf out = {0};

        assert_int_equal(promql_walk(e->root, note_position, &out), 0);
        assert_string_equal(out.p, cases[i].nodes);
        buf_free(&out);
        promql_expr_free(e);
    }
}

static int stop_at_vector(struct promql_node *node, struct promql_node *const *parents,
                          size_t n_parents, void *arg)
{
    (*(int *)arg)++;
    return node->kind == NODE_VECTOR ? (int)n_parents + 40 : 0;
}

static void stops_the_walk_when_told(void **state)
{
    struct promql_expr *e = parse("1 + abs(a) + b");
    int seen = 0;

    assert_int_equal(promql_walk(e->root, stop_at_vector, &seen), 43);
    assert_int_equal(seen, 5); /* + + 1 abs a */
    promql_expr_free(e);
}

static void turns_bytes_into_lines_and_columns(void **state)
{
    struct str text = STR("a\n+\n  b");
    unsigned line, col;

    promql_position(text, 0, &line, &col);
    assert_int_equal(line * 100 + col, 101);
    promql_position(text, 2, &line, &col);
    assert_int_equal(line * 100 + col, 201);
    promql_position(text, 6, &line, &col);
    assert_int_equal(line * 100 + col, 303);
}

static void keeps_ranges_and_shifts_in_milliseconds(void **state)
{
    struct promql_expr *e = parse("a[4.0185:500ms] offset -1m @ 2.3456");
    const struct promql_node *n = e->root;

    assert_int_equal(n->kind, NODE_SUBQUERY);
    assert_int_equal(n->subquery.range, 4018);
    assert_int_equal(n->subquery.step, 500);
    assert_int_equal(n->subquery.shift.offset, -60000);
    assert_int_equal(n->subquery.shift.at, AT_TIME);
    assert_int_equal(n->subquery.shift.at_ms, 2346);
    assert_null(n->subquery.range_expr);
    promql_expr_free(e);

    e = parse("a[2m * (10 + 5)] offset (8 % 5)");
    n = e->root;
    assert_int_equal(n->matrix.range, 30 * 60000);
    assert_non_null(n->matrix.range_expr);
    assert_int_equal(n->matrix.vector->vector.shift.offset, 3000);
    assert_null(e->refusal);
    promql_expr_free(e);
}

static void refuses_to_evaluate_a_computed_duration_that_is_none(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a[0 + -2^2]", "1:3: duration must be greater than 0"},
        {"a[5m / (1 - 1)]", "1:6: division by zero"},
        {"a offset (1h ^ 9)", "1:11: duration out of range"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promql_expr *e = parse(cases[i].text);

        assert_non_null(e->refusal);
        assert_string_equal(e->refusal, cases[i].why);
        promql_expr_free(e);
    }
}

static void tells_what_does_not_depend_on_the_step(void **state)
{
    static const struct {
        const char *text;
        bool invariant;
    } cases[] = {
        {"1", true},
        {"a", false},
        {"a @ 1", true},
        {"a @ start()", true},
        {"rate(a[5m] @ end())", true},
        {"rate(a[5m])", false},
        {"a @ 1 + 2", true},
        {"a @ 1 + b", false},
        {"-(a @ 1)", true},
        {"sum(a @ 1)", true},
        {"topk(scalar(b), a @ 1)", false},
        {"max_over_time((a @ 1)[5m:])", false}, /* the window moves over its samples */
        {"max_over_time(a[5m:] @ 1)", true},
        {"time()", false},
        {"pi()", true},
        {"timestamp(a @ 1)", false},
        {"hour(a @ 1)", false},
        {"predict_linear(a[5m] @ 1, 3600)", false},
        {"info(a @ 1)", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promql_expr *e = parse(cases[i].text);

        if (e->root->step_invariant != cases[i].invariant)
            fail_msg("%s", cases[i].text);
        promql_expr_free(e);
    }
}

static void matches_vectors_only_with_vectors(void **state)
{
    struct promql_expr *e = parse("a and on (x) b");

    assert_true(e->root->binary.has_matching);
    assert_int_equal(e->root->binary.matching.card, CARD_MANY_TO_MANY);
    assert_true(e->root->binary.matching.on);
    assert_int_equal(e->root->binary.matching.labels.n, 1);
    promql_expr_free(e);
    e = parse("a * ignoring (x) group_right (y) b");
    assert_int_equal(e->root->binary.matching.card, CARD_ONE_TO_MANY);
    assert_false(e->root->binary.matching.on);
    assert_true(str_eq_c(e->root->binary.matching.include.names[0], "y"));
    promql_expr_free(e);
    e = parse("a * 2");
    assert_false(e->root->binary.has_matching);
    assert_int_equal(e->root->type, PROMQL_VECTOR);
    promql_expr_free(e);
    e = parse("1 == bool 2");
    assert_int_equal(e->root->type, PROMQL_SCALAR);
    promql_expr_free(e);
}

/* ---- enforcing, selectors, JSON, functions */

static void enforces_a_matcher_in_every_selector(void **state)
{
    struct promql_expr *e = parse("topk(scalar(k), a{namespace=\"x\",z=\"1\"}) / "
                                  "rate(b{namespace!=\"y\",namespace!=\"z\"}[90s]) > 1048576 and "
                                  "max_over_time((c)[1h:1m])");

    assert_int_equal(promql_enforce_matcher(e, MATCH_EQ, STR("namespace"), STR("demo"), NULL), 0);
    assert_prints(e, "topk(scalar(k), a{namespace=\"demo\",z=\"1\"}) / "
                     "rate(b{namespace=\"demo\"}[1m30s]) > 1048576 and "
                     "max_over_time((c{namespace=\"demo\"})[1h:1m])");
    assert_int_equal(promql_enforce_matcher(e, MATCH_RE, STR("cluster"), STR("(a|b)"), NULL), 0);
    assert_prints(e, "topk(scalar(k), a{cluster=~\"(a|b)\",namespace=\"demo\",z=\"1\"}) / "
                     "rate(b{cluster=~\"(a|b)\",namespace=\"demo\"}[1m30s]) > 1048576 and "
                     "max_over_time((c{cluster=~\"(a|b)\",namespace=\"demo\"})[1h:1m])");
    assert_int_equal(promql_enforce_matcher(e, MATCH_RE, STR("cluster"), STR("("), NULL), -EINVAL);
    promql_expr_free(e);

    e = parse("a{b=\"c\"}");
    assert_int_equal(promql_enforce_matcher(e, MATCH_EQ, STR("__name__"), STR("d"), NULL), 0);
    assert_prints(e, "{__name__=\"d\",b=\"c\"}");
    promql_expr_free(e);
}

static void prints_numbers_as_prometheus_2_did_when_asked_to(void **state)
{
    struct promql_expr *e = parse("a > 1048576 and (b * 0.00001 < bool 999999) or "
                                  "topk(1000000, clamp(c, 0, 5m)) ^ -2e21");

    promql_shorten_numbers(e);
    assert_prints(e, "a > 1.048576e+06 and (b * 1e-05 < bool 999999) or "
                     "topk(1e+06, clamp(c, 0, 5m)) ^ -2e+21");
    promql_expr_free(e);
}

static void parses_a_selector_alone(void **state)
{
    static const char *const bad[] = {"", "a + b", "a[5m]", "1", "abs(a)", "a{", "-a", "'a'"};
    struct promql_expr *e = NULL;
    struct err err = {0};

    assert_int_equal(promql_parse_selector(STR("a{b=\"c\"}"), &e, NULL), 0);
    assert_int_equal(e->root->vector.n_matchers, 2);
    assert_int_equal(e->root->type, PROMQL_VECTOR);
    promql_expr_free(e);
    assert_int_equal(promql_parse_selector(STR("{}"), &e, NULL), 0);
    assert_int_equal(e->root->vector.n_matchers, 0);
    promql_expr_free(e);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(promql_parse_selector(str_c(bad[i]), &e, &err), -EINVAL);
    assert_int_equal(promql_parse_selector(STR("foo-"), &e, &err), -EINVAL);
    assert_string_equal(err.msg, "1:4: parse error: unexpected <op:->");
}

static void writes_the_tree_as_json(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"1.50", "{\"type\":\"numberLiteral\",\"val\":\"1.5\"}"},
        {"\"a<b\"", "{\"type\":\"stringLiteral\",\"val\":\"a\\u003cb\"}"},
        {"(-a)",
         "{\"expr\":{\"expr\":{\"matchers\":[{\"name\":\"__name__\",\"type\":\"=\",\"value\":\"a\"}]"
         ",\"name\":\"a\",\"offset\":0,\"startOrEnd\":null,\"timestamp\":null,\"type\":"
         "\"vectorSelector\"},\"op\":\"-\",\"type\":\"unaryExpr\"},\"type\":\"parenExpr\"}"},
        {"{a=~\"b\"}[5m] @ 1.5 offset 1m",
         "{\"matchers\":[{\"name\":\"a\",\"type\":\"=~\",\"value\":\"b\"}],\"name\":\"\","
         "\"offset\":60000,\"range\":300000,\"startOrEnd\":null,\"timestamp\":1500,"
         "\"type\":\"matrixSelector\"}"},
        {"vector(1)[5m:1m] @ end()",
         "{\"expr\":{\"args\":[{\"type\":\"numberLiteral\",\"val\":\"1\"}],\"func\":{\"argTypes\":["
         "\"scalar\"],\"name\":\"vector\",\"returnType\":\"vector\",\"variadic\":0},\"type\":"
         "\"call\"},\"offset\":0,\"range\":300000,\"startOrEnd\":\"end\",\"step\":60000,"
         "\"timestamp\":null,\"type\":\"subquery\"}"},
        {"1 >= bool 2",
         "{\"bool\":true,\"lhs\":{\"type\":\"numberLiteral\",\"val\":\"1\"},\"matching\":null,\"op\":"
         "\"\\u003e=\",\"rhs\":{\"type\":\"numberLiteral\",\"val\":\"2\"},\"type\":\"binaryExpr\"}"},
        {"quantile by (a) (0.5, vector(1))",
         "{\"expr\":{\"args\":[{\"type\":\"numberLiteral\",\"val\":\"1\"}],\"func\":{\"argTypes\":["
         "\"scalar\"],\"name\":\"vector\",\"returnType\":\"vector\",\"variadic\":0},\"type\":"
         "\"call\"},\"grouping\":[\"a\"],\"op\":\"quantile\",\"param\":{\"type\":\"numberLiteral\","
         "\"val\":\"0.5\"},\"type\":\"aggregation\",\"without\":false}"},
    };
    struct promql_expr *e;
    struct buf out = {0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        e = parse(cases[i].text);
        buf_reset(&out);
        promql_print_json(e->root, &out);
        assert_string_equal(out.p, cases[i].json);
        promql_expr_free(e);
    }
    e = parse("vector(1) * on (a) group_left (b) vector(1)");
    buf_reset(&out);
    promql_print_json(e->root, &out);
    assert_non_null(strstr(out.p, "\"matching\":{\"card\":\"many-to-one\",\"include\":[\"b\"],"
                                  "\"labels\":[\"a\"],\"on\":true},\"op\":\"*\""));
    promql_expr_free(e);
    buf_free(&out);
}

static void finds_every_function_by_its_name(void **state)
{
    assert_int_equal(FN_COUNT, 80);
    for (int i = 0; i < FN_COUNT; i++) {
        const struct promql_function *fn = promql_function_at((enum promql_function_id)i);

        assert_int_equal(fn->id, i);
        assert_ptr_equal(promql_function_find(str_c(fn->name)), fn);
        assert_true(fn->ret == PROMQL_VECTOR || fn->ret == PROMQL_SCALAR);
    }
    assert_null(promql_function_find(STR("holt_winters")));
    assert_int_equal(promql_function_at(FN_LABEL_REPLACE)->n_args, 5);
    assert_int_equal(promql_function_at(FN_TIME)->n_args, 0);
    assert_int_equal(promql_function_at(FN_ROUND)->variadic, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_where_and_why_a_text_is_no_expression),
        cmocka_unit_test(wants_the_features_that_are_experimental),
        cmocka_unit_test(ends_at_its_limits),
        cmocka_unit_test(prints_each_expression_in_its_one_canonical_way),
        cmocka_unit_test(splits_what_is_longer_than_a_line),
        cmocka_unit_test(binds_operators_by_their_precedence),
        cmocka_unit_test(knows_the_bytes_of_each_node),
        cmocka_unit_test(stops_the_walk_when_told),
        cmocka_unit_test(turns_bytes_into_lines_and_columns),
        cmocka_unit_test(keeps_ranges_and_shifts_in_milliseconds),
        cmocka_unit_test(refuses_to_evaluate_a_computed_duration_that_is_none),
        cmocka_unit_test(tells_what_does_not_depend_on_the_step),
        cmocka_unit_test(matches_vectors_only_with_vectors),
        cmocka_unit_test(enforces_a_matcher_in_every_selector),
        cmocka_unit_test(prints_numbers_as_prometheus_2_did_when_asked_to),
        cmocka_unit_test(parses_a_selector_alone),
        cmocka_unit_test(writes_the_tree_as_json),
        cmocka_unit_test(finds_every_function_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
