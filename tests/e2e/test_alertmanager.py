"""In an Alertmanager's place: its API case by case, amtool, a Prometheus that sends its alerts, silences across kill -9."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from harness import Page, Sink, free_port, main

CASES = os.path.join(os.environ.get("TOCSIN_SHARED") or
                     os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared"),
                     "conformance/alertmanager/api_cases.jsonl")
AMTOOL = os.environ.get("TOCSIN_AMTOOL") or shutil.which("amtool")
# What Prometheus answers there, and the lifecycle is its own.
PROMETHEUS_PATHS = ("/-/healthy", "/-/ready", "/-/reload")

CONFIG = """
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  routes:
  - {matchers: ['team="db"'], receiver: db}
receivers:
- {name: ops, webhook_configs: [{url: "%s"}]}
- {name: db, webhook_configs: [{url: "%s"}]}
"""


def call(world, method, path, body=None, headers=None):
    """Status, content type and text of the answer."""
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    request = urllib.request.Request(world.url + path, None if data is None else data.encode(), method=method,
                                     headers=headers if headers is not None else {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as a:
            return a.status, a.headers.get("Content-Type"), a.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers.get("Content-Type"), e.read().decode()


def get(world, path):
    status, _, text = call(world, "GET", path)
    assert status == 200, (path, status, text)
    return json.loads(text)


def same(want, got):
    if want == "*":
        return True
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(same(want[k], got[k]) for k in want)
    return want == got


def own_words(want, text):
    """Of what parsers say only the shape and the code have to agree."""
    words = want.get("message", "") if isinstance(want, dict) else want
    return any(w in str(words) for w in ("parsing alerts body", "error parsing regexp")) and words.split(":")[0][:20] in text


def judge(case, answer):
    status, content_type, text = answer
    place = "%s %s %s" % (case["method"], case["path"], str(case.get("body"))[:120])
    assert status == case["status"], "%s: %d %s" % (place, status, text)
    if case["content_type"]:
        assert content_type == case["content_type"], "%s: %s" % (place, content_type)
    if "pick" in case:
        value = eval(case["pick"], {}, {"v": json.loads(text)})  # noqa: S307 - our own conformance data
        assert value == case["value"], "%s: %r" % (place, value)
    elif case.get("answer") == "":
        assert text == "", place
    elif "answer" in case and not own_words(case["answer"], text):
        assert same(case["answer"], json.loads(text)), "%s: %s, wanted %s" % (place, text, case["answer"])


def test_the_api_answers_as_alertmanager_does(world):
    if not os.path.exists(CASES):
        print("# no conformance data")
        return
    with open(CASES, encoding="utf-8") as f:
        first, *cases = [json.loads(line) for line in f if line.strip()]
    cases = [c for c in cases if not c["path"].startswith(PROMETHEUS_PATHS)]
    order = ([c for c in cases if c.get("when")] + [c for c in cases if c.get("setup")] +
             [c for c in cases if not c.get("when") and not c.get("setup")])
    world.write("tocsin.yml", first["config"])
    world.start()
    for case in order:
        judge(case, call(world, case["method"], case["path"], case.get("body"), case.get("headers")))
    print("# %d cases" % len(order))


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def silence(world, seconds=3600, **labels):
    status, _, text = call(world, "POST", "/api/v2/silences", {
        "matchers": [{"name": n, "value": v, "isRegex": False} for n, v in labels.items()],
        "startsAt": stamp(-1), "endsAt": stamp(seconds), "createdBy": "e2e", "comment": "维护"})
    assert status == 200, text
    return json.loads(text)["silenceID"]


def test_a_silence_survives_kill_and_its_end_lets_the_alert_through(world):
    sink = Sink()
    world.write("tocsin.yml", CONFIG % (sink.url(), sink.url()))
    world.start()
    number = silence(world, alertname="Muted")
    world.kill()
    world.start()
    assert get(world, "/api/v2/silence/" + number)["status"]["state"] == "active"
    status, _, text = call(world, "POST", "/api/v2/alerts", [{"labels": {"alertname": n}} for n in ("Muted", "Loud")])
    assert status == 200, text
    world.wait("the other alert", lambda: sink.alerts("firing", "Loud"))
    time.sleep(1.5)  # more than a flush later
    assert not sink.alerts("firing", "Muted")
    shown = {a["labels"]["alertname"]: a["status"] for a in get(world, "/api/v2/alerts")}
    assert shown["Muted"]["silencedBy"] == [number] and shown["Muted"]["state"] == "suppressed", shown
    story = get(world, "/api/tocsin/v1/alerts/explain?filter=alertname%3DMuted")
    assert story["matching"] == 1 and story["alerts"][0]["silencedBy"][0]["id"] == number, story
    told = world.run("explain", "--url=" + world.url, "Muted")
    assert told.returncode == 0 and "by e2e: 维护 (%s)" % number in told.stdout, (told.stdout, told.stderr)
    told = world.run("explain", "--url=" + world.url, "alertname=~\"L.*\"")
    assert "last told at" in told.stdout and "receiver ops" in told.stdout, told.stdout
    assert "No alert matches" in world.run("explain", "--url=" + world.url, "Nobody").stdout
    way = world.run("route", "test", "--config.file=" + os.path.join(world.folder, "tocsin.yml"), "team=web")
    assert way.returncode == 0 and 'team="db" does not match, it is "web"' in way.stdout, (way.stdout, way.stderr)
    way = world.run("route", "test", "--json", "--config.file=" + os.path.join(world.folder, "tocsin.yml"), "team=db")
    assert [r["verdict"] for r in json.loads(way.stdout)] == ["passed", "taken"], way.stdout
    assert world.run("route", "test", "team").returncode == 2
    assert "tocsin_notifications_suppressed_total{reason=\"silence\"} 0" not in world.get("/metrics")
    assert call(world, "DELETE", "/api/v2/silence/" + number)[0] == 200
    world.kill()
    world.start()
    assert get(world, "/api/v2/silence/" + number)["status"]["state"] == "expired"
    world.wait("the alert whose silence ended", lambda: sink.alerts("firing", "Muted"))


def test_a_webhook_is_taken_as_alerts_that_fire_until_it_says_otherwise(world):
    sink = Sink()
    world.write("tocsin.yml", "global: {resolve_timeout: 1s}\n" + CONFIG % (sink.url(), sink.url()))
    world.start()
    body = {"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "x", "groupLabels": {},
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "truncatedAlerts": 0,
            "alerts": [{"status": "firing", "labels": {"alertname": "Relayed"}, "annotations": {"message": "m"},
                        "startsAt": stamp(-60), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "x"}]}
    status, _, text = call(world, "POST", "/api/v2/alerts", body)
    assert status == 200 and json.loads(text) == {"Status": 200, "Message": "Notification request accepted"}, text
    world.wait("the alert", lambda: sink.alerts("firing", "Relayed"))
    time.sleep(2.5)  # more than resolve_timeout: a webhook does not repeat itself
    assert not sink.alerts("resolved", "Relayed")
    body["alerts"][0].update(status="resolved", endsAt=stamp(0))
    assert call(world, "POST", "/api/v2/alerts", body)[0] == 200
    world.wait("its end", lambda: sink.alerts("resolved", "Relayed"))


def amtool(world, *arguments):
    done = subprocess.run([AMTOOL, "--alertmanager.url=" + world.url, *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def test_amtool_works_unchanged(world):
    if not AMTOOL:
        print("# amtool is not installed")
        return
    sink = Sink()
    path = world.write("tocsin.yml", CONFIG % (sink.url(), sink.url()))
    world.start()
    number = amtool(world, "silence", "add", "alertname=Disk", "host=~h.*", "--comment=c", "--author=me", "--duration=1h").strip()
    assert number in amtool(world, "silence", "query", "alertname=Disk")
    amtool(world, "alert", "add", "Disk", "host=h1", "--annotation=summary=full")
    amtool(world, "alert", "add", "Net", "team=db")
    assert "Net" in amtool(world, "alert", "query")
    assert "Disk" in amtool(world, "alert", "query", "--silenced")
    assert "Disk" not in amtool(world, "alert", "query", "--active", "alertname=Net")
    amtool(world, "silence", "update", number, "--duration=2h", "--comment=longer")
    amtool(world, "silence", "expire", number)
    assert number in amtool(world, "silence", "query", "--expired", "--within=1h")
    exported = amtool(world, "silence", "query", "--expired", "-o", "json")
    assert json.loads(exported)[0]["comment"], exported
    assert amtool(world, "config", "routes", "test", "team=db").strip() == "db"
    assert "receiver: db" in amtool(world, "config", "show")
    assert "ops" in amtool(world, "config", "routes", "show")
    assert "SUCCESS" in amtool(world, "check-config", path)
    amtool(world, "cluster", "show")


def test_a_prometheus_sends_its_alerts(world):
    sink = Sink()
    page = Page("queue_length 11\n")
    world.write("tocsin.yml", CONFIG % (sink.url(), sink.url()))
    world.start()
    world.write("rules.yml", "groups: [{name: g, rules: [{alert: QueueLong, expr: queue_length > 10, labels: {team: db}}]}]")
    world.write("prometheus.yml", "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
                "scrape_configs: [{job_name: app, static_configs: [{targets: ['%s']}]}]\n"
                "alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:%d']}]}]}\n" % (page.address(), world.port))
    port = free_port()
    with open(os.path.join(world.folder, "prometheus.log"), "w", encoding="utf-8") as log:
        world.children.append(subprocess.Popen(
            ["prometheus", "--config.file=" + os.path.join(world.folder, "prometheus.yml"), "--rules.alert.resend-delay=1s",
             "--storage.tsdb.path=" + os.path.join(world.folder, "prom"), "--web.listen-address=127.0.0.1:%d" % port],
            stdout=log, stderr=log))
    world.wait("the alert", lambda: sink.alerts("firing", "QueueLong"))
    shown = get(world, "/api/v2/alerts?receiver=db")
    assert shown[0]["labels"]["job"] == "app" and "g0.expr" in shown[0]["generatorURL"], shown
    page.text = "queue_length 0\n"
    world.wait("its end", lambda: sink.alerts("resolved", "QueueLong"))


if __name__ == "__main__":
    main()
