/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/template/run.h"

static const struct tmpl_env env = {.missing_key = TMPL_MISSING_ZERO, .html = true};

#define RUN(cases) run_cases(&template_alertmanager_functions, &env, cases, ARRAY_LEN(cases))

#define Q "\"it's <b> & co+1\""

static void escapes_values_for_where_they_stand(void **state)
{
    static const struct run_case cases[] = {
        {"<p>{{ " Q " }}</p>", "<p>it&#39;s &lt;b&gt; &amp; co&#43;1</p>", NULL},
        {"<p title=\"{{ " Q " }}\">", "<p title=\"it&#39;s &lt;b&gt; &amp; co&#43;1\">", NULL},
        {"<p title='{{ " Q " }}'>", "<p title='it&#39;s &lt;b&gt; &amp; co&#43;1'>", NULL},
        {"<p title={{ \"a b=c\" }} id={{ \"\" }}>", "<p title=a&#32;b&#61;c id=ZgotmplZ>", NULL},
        {"<textarea>{{ " Q " }}</textarea>",
         "<textarea>it&#39;s &lt;b&gt; &amp; co&#43;1</textarea>", NULL},
        {"<p {{ \"title\" }}=\"x\" {{ \"onclick\" }}=\"y\" {{ \"a b\" }}>",
         "<p title=\"x\" ZgotmplZ=\"y\" ZgotmplZ>", NULL},
        {"<p>{{ .none }}|{{ nil | print }}</p>", NULL, "nil is not a command"},
        {"<p>{{ .deep.nil }}|{{ 5 }}{{ .list }}</p>", "<p>|5[a b c]</p>", NULL},
        {"{{ if .s }}<b>{{ else }}<i>{{ end }}{{ .s }}", "<b>text", NULL},
    };

    RUN(cases);
}

static void knows_urls(void **state)
{
    static const struct run_case cases[] = {
        {"<a href=\"{{ \"http://h/a b?x='1'\" }}\">", "<a href=\"http://h/a%20b?x=%271%27\">",
         NULL},
        {"<a href=\"{{ \"JavaScript:alert(1)\" }}\">", "<a href=\"#ZgotmplZ\">", NULL},
        {"<a href=\"{{ \"/path:x\" }}\">", "<a href=\"/path:x\">", NULL},
        {"<a href=\"{{ \"mailto:a@b\" }}\">", "<a href=\"mailto:a@b\">", NULL},
        {"<a href=\"/s?q={{ \"a b&c=d/\" }}\">", "<a href=\"/s?q=a%20b%26c%3dd%2f\">", NULL},
        {"<a href=\"/{{ \"a b&c\" }}/x\">", "<a href=\"/a%20b&amp;c/x\">", NULL},
        {"<a href=\"/s?q={{ \"a b\" | urlquery }}\">", "<a href=\"/s?q=a&#43;b\">", NULL},
        {"<a href='{{ safeUrl \"javascript:x('1')\" }}'>", "<a href='javascript:x%28%271%27%29'>",
         NULL},
        {"<img srcset=\"{{ \"/a.png 2x, javascript:b 1x\" }}\">",
         "<img srcset=\"/a.png 2x,#ZgotmplZ\">", NULL},
        {"<p data-href=\"{{ \"javascript:1\" }}\" xlink:href=\"{{ \"javascript:1\" }}\" my-url=\"{{ \"javascript:1\" }}\">",
         "<p data-href=\"#ZgotmplZ\" xlink:href=\"#ZgotmplZ\" my-url=\"#ZgotmplZ\">", NULL},
        {"<a href=\"{{ if .s }}/a?{{ else }}/b{{ end }}{{ .s }}\">", NULL,
         "ambiguous context within a URL"},
        {"<p style=\"background: url({{ \"javascript:1\" }})\">",
         "<p style=\"background: url(#ZgotmplZ)\">", NULL},
        {"<p style=\"background: url('{{ \"/a b\" }}')\">",
         "<p style=\"background: url('/a%20b')\">", NULL},
    };

    RUN(cases);
}

