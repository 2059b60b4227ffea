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

from harness import PATIENCE, free_port, main

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

# Where an older Prometheus answers something else, by name: below which version, which expressions, and why.
EXPLAINED = [
    ((3, 0), r"^label_(replace|join)\(.*~invalid", "label names: any UTF-8 from 3.0 on"),
    ((3, 0), r"double_exponential_smoothing", "called holt_winters before 3.0"),
    ((3, 0), r"\b(rate|increase)\(", "the way to zero of a counter was cut off after, not before, the look at the window's end"),
    ((3, 0), r"holt_winters", "called double_exponential_smoothing, and experimental, from 3.0 on"),
]

# Where even the newest one differs.
ALWAYS_EXPLAINED = [
    (r"count_values.*\b(atan2|ln|exp|sin|atan|sqrt)\b|count_values.*\^", "the last digit of libm and of Go's math stands in the label"),
    (r"sin\(.*(\^|exp)", "the sine of a power is decided by the last bit of that power"),
]


def version():
    text = subprocess.run([PROMETHEUS, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", text.stdout + text.stderr).groups())


def explanation(expression, of_version):
    for below, pattern, reason in EXPLAINED:
        if of_version < below and re.search(pattern, expression):
            return reason
    return next((reason for pattern, reason in ALWAYS_EXPLAINED if re.search(pattern, expression)), None)


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
            text += ["%s{%s} %s %d" % (name, labels, v, START + 30 * k) for k, v in enumerate(values)
                     if not gaps or dice.random() > 0.1]
    return text


def start_both(world):
    """Blocks made by promtool are Prometheus' data and are imported by tocsin. Returns Prometheus' address."""
    lines = own_series()
    demo = os.path.join(SHARED, "golden", "demo.om.gz")
    if os.path.isfile(demo):
        with gzip.open(demo, "rt") as f:
            lines += [line for line in f.read().splitlines() if line != "# EOF"]
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
    port = free_port()
    world.children.append(subprocess.Popen(
        [PROMETHEUS, "--config.file=" + os.path.join(world.folder, "prometheus.yml"), "--storage.tsdb.path=" + blocks,
         "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:%d" % port, "--enable-feature=" + FEATURES],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    url = "http://127.0.0.1:%d" % port

    def ready():
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=PATIENCE).status == 200
        except OSError:
            return False

    world.wait("prometheus", ready)
    return url


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
    if mine["resultType"] in ("scalar", "string"):
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


def compare(world, url, expressions):
    """Asks each as an instant and as a range query. Times are off the samples' and the windows' ends, whose meaning changed."""
    of_version, differing, asked = version(), [], 0
    for expression in expressions:
        for path, parameters in (("query", {"time": START + 2407.5}),
                                 ("query_range", {"start": START + 1207.5, "end": START + 2407.5, "step": 75})):
            wanted = ask(url, path, query=expression, **parameters)
            if of_version < (3, 0) and wanted["status"] == "error" and "unknown function" in wanted["error"]:
                continue
            asked += 1
            mine = ask(world.url, path, query=expression, **parameters)
            found = difference(mine, wanted, ordered=False)
            if found and not explanation(expression, of_version):
                differing.append("%s: %s: %s" % (path, expression, found))
    print("# %d answers compared with Prometheus %d.%d, %d differ" % (asked, *of_version, len(differing)))
    assert not differing, "\n".join(differing[:int(os.environ.get("TOCSIN_SHOW", "10"))])
    return asked


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


class Dice:
    """Random expressions over own_series()."""

    def __init__(self, seed, old):
        self.dice, self.old = random.Random(seed), old

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
        name = self.of("rate|increase|delta|irate|idelta|changes|resets|deriv|absent_over_time|" + "|".join(
            n + "_over_time" for n in "count present last sum avg min max stddev stdvar quantile".split()) +
            ("" if self.old else "|mad_over_time|ts_of_max_over_time|ts_of_min_over_time|ts_of_last_over_time"))
        return "%s(%s%s)" % (name, "0.7, " if name[0] == "q" else "", self.window(depth))

    def aggregate(self, depth):
        name = self.of("sum|avg|count|min|max|group|stddev|stdvar|topk|bottomk|quantile|count_values")
        before = {"topk": "2, ", "bottomk": "2, ", "quantile": "0.3, ", "count_values": '"v", '}.get(name, "")
        return "%s%s (%s%s)" % (name, self.of("| by (job)| without (instance)| by (job, zone)| without (job, le)| by (__name__)"),
                                before, self.vector(depth - 1))

    def call(self, depth):
        name = self.of("abs|ceil|floor|sqrt|exp|ln|sgn|sin|atan|deg|round|timestamp|absent|sort|hour|clamp_min|histogram_quantile|"
                       "label_replace|label_join|scalar")
        inner = self.vector(depth - 1)
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
        return "(%s %s %s %s)" % (self.vector(depth - 1), op, match, right)

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
    url = start_both(world)
    seed = int(os.environ.get("TOCSIN_SEED", "1"))
    old = version() < (3, 0)
    compare(world, url, compliance_list())
    if old:
        print("# skipped: random expressions, since Prometheus is older than 3.0")
        return
    compare(world, url, [Dice(seed + n, old).vector(3) for n in range(int(os.environ.get("TOCSIN_RANDOM", "300")))])


# Not compared: peakSamples, since tocsin holds fewer, and joins where a series finds no partner, since it is not read here.
def test_samples_are_counted_as_prometheus_counts_them(world):
    if not PROMETHEUS or version() < (3, 0):
        print("# skipped: there is no prometheus from 3.0 on")
        return
    url = start_both(world)
    for expression in ("a", "sum(a)", "rate(c_total[5m])", "c_total + c_total", "a @ %d" % START, "timestamp(a)",
                       "sum_over_time(a[5m] @ end())", "max_over_time(sum(a)[5m:1m])", "absent_over_time(a[5m])",
                       "rate(c_total[5m]) + scalar(sum(a @ %d))" % (START + 600), "histogram_quantile(0.9, d_bucket)",
                       "quantile_over_time(0.5, rate(c_total[2m])[5m:47s])", "1", "topk(1, a) or b"):
        for path, parameters in (("query", {"time": START + 2407.5}),
                                 ("query_range", {"start": START + 1207.5, "end": START + 2407.5, "step": 75})):
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
