/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "tests/unit/template/run.h"

static const struct tmpl_env zero_env = {.missing_key = TMPL_MISSING_ZERO};
static const struct tmpl_functions *const functions = &template_alertmanager_functions;

#define RUN(env, cases) run_cases(functions, env, cases, ARRAY_LEN(cases))

static void copies_text_and_trims_where_told(void **state)
{
    static const struct run_case cases[] = {
        {"", "", NULL},
        {"a } b {x}", "a } b {x}", NULL},
        {"a {{- 1 -}} b", "a1b", NULL}, /* the minus signs take white space and nothing else */
        {"a \n\t{{- 1}}\r\n", "a1\r\n", NULL},
        {"{{1 -}} \n x", "1x", NULL},
        {"{{-1}}", "-1", NULL},
        {"a {{- -1 -}} b", "a-1b", NULL},
        {"{{/* c */}}x{{- /* d\ne */ -}} y", "xy", NULL},
        {"a {{- /* c */}} b", "a b", NULL},
        {"{{\n1\n}}", "1", NULL}, /* line breaks are blanks inside an action */
        {"{{ /* no */ 1 }}", NULL, "template: t:1: unexpected \"/\" in command"},
        {"{{/* open", NULL, "template: t:1: unclosed comment"},
        {"{{/* a */ }}", NULL, "comment ends before closing delimiter"},
        {"x\n{{ 1", NULL, "template: t:2: unclosed action"},
        {"{{ 1\n\n", NULL, "template: t:3: unclosed action started at t:1"},
        {"{{ (1 }}", NULL, "unclosed left paren"},
        {"{{ 1) }}", NULL, "unexpected right paren"},
        {"{{ \xc2\xa0 }}", NULL, "unrecognized character in action: U+00A0"},
        {"{{ \x01 }}", NULL, "unrecognized character in action: U+0001"},
        {"{{ .a\xe2\x82\xac }}", NULL, "bad character U+20AC '€'"},
    };

    RUN(&zero_env, cases);
}

static void reads_constants_as_go_does(void **state)
{
    static const struct run_case cases[] = {
        {"{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }}", "31 5 15 15 1000", NULL},
        {"{{ 1e3 }} {{ 0x1p4 }} {{ 100 }} {{ 1.50 }}", "1000 16 100 1.5", NULL},
        {"{{ 9223372036854775807 }} {{ -9223372036854775808 }}",
         "9223372036854775807 -9223372036854775808", NULL},
        {"{{ +5 }} {{ -0 }} {{ .5 }}", "5 0 0.5", NULL},
        {"{{ 'a' }} {{ '\\n' }} {{ '\\x41' }} {{ '\\u4e2d' }} {{ '\\'' }}", "97 10 65 20013 39",
         NULL},
        {"{{ \"a\\tb\\\"\\u4e2d\\U0001F600\\x41\\101\" }}", "a\tb\"中😀AA", NULL},
        {"{{ `a\\n\nb` }}", "a\\n\nb", NULL},
        {"{{ true }} {{ false }}", "true false", NULL},
        {"{{ 1+2i }} {{ 3i }}", "(1+2i) (0+3i)", NULL},
        {"{{ printf \"%T %T %T %T\" 1 1.0 'a' 1i }}", "int float64 int complex128", NULL},
        {"{{ 9223372036854775808 }}", NULL, "9223372036854775808 overflows int"},
        {"{{ 99999999999999999999 }}", NULL, "integer overflow: \"99999999999999999999\""},
        {"{{ 1a }}", NULL, "bad number syntax: \"1a\""},
        {"{{ 0x }}", NULL, "illegal number syntax: \"0x\""},
        {"{{ 1__0 }}", NULL, "illegal number syntax"},
        {"{{ 08 }}", NULL, "integer overflow"}, /* Go's words for it */
        {"{{ 1+2 }}", NULL, "bad number syntax: \"1+2\""},
        {"{{ \"\\q\" }}", NULL, "invalid syntax"},
        {"{{ \"a\nb\" }}", NULL, "unterminated quoted string"},
        {"{{ `a }}", NULL, "unterminated raw quoted string"},
        {"{{ 'ab' }}", NULL, "malformed character constant: 'ab'"},
        {"{{ 'a }}", NULL, "unterminated character constant"},
        {"{{ nil }}", NULL, "nil is not a command"},
    };

    RUN(&zero_env, cases);
}