static void knows_scripts_and_styles(void **state)
{
    static const struct run_case cases[] = {
        {"<script>var a = {{ \"</script>'\" }}, b = {{ 5 }}, c = {{ .list }};</script>",
         "<script>var a = \"\\u003c/script\\u003e'\", b =  5 , c = [\"a\",\"b\",\"c\"];</script>",
         NULL},
        {"<script>var a = '{{ \"it's\\n</\" }}';</script>",
         "<script>var a = 'it\\u0027s\\n\\u003c\\/';</script>", NULL},
        {"<script>var a = /{{ \"a.b\" }}/;</script>", "<script>var a = /a\\.b/;</script>", NULL},
        {"<script>x = 1 / {{ 2 }}; // {{ \"c\" }}\ny /* {{ 1 }} */</script>",
         "<script>x = 1 /  2 ; \ny   </script>", NULL},
        {"<script>`{{ 1 }}`</script>", NULL, "appears in a JS template literal"},
        {"<script type=\"text/plain\">{{ \"<\" }}</script>",
         "<script type=\"text/plain\">&lt;</script>", NULL},
        {"<p onclick=\"f({{ \"a'b\" }})\">", "<p onclick=\"f(&#34;a&#39;b&#34;)\">", NULL},
        {"<p onclick=\"f('{{ \"a'b\" }}')\">", "<p onclick=\"f('a\\u0027b')\">", NULL},
        {"<style>p { color: {{ \"red\" }}; width: {{ \"expression(1)\" }} }</style>",
         "<style>p { color: red; width: ZgotmplZ }</style>", NULL},
        {"<p style=\"color: {{ \"red; x: y\" }}\">", "<p style=\"color: ZgotmplZ\">", NULL},
        {"<p style=\"font: '{{ \"a'b\" }}'\">", "<p style=\"font: 'a\\27 b'\">", NULL},
    };

    RUN(cases);
}

static void drops_comments_and_stray_signs(void **state)
{
    static const struct run_case cases[] = {
        {"a<!-- x {{ .s }} -->b", "ab", NULL},
        {"1 < 2 <b>", "1 &lt; 2 <b>", NULL},
        {"<{{ .s }}>", "&lt;text>", NULL},
        {"<!DOCTYPE html><p>", "<!DOCTYPE html><p>", NULL},
        {"<style>/* c */p{}</style>", "<style> p{}</style>", NULL},
    };

    RUN(cases);
}

static void keeps_what_is_marked_as_safe(void **state)
{
    static const struct run_case cases[] = {
        {"<p>{{ safeHtml \"<b>x</b>\" }}</p>", "<p><b>x</b></p>", NULL},
        {"<p title=\"{{ safeHtml \"<b>x</b>&amp;\" }}\">", "<p title=\"x&amp;\">", NULL},
        {"<p>{{ html \"<i>\" }}{{ \"<i>\" | html }}</p>", "<p>&lt;i&gt;&lt;i&gt;</p>", NULL},
        {"<p>{{ \"<i>\" | html | print }}</p>", NULL,
         "predefined escaper \"html\" disallowed in template"},
        {"<p title={{ html \"a b\" }}>", NULL, "predefined escaper \"html\" disallowed"},
    };

    RUN(cases);
}

static void refuses_templates_whose_branches_do_not_meet(void **state)
{
    static const struct run_case cases[] = {
        {"{{ if .s }}<a href=\"{{ else }}<b title=\"{{ end }}x\">", NULL,
         "html/template:t:1: {{if}} branches end in different contexts"},
        {"{{ if .none }}<p title=\"{{ end }}", NULL, "branches end in different contexts"},
        {"<p title=\"{{ .s }}", NULL, "ends in a non-text context: attribute"},
        {"{{ range .list }}<p title=\"{{ end }}x", NULL, "loop body ends in another context"},
        {"{{ range .list }}<p {{ end }}>", NULL, "'<' in attribute name: \"<p \""},
        {"{{ range .list }}{{ if eq . \"b\" }}<p title=\"{{ break }}{{ end }}x{{ end }}", NULL,
         "different contexts"},
        {"{{ if .none }}{{ template \"nope\" }}{{ end }}", NULL, "no such template"},
        {"<a title=x\"y>", NULL, "in unquoted attr"},
        {"<a 'x>", NULL, "in attribute name"},
        {"<p{{ if .s }} title=\"x\"{{ end }}>ok", "<p title=\"x\">ok", NULL},
        {"<a href={{ if .s }}\"/x\"{{ else }}\"/y\"{{ end }}>ok", "<a href=\"/x\">ok", NULL},
        {"{{ range .list }}{{ continue }}{{ end }}ok", "ok", NULL},
        {"{{ define \"d\" }}{{ . }}{{ end }}<p title='{{ template \"d\" \"<\" }}'>{{ template \"d\" \"<+\" }}",
         "<p title='&lt;'>&lt;&#43;", NULL},
        {"{{ define \"r\" }}{{ if . }}<b>{{ template \"r\" .none }}</b>{{ end }}{{ end }}{{ template \"r\" . }}",
         "<b></b>", NULL},
    };

    RUN(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_values_for_where_they_stand),
        cmocka_unit_test(knows_urls),
        cmocka_unit_test(knows_scripts_and_styles),
        cmocka_unit_test(drops_comments_and_stray_signs),
        cmocka_unit_test(keeps_what_is_marked_as_safe),
        cmocka_unit_test(refuses_templates_whose_branches_do_not_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
