"""The same samples in a real Prometheus and in tocsin: every expression has the same answer.

TOCSIN_PROMETHEUS names the Prometheus to compare with (its promtool lies beside it), else that of the PATH. TOCSIN_RANDOM is
how many random expressions are asked after the compliance list (default 300), TOCSIN_SEED where they begin.
"""

import gzip
import json
import math
import os
import random
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from harness import PATIENCE, main

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SHARED = os.path.join(os.environ.get("TOCSIN_SHARED", os.path.join(SOURCE, "..", "shared")), "conformance", "promql")
PROMETHEUS = os.environ.get("TOCSIN_PROMETHEUS") or shutil.which("prometheus")
FEATURES = "promql-experimental-functions,promql-per-step-stats"
CONFIG = "global: {scrape_interval: 1m, evaluation_interval: 1m}\n"
START = 1760000000
TOLERANCE = 1e-9

VARIANTS = {
    "range": "1s 15s 1m 5m 15m 1h", "offset": "1m 5m 10m", "simpleAggrOp": "sum avg max min count stddev stdvar",
    "simpleTimeAggrOp": "sum avg max min count stddev stdvar absent last", "topBottomOp": "topk bottomk",
    "quantile": "-0.5 0.1 0.5 0.75 0.95 0.90 0.99 1 1.5", "arithBinOp": "+ - * / % ^",
    "compBinOp": "== != < > <= >=", "binOp": "+ - * / % ^ == != < > <= >=",
    "simpleMathFunc": "abs ceil floor exp sqrt ln log2 log10 round", "extrapolatedRateFunc": "delta rate increase",
    "clampFunc": "clamp_min clamp_max", "instantRateFunc": "idelta irate",
    "dateFunc": "day_of_month day_of_week days_in_month hour minute month year", "smoothingFactor": "0.1 0.5 0.8",
    "trendFactor": "0.1 0.5 0.8",
}