static void walks_fields_maps_and_variables(void **state)
{
    static const struct run_case cases[] = {
        {"{{ .s }}{{ .m.k }}{{ $.n }}", "textv3", NULL},
        {"{{ .m.none }}|{{ .deep.nil }}|{{ .none }}", "|<no value>|<no value>", NULL},
        {"{{ .deep.in.x }}", "5", NULL},
        {"{{ $x := .deep }}{{ $x.in.x }}", "5", NULL},
        {"{{ (index .list 1) }}{{ (.deep).in.x }}", "b5", NULL},
        {"{{ .deep.nil.x }}", NULL,
         "t:1:8: executing \"t\" at <.deep.nil.x>: nil pointer evaluating interface {}.x"},
        {"{{ .m.k.x }}", NULL, "can't evaluate field x in type string"},
        {"{{ .s.x }}", NULL,
         "template: t:1:5: executing \"t\" at <.s.x>: can't evaluate field x in type string"},
        {"\n\n ab{{ .s.x }}", NULL, "template: t:3:8: executing"},
        {"{{ .m.k 1 }}", NULL, "k is not a method but has arguments"},
        {"{{ 1 | .m.k }}", NULL, "k is not a method but has arguments"},
        {"{{ $x 1 }}", NULL, "undefined variable \"$x\""},
        {"{{ $x := 1 }}{{ $x 2 }}", NULL, "can't give argument to non-function $x"},
        {"{{ \"a\".x }}", NULL, "unexpected . after term \"\\\"a\\\"\""},
        {"{{ nil.x }}", NULL, "unexpected . after term \"nil\""},
        {"{{ (nil).x }}", NULL, "nil is not a command"},
        {"{{ .. }}", NULL, "unexpected <.> in operand"},
    };

    RUN(&zero_env, cases);
}

static void treats_missing_keys_as_the_option_says(void **state)
{
    static const struct tmpl_env none = {.missing_key = TMPL_MISSING_NONE};
    static const struct tmpl_env fails = {.missing_key = TMPL_MISSING_ERROR};
    static const struct run_case none_cases[] = {
        {"{{ .m.none }}|{{ .none }}|{{ .none.x }}", "<no value>|<no value>|<no value>", NULL},
    };
    static const struct run_case fails_cases[] = {
        {"{{ .m.none }}", NULL, "at <.m.none>: map has no entry for key \"none\""},
        {"{{ $x := .deep.nil }}{{ $x.a }}", NULL, "nil data; no entry for key \"a\""},
        {"{{ .m.k }}", "v", NULL},
    };

    RUN(&none, none_cases);
    RUN(&fails, fails_cases);
}

static void scopes_variables(void **state)
{
    static const struct run_case cases[] = {
        {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}", "32",
         NULL},
        {"{{ with $x := 5 }}{{ $x }}{{ . }}{{ end }}", "55", NULL},
        {"{{ if true }}{{ $y := 1 }}{{ end }}{{ $y }}", NULL, "undefined variable \"$y\""},
        {"{{ $x = 1 }}", NULL, "undefined variable: $x"},
        {"{{ define \"d\" }}{{ $x }}{{ end }}{{ $x := 1 }}", NULL, "undefined variable \"$x\""},
        {"{{ $x := 1 }}{{ template \"d\" 2 }}{{ define \"d\" }}{{ $ }}{{ . }}{{ end }}", "22",
         NULL},
        {"{{ $a, $b := 1 }}", NULL, "too many declarations in command"},
        {"{{ range $a, $b, $c := .list }}{{ end }}", NULL, "too many declarations in range"},
        {"{{ range $a, 1 := .list }}{{ end }}", NULL, "range can only initialize variables"},
        {"{{ $x:=1 }}{{ $x }}", "1", NULL},
        {"{{ 1 : 1 }}", NULL, "expected :="},
        {"{{ template \"d\" $y := 7 }}{{ $y }}{{ define \"d\" }}{{ . }}{{ end }}", "77", NULL},
    };

    RUN(&zero_env, cases);
}

