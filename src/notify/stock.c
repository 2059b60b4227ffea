/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock - the texts that a channel has when its configuration gives none
 *
 * What a tired person needs: what, how bad, where, since when, what to do, where to look. A line ends
 * with two blanks, which is what DingTalk's markdown needs to break it.
 */
#include "notify/notify_priv.h"

/* Labels that a person does not look for under "where". */
#define HIDDEN                                                                                        \
    "(stringSlice \"alertname\" \"severity\" \"component\" \"alerttype\" \"rule_id\" \"rule_group\" " \
    "\"rule_level\" \"rule_type\")"
#define WHERE                                                                                      \
    "{{ range $i, $p := (.Labels.Remove " HIDDEN ").SortedPairs }}{{ if $i }}, {{ end }}"          \
    "{{ .Name }}={{ .Value }}{{ end }}"
#define DETAILS "{{ or .Annotations.message .Annotations.description .Annotations.summary }}"
#define NAME    "{{ or .CommonLabels.alertname (.GroupLabels.Values | join \" \") }}"
#define DATE    "2006-01-02 15:04:05"

static const char text[] =
    "{{ define \"tocsin.zh.title\" }}{{ if eq .Status \"firing\" }}【告警】{{ else }}【恢复】{{ end }}" NAME
    "{{ if gt (len .Alerts) 1 }}（{{ len .Alerts }} 条）{{ end }}{{ end }}"

    "{{ define \"tocsin.en.title\" }}{{ if eq .Status \"firing\" }}[FIRING] {{ else }}[RESOLVED] {{ end }}" NAME
    "{{ if gt (len .Alerts) 1 }} ({{ len .Alerts }} alerts){{ end }}{{ end }}"

    "{{ define \"tocsin.zh.markdown\" }}{{ range .Alerts }}"
    "**{{ if eq .Status \"firing\" }}告警{{ else }}已恢复{{ end }}：{{ .Labels.alertname }}**"
    "{{ with .Labels.severity }} ({{ . }}){{ end }}  \n"
    "> 对象：" WHERE "  \n> 内容：" DETAILS "  \n"
    "{{ if eq .Status \"firing\" }}{{ with .Annotations.action }}> 处理：{{ . }}  \n{{ end }}{{ end }}"
    "> 开始：{{ .StartsAt.Local.Format \"" DATE "\" }}  \n"
    "{{ if eq .Status \"resolved\" }}> 结束：{{ .EndsAt.Local.Format \"" DATE "\" }}  \n{{ end }}"
    "{{ with .GeneratorURL }}> [查看]({{ . }})  \n{{ end }}\n{{ end }}{{ end }}"

    "{{ define \"tocsin.en.markdown\" }}{{ range .Alerts }}"
    "**{{ if eq .Status \"firing\" }}Firing{{ else }}Resolved{{ end }}: {{ .Labels.alertname }}**"
    "{{ with .Labels.severity }} ({{ . }}){{ end }}  \n"
    "> Where: " WHERE "  \n> What: " DETAILS "  \n"
    "{{ if eq .Status \"firing\" }}{{ with .Annotations.action }}> To do: {{ . }}  \n{{ end }}{{ end }}"
    "> Since: {{ .StartsAt.Local.Format \"" DATE "\" }}  \n"
    "{{ if eq .Status \"resolved\" }}> Until: {{ .EndsAt.Local.Format \"" DATE "\" }}  \n{{ end }}"
    "{{ with .GeneratorURL }}> [Open]({{ . }})  \n{{ end }}\n{{ end }}{{ end }}"

    "{{ define \"tocsin.zh.text\" }}{{ range .Alerts }}"
    "{{ if eq .Status \"firing\" }}告警{{ else }}已恢复{{ end }}：{{ .Labels.alertname }}"
    "{{ with .Labels.severity }} ({{ . }}){{ end }}\n"
    "对象：" WHERE "\n内容：" DETAILS "\n"
    "{{ if eq .Status \"firing\" }}{{ with .Annotations.action }}处理：{{ . }}\n{{ end }}{{ end }}"
    "开始：{{ .StartsAt.Local.Format \"" DATE "\" }}\n"
    "{{ if eq .Status \"resolved\" }}结束：{{ .EndsAt.Local.Format \"" DATE "\" }}\n{{ end }}"
    "{{ with .GeneratorURL }}{{ . }}\n{{ end }}\n{{ end }}{{ end }}"

    "{{ define \"tocsin.en.text\" }}{{ range .Alerts }}"
    "{{ if eq .Status \"firing\" }}Firing{{ else }}Resolved{{ end }}: {{ .Labels.alertname }}"
    "{{ with .Labels.severity }} ({{ . }}){{ end }}\n"
    "Where: " WHERE "\nWhat: " DETAILS "\n"
    "{{ if eq .Status \"firing\" }}{{ with .Annotations.action }}To do: {{ . }}\n{{ end }}{{ end }}"
    "Since: {{ .StartsAt.Local.Format \"" DATE "\" }}\n"
    "{{ if eq .Status \"resolved\" }}Until: {{ .EndsAt.Local.Format \"" DATE "\" }}\n{{ end }}"
    "{{ with .GeneratorURL }}{{ . }}\n{{ end }}\n{{ end }}{{ end }}";

const struct str notify_stock = {text, sizeof text - 1};