def version():
    text = subprocess.run([PROMETHEUS, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", text.stdout + text.stderr).groups())


def is_old():
    """
    Below 3.0 windows were closed on the left: all samples are moved by 1 ms then, off the windows' ends. A rate of a counter near
    zero reached back to zero if that was within 1.1 intervals, now within half of one: LATE has none, random ones are not drawn.
    """
    return version() < (3, 0)


# ---- samples

def own_series():
    """Counters with resets, gaps, special values: a sample every 30 s, for 80 minutes."""
    dice = random.Random(1)
    lines = []
    for name, labels in (("a", 'job="x",instance="1",zone="n"'), ("a", 'job="x",instance="2",zone="s"'),
                         ("a", 'job="y",instance="1",zone="n"'), ("a", 'job="y",instance="3"'), ("b", 'job="x",instance="1"'),
                         ("b", 'job="x",instance="2"'), ("b", 'job="z",instance="9"')):
        values = [dice.choice(["NaN", "+Inf"]) if dice.random() < 0.02 else dice.randint(-20, 100) for _ in range(160)]
        lines.append((name, labels, values, dice.random() < 0.5))
    for labels in ('job="x",instance="1"', 'job="x",instance="2"', 'job="y",instance="1"'):
        count, values = 0, []
        for _ in range(160):
            count = 0 if dice.random() < 0.03 else count + dice.randint(0, 9)
            values.append(count)
        lines.append(("c_total", labels, values, True))
    for job in "xy":
        for n, le in enumerate(("0.5", "1.0", "5.0", "+Inf")):
            lines.append(("d_bucket", 'job="%s",le="%s"' % (job, le), [(n + 1) * k + n for k in range(160)], False))
    text = []
    for name in sorted({line[0] for line in lines}):
        text.append("# TYPE %s unknown" % name)
        for _, labels, values, gaps in (line for line in lines if line[0] == name):
            text += ["%s{%s} %s %d.000" % (name, labels, v, START + 30 * k) for k, v in enumerate(values)
                     if not gaps or dice.random() > 0.1]
    return text


def later(line):
    """The same sample 1 ms later: no longer where a window of whole seconds begins or ends."""
    if line.startswith("#"):
        return line
    text, when = line.rsplit(" ", 1)
    seconds, _, fraction = when.partition(".")
    assert fraction != "999", line
    return "%s %s.%03d" % (text, seconds, int((fraction + "000")[:3]) + 1)


def start_both(world):
    """Blocks made by promtool are Prometheus' data and are imported by tocsin. Returns Prometheus' address."""
    lines = own_series()
    demo = os.path.join(SHARED, "golden", "demo.om.gz")
    if os.path.isfile(demo):
        with gzip.open(demo, "rt") as f:
            lines += [line for line in f.read().splitlines() if line != "# EOF"]
    if is_old():
        lines = list(map(later, lines))
    page = world.write("samples.om", "\n".join(lines) + "\n# EOF\n")
    blocks = os.path.join(world.folder, "blocks")
    tool = os.path.join(os.path.dirname(PROMETHEUS), "promtool")
    subprocess.run([tool, "tsdb", "create-blocks-from", "openmetrics", page, blocks], check=True, timeout=PATIENCE,
                   stdout=subprocess.DEVNULL)
    answer = world.run("tsdb", "import", "--storage.tsdb.path=" + os.path.join(world.folder, "data"), blocks)
    assert answer.returncode == 0, answer
    world.write("tocsin.yml", CONFIG)
    world.write("prometheus.yml", CONFIG)
    world.start("--storage.tsdb.retention.time=0s", "--enable-feature=" + FEATURES)
    return world.prometheus(os.path.join(world.folder, "prometheus.yml"), blocks, "--storage.tsdb.retention.time=100y",
                            "--enable-feature=" + FEATURES, binary=PROMETHEUS)


# ---- asking and comparing

def ask(url, path, **parameters):
    body = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(url + "/api/v1/" + path, data=body, timeout=PATIENCE) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as e:
        return json.loads(e.read())


def same_value(a, b):
    a, b = float(a), float(b)
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def same_points(a, b):
    return len(a) == len(b) and all(x[0] == y[0] and same_value(x[1], y[1]) for x, y in zip(a, b))


def difference(mine, wanted, ordered):
    """What differs between two answers in words, or None."""
    if mine["status"] != wanted["status"]:
        return "%s, expected %s" % (mine.get("error", "an answer"), wanted.get("error", "an answer"))
    if mine["status"] == "error":
        return None if mine["errorType"] == wanted["errorType"] else mine["errorType"] + ", expected " + wanted["errorType"]
    mine, wanted = mine["data"], wanted["data"]
    if mine["resultType"] != wanted["resultType"]:
        return "type " + mine["resultType"]
    if mine["resultType"] == "string":
        return None if mine["result"] == wanted["result"] else "%s, expected %s" % (mine["result"], wanted["result"])
    if mine["resultType"] == "scalar":
        return None if same_points([mine["result"]], [wanted["result"]]) else "%s, expected %s" % (mine["result"], wanted["result"])

    def key(series):
        return json.dumps(series["metric"], sort_keys=True)

    mine, wanted = mine["result"], wanted["result"]
    if not ordered:
        mine, wanted = sorted(mine, key=key), sorted(wanted, key=key)
    if list(map(key, mine)) != list(map(key, wanted)):
        return "series %s, expected %s" % (list(map(key, mine))[:4], list(map(key, wanted))[:4])
    for a, b in zip(mine, wanted):
        pa, pb = a.get("values", [a.get("value")]), b.get("values", [b.get("value")])
        if not same_points(pa, pb):
            unequal = next(((x, y) for x, y in zip(pa, pb) if x[0] != y[0] or not same_value(x[1], y[1])), (len(pa), len(pb)))
            return "%s has %s, expected %s" % (key(a), *unequal)
    return None


# When it is asked: an instant, and a range. In EARLY windows of an hour begin before the first sample.
EARLY = (("query", {"time": START + 2407.5}), ("query_range", {"start": START + 1207.5, "end": START + 2407.5, "step": 75}))
LATE = (("query", {"time": START + 4507.5}), ("query_range", {"start": START + 3757.5, "end": START + 4507.5, "step": 75}))


def is_of_3_0(expression, answer):
    """Whether an old Prometheus refuses what is allowed from 3.0 on: new functions, and labels of any UTF-8."""
    return answer["status"] == "error" and ("unknown function" in answer["error"] or
                                            "invalid destination label name" in answer["error"] and '"~invalid"' in expression)


def is_undecided(url, path, expression, mine, parameters):
    """Whether Prometheus' own answers differ: what count_values() finds has no order there, and topk() takes the first of equals."""
    answers = [ask(url, path, query=expression, **parameters) for _ in range(20)]
    return any(not difference(mine, answer, False) for answer in answers) or \
        any(difference(answers[0], answer, False) for answer in answers)


def compare_one(world, url, expression, path, parameters, old):
    """What differs, None if nothing does or if there is nothing to compare with."""
    wanted = ask(url, path, query=expression, **parameters)
    if old and is_of_3_0(expression, wanted):
        return None
    mine = ask(world.url, path, query=expression, **parameters)
    found = difference(mine, wanted, ordered=False)
    if found and not is_undecided(url, path, expression, mine, parameters):
        return "%s: %s: %s" % (path, expression, found)
    return None


def compare(world, url, expressions, times=LATE):
    """Asks each. An expression is a text, or two: the second is what must agree if only the last digit of the first's libm differs."""
    differing, asked, old = [], 0, is_old()
    for expression in expressions:
        plain, rounded = (expression, expression) if isinstance(expression, str) else expression
        for path, parameters in times:
            asked += 1
            found = compare_one(world, url, plain, path, parameters, old)
            if found and (plain == rounded or compare_one(world, url, rounded, path, parameters, old)):
                differing.append(found)
    print("# %d answers compared with Prometheus %d.%d, %d differ" % (asked, *version(), len(differing)))
    assert not differing, "\n".join(differing[:int(os.environ.get("TOCSIN_SHOW", "10"))])


# ---- expressions

def expand(expression, names):
    if not names:
        return [expression]
    return [e for value in VARIANTS[names[0]].split()
            for e in expand(expression.replace("{{.%s}}" % names[0], value), names[1:])]


def compliance_list():
    path = os.path.join(SHARED, "compliance", "promql-test-queries.yml")
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("test_cases:", 1)[1].splitlines()
    found = []
    for number, line in enumerate(lines):
        m = re.match(r"\s*- query: (.*)$", line)
        if not m:
            continue
        text = m.group(1).strip()
        if text[0] in "'\"" and text[-1] == text[0]:
            text = text[1:-1].replace("''", "'") if text[0] == "'" else json.loads(text)
        following = lines[number + 1:number + 4]
        names = next((re.findall(r"'(\w+)'", x) for x in following if "variant_args" in x and "- query" not in x), [])
        found += expand(text, [n for n in names if "{{.%s}}" % n in text])
    return found


OWN_LIST = """
a
-a
a{job!="x"}
a{instance=~"1|3",zone=""}
{__name__=~"a|b"}
nothing
a offset 1m
a offset -90s
a @ 1760001200
1 + 2 * 3 % 4 ^ 2
time()
"text"
{{.simpleAggrOp}} by (job) (a)
{{.simpleAggrOp}} without (instance) (a)
{{.topBottomOp}} (2, b)
quantile({{.quantile}}, a)
count_values("v", a)
a {{.binOp}} 3
2 {{.compBinOp}} bool a
a {{.binOp}} on (job, instance) b
a {{.arithBinOp}} ignoring (zone) group_left () b
a and on (job) b
a or b
a unless on (instance) b
{{.simpleMathFunc}}(a)
{{.clampFunc}}(a, 7)
{{.simpleTimeAggrOp}}_over_time(a[{{.range}}])
quantile_over_time({{.quantile}}, a[5m])
{{.extrapolatedRateFunc}}(c_total[{{.range}}])
{{.instantRateFunc}}(c_total[{{.range}}])
deriv(c_total[5m])
predict_linear(c_total[5m], 600)
changes(c_total[15m])
resets(c_total[15m])
{{.dateFunc}}()
{{.dateFunc}}(a * 1e7)
timestamp(a)
absent(nothing{job="q"})
absent_over_time(nothing[5m])
histogram_quantile({{.quantile}}, rate(d_bucket[5m]))
label_replace(a, "new", "$1-x", "job", "(.*)")
label_join(a, "both", "-", "job", "instance")
sort(a)
vector(scalar(sum(a)))
max_over_time(rate(c_total[2m])[10m:47s])
sum(rate(c_total[5m])) by (job) / on (job) group_right () a
"""


def own_list():
    return [e for line in OWN_LIST.strip().splitlines() for e in expand(line, re.findall(r"\{\{\.(\w+)}}", line))]


class Dice:
    """Random expressions over own_series(). With calm, what libm and Go's math compute is rounded, so that it has no last digit."""

    def __init__(self, seed, old, calm=False):
        self.dice, self.old, self.calm = random.Random(seed), old, calm

    def of_libm(self, text):
        return "clamp(round(%s, 1e-6), -1e6, 1e6)" % text if self.calm else text

    def of(self, words):
        return self.dice.choice(words.split("|"))

    def selector(self):
        text = self.of("a|a|b|c_total|d_bucket")
        if self.dice.random() < 0.3:
            text += "{%s}" % self.of('job="x"|job!="x"|instance=~"1|2"|zone=""|zone=~".+"')
        return text

    def shift(self):
        text = self.of("|||| offset 1m| offset -2m| offset 45s")
        return text + self.of("|||||| @ %d| @ start()| @ end()" % (START + 1400.5 * 1))

    def window(self, depth):
        if depth > 1 and self.dice.random() < 0.25 and not self.old:
            return "(%s)[%s:%s]%s" % (self.vector(depth - 1), self.of("5m|213s"), self.of("1m|30s|47s"), self.shift())
        return "%s[%s]%s" % (self.selector(), self.of("1m|90s|5m|10m"), self.shift())

    def over_time(self, depth):
        name = self.of("delta|irate|idelta|changes|resets|deriv|absent_over_time|" + "|".join(
            n + "_over_time" for n in "count present last sum avg min max stddev stdvar quantile".split()) +
            ("" if self.old else "|rate|increase|mad_over_time|ts_of_max_over_time|ts_of_min_over_time|ts_of_last_over_time"))
        text = "%s(%s%s)" % (name, "0.7, " if name[0] == "q" else "", self.window(depth))
        return self.of_libm(text) if self.old and name == "avg_over_time" else text  # added in another order below 3.0

    def aggregate(self, depth):
        name = self.of("sum|avg|count|min|max|group|topk|bottomk|quantile|count_values" +
                       ("" if self.old else "|stddev|stdvar"))  # of a single NaN or Inf they were 0 below 3.0
        before = {"topk": "2, ", "bottomk": "2, ", "quantile": "0.3, ", "count_values": '"v", '}.get(name, "")
        return "%s%s (%s%s)" % (name, self.of("| by (job)| without (instance)| by (job, zone)| without (job, le)| by (__name__)"),
                                before, self.vector(depth - 1))

    def call(self, depth):
        name = self.of("abs|ceil|floor|sqrt|exp|ln|sgn|sin|atan|deg|round|timestamp|absent|sort|hour|clamp_min|histogram_quantile|"
                       "label_replace|label_join|scalar")
        inner = self.vector(depth - 1)
        if name in ("exp", "ln", "sin", "atan"):
            return self.of_libm("%s(%s)" % (name, inner))
        return {"clamp_min": "clamp_min(%s, 3)", "histogram_quantile": "histogram_quantile(0.9, %s)",
                "label_replace": 'label_replace(%s, "new", "$1-x", "job", "(.*)")',
                "label_join": 'label_join(%s, "both", "-", "job", "instance")',
                "scalar": "vector(scalar(%s))"}.get(name, name + "(%s)") % inner

    def binary(self, depth):
        op = self.of("+|-|*|/|%|^|==|!=|<|>|<=|>=|and|or|unless|atan2")
        if op in "==!=<=>=" and self.dice.random() < 0.3:
            op += " bool"
        match = self.of("|on (job)|ignoring (zone)|on (job, instance)|ignoring (zone, instance)|on ()")
        if match and op not in ("and", "or", "unless"):
            match += self.of("| group_left ()| group_right ()| group_left (zone)| group_right (zone)")
        right = self.vector(depth - 1) if match or op in ("and", "or", "unless") or self.dice.random() < 0.4 else self.of("2|-3|time()|0.5")
        text = "(%s %s %s %s)" % (self.vector(depth - 1), op, match, right)
        return self.of_libm(text) if op in ("^", "atan2") else text

    def vector(self, depth):
        if depth == 0:
            return self.selector() + self.shift()
        return self.dice.choice([self.over_time, self.over_time, self.aggregate, self.aggregate, self.call, self.binary,
                                 self.binary, lambda d: self.selector() + self.shift()])(depth)


# ---- tests

def test_the_compliance_list_and_random_expressions_have_prometheus_answers(world):
    if not PROMETHEUS:
        print("# skipped: there is no prometheus")
        return
    url, old = start_both(world), is_old()
    expressions = compliance_list() + own_list()
    compare(world, url, expressions)
    if not old:
        compare(world, url, expressions, EARLY)
    seeds = [int(os.environ.get("TOCSIN_SEED", "1")) + n for n in range(int(os.environ.get("TOCSIN_RANDOM", "300")))]
    compare(world, url, [(Dice(n, old).vector(3), Dice(n, old, calm=True).vector(3)) for n in seeds])


# Not compared: peakSamples, since tocsin holds fewer, and joins where a series finds no partner, since it is not read here.
def test_samples_are_counted_as_prometheus_counts_them(world):
    if not PROMETHEUS or is_old():
        print("# skipped: there is no prometheus from 3.0 on")
        return
    url = start_both(world)
    for expression in ("a", "sum(a)", "rate(c_total[5m])", "c_total + c_total", "a @ %d" % START, "timestamp(a)",
                       "sum_over_time(a[5m] @ end())", "max_over_time(sum(a)[5m:1m])", "absent_over_time(a[5m])",
                       "rate(c_total[5m]) + scalar(sum(a @ %d))" % (START + 600), "histogram_quantile(0.9, d_bucket)",
                       "quantile_over_time(0.5, rate(c_total[2m])[5m:47s])", "1", "topk(1, a) or b"):
        for path, parameters in EARLY:
            wanted = ask(url, path, query=expression, stats="all", **parameters)["data"]["stats"]
            mine = ask(world.url, path, query=expression, stats="all", **parameters)["data"]["stats"]
            assert list(mine) == list(wanted) and list(mine["timings"]) == list(wanted["timings"]), (mine, wanted)
            assert list(mine["samples"]) == list(wanted["samples"]), (mine, wanted)
            for name in ("totalQueryableSamples", "totalQueryableSamplesPerStep"):
                assert mine["samples"].get(name) == wanted["samples"].get(name), (path, expression, name, mine, wanted)
    wanted = ask(url, "query", query="a[5m:1m]", time=START + 2407.5, stats="all")["data"]["stats"]["samples"]
    mine = ask(world.url, "query", query="a[5m:1m]", time=START + 2407.5, stats="all")["data"]["stats"]["samples"]
    assert mine["totalQueryableSamples"] == wanted["totalQueryableSamples"], (mine, wanted)
    assert "stats" not in ask(world.url, "query", query="a")["data"]


if __name__ == "__main__":
    main()