static void branches(void **state)
{
    static const struct run_case cases[] = {
        {"{{ if .zero }}a{{ else if .empty }}b{{ else if .n }}c{{ else }}d{{ end }}", "c", NULL},
        {"{{ if .none }}a{{ end }}{{ if not .none }}b{{ end }}", "b", NULL},
        {"{{ with .none }}a{{ else with .s }}{{ . }}{{ end }}", "text", NULL},
        {"{{ with .none }}a{{ else }}{{ .s }}{{ end }}", "text", NULL},
        {"{{ if 0i }}a{{ else }}b{{ end }}{{ if 0.0 }}a{{ else }}b{{ end }}", "bb", NULL},
        {"{{ if 1 }}a{{ else }}b{{ else }}c{{ end }}", NULL, "expected end; found {{else}}"},
        {"{{ if 1 }}a{{ else with 2 }}b{{ end }}", NULL, "unexpected <with> in input"},
        {"{{ else }}", NULL, "unexpected {{else}}"},
        {"{{ end }}", NULL, "unexpected {{end}}"},
        {"{{ if }}{{ end }}", NULL, "missing value for if"},
        {"{{ if 1 }}", NULL, "unexpected EOF"},
        {"{{ if 1 }}{{ end .x }}", NULL, "unexpected \".x\" in end"},
    };

    RUN(&zero_env, cases);
}

static void loops(void **state)
{
    static const struct run_case cases[] = {
        {"{{ range .list }}{{ . }}{{ end }}", "abc", NULL},
        {"{{ range $i, $v := .list }}{{ $i }}{{ $v }}{{ end }}", "0a1b2c", NULL},
        {"{{ range $k, $v := .m }}{{ $k }}={{ $v }}{{ end }}", "k=v", NULL},
        {"{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}", "01201", NULL},
        {"{{ range 0 }}x{{ else }}none{{ end }}{{ range -1 }}x{{ else }}neg{{ end }}", "noneneg",
         NULL},
        {"{{ range .none }}x{{ else }}none{{ end }}", "none", NULL},
        {"{{ range .nums }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ . }}{{ end }}", "13", NULL},
        {"{{ range .nums }}{{ if eq . 2 }}{{ break }}{{ end }}{{ . }}{{ else }}x{{ end }}", "1",
         NULL},
        {"{{ range .nums }}{{ range 2 }}{{ break }}{{ end }}{{ . }}{{ end }}", "123", NULL},
        {"{{ $i := 9 }}{{ $v := 9 }}{{ range $i, $v = .list }}{{ end }}{{ $i }}{{ $v }}", "2c",
         NULL},
        {"{{ range $x := .list }}{{ $x = 1 }}{{ end }}{{ .list }}", "[a b c]", NULL},
        {"{{ break }}", NULL, "{{break}} outside {{range}}"},
        {"{{ range .list }}{{ else }}{{ continue }}{{ end }}", NULL,
         "{{continue}} outside {{range}}"},
        {"{{ range .list }}{{ block \"b\" . }}{{ break }}{{ end }}{{ end }}", NULL,
         "outside {{range}}"},
        {"{{ break 1 }}", NULL, "unexpected \"1\" in {{break}}"},
        {"{{ range .s }}{{ end }}", NULL, "range can't iterate over text"},
        {"{{ range $i, $j := 3 }}{{ end }}", NULL,
         "can't use 3 to iterate over more than one variable"},
    };

    RUN(&zero_env, cases);
}

static void defines_and_calls_templates(void **state)
{
    static const struct run_case cases[] = {
        {"{{ define \"a\" }}<{{ . }}>{{ end }}{{ template \"a\" .s }}{{ template `a` }}",
         "<text><<no value>>", NULL},
        {"{{ block \"b\" .n }}[{{ . }}]{{ end }}{{ template \"b\" 4 }}", "[3][4]", NULL},
        {"{{ define \"a\" }}1{{ end }}{{ define \"a\" }} {{ end }}{{ template \"a\" }}", "1", NULL},
        {"{{ define \"a\" }} {{ end }}{{ define \"a\" }}1{{ end }}{{ template \"a\" }}", "1", NULL},
        {"{{ define \"a\" }}1{{ end }}{{ define \"a\" }}2{{ end }}", NULL,
         "multiple definition of template \"a\""},
        {"{{ template \"x\" . }}", NULL,
         "t:1:12: executing \"t\" at <{{template \"x\" .}}>: template \"x\" not defined"},
        {"{{ define \"a\" }}{{ .s.x }}{{ end }}{{ template \"a\" . }}", NULL,
         "executing \"a\" at <.s.x>"},
        {"{{ define a }}{{ end }}", NULL, "unexpected \"a\" in define clause"},
        {"{{ if 1 }}{{ define \"a\" }}{{ end }}{{ end }}", NULL, "unexpected <define> in command"},
        {"{{ block \"a\" }}{{ end }}", NULL, "missing value for block clause"},
        {"{{ define \"a\" }}{{ else }}{{ end }}", NULL, "unexpected {{else}} in define clause"},
        {"{{ define \"r\" }}{{ if . }}{{ . }}{{ template \"r\" (slice . 1) }}{{ end }}{{ end }}"
         "{{ template \"r\" \"abc\" }}",
         "abcbcc", NULL},
    };

    RUN(&zero_env, cases);
}

static void pipes_values_into_functions(void **state)
{
    static const struct run_case cases[] = {
        {"{{ .s | len | printf \"%03d\" }}", "004", NULL},
        {"{{ \"b\" | printf \"%s%s\" \"a\" }}", "ab", NULL},
        {"{{ printf \"%d\" (len (slice .list 1)) }}", "2", NULL},
        {"{{ 1 | 2 }}", NULL, "non executable command in pipeline stage 2"},
        {"{{ | len }}", NULL, "unexpected \"|\" in command"},
        {"{{ }}", NULL, "missing value for command"},
        {"{{ () }}", NULL, "missing value for parenthesized pipeline"},
        {"{{ 1 2 }}", NULL, "can't give argument to non-function 1"},
        {"{{ nope 1 }}", NULL, "template: t:1: function \"nope\" not defined"},
        {"{{ len }}", NULL, "wrong number of args for len: want 1 got 0"},
        {"{{ eq }}", NULL, "wrong number of args for eq: want at least 1 got 0"},
        {"{{ toUpper 1 }}", NULL, "t:1:11: executing \"t\" at <1>: expected string; found 1"},
        {"{{ toUpper .n }}", NULL, "at <.n>: wrong type for value; expected string; got int"},
        {"{{ .n | toUpper }}", NULL,
         "at <toUpper>: wrong type for value; expected string; got int"},
        {"{{ toUpper nil }}", NULL, "cannot assign nil to string"},
        {"{{ toUpper .none }}", NULL, "invalid value; expected string"},
        {"{{ printf 1 }}", NULL, "expected string; found 1"},
        {"{{ 1, 2 }}", NULL, "unexpected \",\" in operand"},
        {"{{ 1 * 2 }}", NULL, "unexpected \"*\" in operand"},
    };

    RUN(&zero_env, cases);
}

static void compares(void **state)
{
    static const struct run_case cases[] = {
        {"{{ eq 1 2 1 }} {{ eq .s \"a\" }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge 2 2 }}",
         "true false true true true false true", NULL},
        {"{{ eq 'a' (index \"a\" 0) }} {{ lt -1 (index \"a\" 0) }} {{ lt (index \"a\" 0) -1 }}",
         "true true false", NULL}, /* signed with unsigned */
        {"{{ eq true false }} {{ eq 1i 1i }} {{ eq nil nil }} {{ eq 1 nil }} {{ eq .m nil }}",
         "false true true false false", NULL},
        {"{{ eq 1 1.0 }}", NULL,
         "error calling eq: incompatible types for comparison: int and float64"},
        {"{{ eq 1 \"1\" }}", NULL, "incompatible types for comparison: int and string"},
        {"{{ lt true false }}", NULL, "invalid type for comparison"},
        {"{{ lt .m .m }}", NULL, "invalid type for comparison"},
        {"{{ eq .m .m }}", NULL, "non-comparable type map[k:v]: map[string]string"},
        {"{{ eq 1 }}", NULL, "missing argument for comparison"},
        {"{{ and 1 0 2 }} {{ or 0 \"\" 5 }} {{ and 1 2 }} {{ not 0 }}", "0 5 2 true", NULL},
        {"{{ and false (index .list 9) }} {{ or 1 (index .list 9) }}", "false 1", NULL},
        {"{{ 1 | and 2 }} {{ 1 | or 0 }}", "1 1", NULL},
    };

    RUN(&zero_env, cases);
}

static void indexes_slices_and_calls(void **state)
{
    static const struct run_case cases[] = {
        {"{{ index .list 0 }}{{ index .m \"k\" }}{{ index .deep \"in\" \"x\" }}{{ index .m \"z\" }}|",
         "av5|", NULL},
        {"{{ slice .list 1 2 }}{{ slice .s 1 3 }}{{ slice .list 0 1 2 }}{{ slice .list 3 }}",
         "[b]ex[a][]", NULL},
        {"{{ len .list }}{{ len .m }}{{ len \"中\" }}", "313", NULL},
        {"{{ index .list 3 }}", NULL, "index out of range"},
        {"{{ index .list 4 }}", NULL, "index out of range: 4"},
        {"{{ index .list -1 }}", NULL, "index out of range: -1"},
        {"{{ index .list \"a\" }}", NULL, "cannot index slice/array with type string"},
        {"{{ index .list nil }}", NULL, "cannot index slice/array with nil"},
        {"{{ index .m 1 }}", NULL, "value has type int; should be string"},
        {"{{ index 1 1 }}", NULL, "can't index item of type int"},
        {"{{ index nil 1 }}", NULL, "index of untyped nil"},
        {"{{ slice .list 2 1 }}", NULL, "invalid slice index: 2 > 1"},
        {"{{ slice .s 0 1 2 }}", NULL, "cannot 3-index slice a string"},
        {"{{ slice .list 0 9 }}", NULL, "index out of range: 9"},
        {"{{ slice 1 }}", NULL, "can't slice item of type int"},
        {"{{ len 1 }}", NULL, "len of type int"},
        {"{{ call .s }}", NULL, "non-function of type string"},
        {"{{ call nil }}", NULL, "call of nil"},
    };

    RUN(&zero_env, cases);
}

static void escapes_text(void **state)
{
    static const struct run_case cases[] = {
        {"{{ html \"<a href='x'>&\\\"\" }}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;", NULL},
        {"{{ js \"a'b\\\"\\\\<>&=\\n中\\u200b\" }}",
         "a\\'b\\\"\\\\\\u003C\\u003E\\u0026\\u003D\\u000A中\\u200B", NULL},
        {"{{ urlquery \"a b&c=d/中~-_.\" }}", "a+b%26c%3Dd%2F%E4%B8%AD~-_.", NULL},
        {"{{ html nil }}{{ html 1 2 \"a\" }}", "&lt;no value&gt;1 2a", NULL},
        {"{{ print 1 2 \"a\" \"b\" 3 nil }}|{{ println 1 \"a\" }}|", "1 2ab3 <nil>|1 a\n|", NULL},
    };

    RUN(&zero_env, cases);
}

static void shares_definitions_of_a_set_and_prefers_its_own(void **state)
{
    struct template_set *set = template_set_new(functions);
    struct template *t = NULL;
    struct tmpl_value none = tmpl_none();
    struct buf out = {0};
    struct err err = {0};
    struct arena a;

    arena_init(&a, RUN_VALUES_MAX);
    assert_int_equal(
        template_set_add(
            set, STR("one"),
            STR("{{ define \"x\" }}1{{ end }}{{ define \"y\" }}{{ template \"x\" }}{{ end }}"),
            NULL),
        0);
    assert_int_equal(
        template_set_add(set, STR("two"), STR("whole {{ define \"x\" }}2{{ end }}"), NULL), 0);
    assert_int_equal(template_set_add(set, STR("three"), STR("{{ define \"x\" }} {{ end }}"), NULL),
                     0);
    assert_int_equal(template_set_add(set, STR("bad"), STR("{{ end }}"), &err), -EINVAL);
    assert_string_equal(err.msg, "template: bad:1: unexpected {{end}}");

    /* The newest that is not blank counts, also for older files; a file itself is a definition. */
    assert_int_equal(
        template_parse(set, STR(""), STR("{{ template \"y\" }}{{ template \"two\" }}"), &t, NULL),
        0);
    assert_int_equal(template_execute(t, STR_NONE, &none, &zero_env, &a, &out, NULL), 0);
    assert_string_equal(out.p, "2whole ");
    template_unref(t);

    assert_int_equal(template_parse(set, STR(""),
                                    STR("{{ define \"x\" }}3{{ end }}{{ template \"y\" }}"), &t,
                                    NULL),
                     0);
    template_set_unref(set); /* the template holds it */
    buf_reset(&out);
    assert_int_equal(template_execute(t, STR_NONE, &none, &zero_env, &a, &out, NULL), 0);
    assert_string_equal(out.p, "3");
    buf_reset(&out);
    assert_int_equal(template_execute(t, STR("y"), &none, &zero_env, &a, &out, NULL), 0);
    assert_string_equal(out.p, "3");
    assert_int_equal(template_execute(t, STR("z"), &none, &zero_env, &a, &out, &err), -EINVAL);
    assert_string_equal(err.msg, "template: no template \"z\" associated with template \"\"");
    template_unref(t);
    buf_free(&out);
    arena_deinit(&a);
}

static void stops_at_its_limits(void **state)
{
    struct buf deep = {0};
    static const struct run_case cases[] = {
        {"{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}", NULL,
         "exceeded maximum template depth"},
        {"{{ range 9000000000 }}{{ end }}", NULL, "steps"},
        {"{{ range 3000000 }}0123456789{{ end }}", NULL, "output is larger than"},
        {"{{ printf \"%20000000d\" 1 }}", "%!(NOVERB)%!(EXTRA int=1)", NULL},
        {"{{ printf \"%999999d%999999d\" 1 1 }}", NULL, "string longer than"},
        {"{{ $s := \"0123456789\" }}{{ range 40 }}{{ $s = printf \"%s%s\" $s $s }}{{ end }}", NULL,
         "string longer than"},
        {"{{ $x := list }}{{ range 100 }}{{ $x = list $x }}{{ end }}{{ $x }}", NULL,
         "nested more than"},
        {"{{ $x := list }}{{ range 100 }}{{ $x = list $x }}{{ end }}{{ toJson $x }}", NULL,
         "nested more than"},
        {"{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}", NULL,
         "output is larger than"},
        {"{{ range 1000000 }}{{ $x := list 1 2 3 4 5 6 7 8 }}{{ end }}", NULL,
         "values need too much memory"},
    };

    RUN(&zero_env, cases);
    buf_add_c(&deep, "{{ ");
    for (int i = 0; i < 1000; i++)
        buf_add_byte(&deep, '(');
    assert_int_equal(run_text(functions, deep.p, &zero_env, &(struct buf){0}, NULL), -EINVAL);
    buf_reset(&deep);
    for (int i = 0; i < 1000; i++)
        buf_add_c(&deep, "{{if 1}}");
    assert_int_equal(run_text(functions, deep.p, &zero_env, &(struct buf){0}, NULL), -EINVAL);
    buf_free(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_text_and_trims_where_told),
        cmocka_unit_test(reads_constants_as_go_does),
        cmocka_unit_test(walks_fields_maps_and_variables),
        cmocka_unit_test(treats_missing_keys_as_the_option_says),
        cmocka_unit_test(scopes_variables),
        cmocka_unit_test(branches),
        cmocka_unit_test(loops),
        cmocka_unit_test(defines_and_calls_templates),
        cmocka_unit_test(pipes_values_into_functions),
        cmocka_unit_test(compares),
        cmocka_unit_test(indexes_slices_and_calls),
        cmocka_unit_test(escapes_text),
        cmocka_unit_test(shares_definitions_of_a_set_and_prefers_its_own),
        cmocka_unit_test(stops_at_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
