"""Samples go from Prometheus' blocks into tocsin and back; promtool and a real Prometheus agree with what comes out."""

import glob
import gzip
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import PATIENCE, free_port, main
from test_remote_write import snappy_write, varint

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SHARED = os.environ.get("TOCSIN_SHARED", os.path.join(SOURCE, "..", "shared"))
BLOCKS = os.path.join(SHARED, "conformance", "api", "tsdb", "blocks_%s")
CONFIG = "global: {scrape_interval: 1s}\n"


def skipped(*needed):
    """Says what is missing, if anything is."""
    missing = [n for n in needed if not (shutil.which(n) or os.path.exists(n))]
    if missing:
        print("# skipped: there is no " + ", ".join(missing))
    return bool(missing)


def data(world):
    return os.path.join(world.folder, "data")


def tsdb(world, command, *arguments, code=0):
    answer = world.run("tsdb", command, "--storage.tsdb.path=" + data(world), *arguments)
    assert answer.returncode == code, answer
    return answer.stdout if code == 0 else answer.stderr


def dump(folder):
    answer = subprocess.run(["promtool", "tsdb", "dump", folder], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return sorted(answer.stdout.splitlines())


def reference(world, name):
    """A copy of Prometheus' own blocks that promtool opens."""
    folder = os.path.join(world.folder, "reference_" + name)
    shutil.copytree(BLOCKS % name, folder)
    os.makedirs(os.path.join(folder, "wal"), exist_ok=True)
    return folder


def test_help_and_wrong_flags(world):
    for command in ([], ["import"], ["export"]):
        answer = world.run("tsdb", *command, "--help")
        assert answer.returncode == 0 and "Exit codes" in answer.stdout, answer
    assert world.run("tsdb").returncode == 2
    assert world.run("tsdb", "import").returncode == 2
    assert "--output" in tsdb(world, "export", code=2)
    assert "neither RFC 3339" in tsdb(world, "export", "--output=x", "--start=noon", code=2)
    assert "--match" in tsdb(world, "export", "--output=x", "--match={", code=2)
    assert "before" in tsdb(world, "export", "--output=x", "--start=2", "--end=1", code=2)
    assert "No such file" in tsdb(world, "export", "--output=" + os.path.join(world.folder, "x"), code=1)
    assert "neither a block" in tsdb(world, "import", world.folder, code=1)


def test_a_running_server_keeps_its_directory(world):
    world.write("tocsin.yml", CONFIG)
    world.start()
    out = os.path.join(world.folder, "out")
    assert "in use by another process" in tsdb(world, "export", "--output=" + out, code=1)
    world.write("meta.json", "{}")
    assert "in use by another process" in tsdb(world, "import", world.folder, code=1)


TIMES = range(1760000000, 1760000000 + 480 * 15, 15)
SERIES = ("# TYPE steps counter\n" + "".join(f'steps_total{{of="{of}"}} {(t - TIMES[0]) * (of + 1)} {t}\n' for of in range(3) for t in TIMES)
          + "# TYPE flag gauge\n" + "".join(f"flag 1 {t}\n" for t in TIMES) + "# EOF\n")


def in_chinese(world, *arguments):
    return subprocess.run([world.binary, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False,
                          env=dict(os.environ, LC_ALL="zh_CN.UTF-8"))


def test_inspect_tells_what_is_stored_of_a_stopped_and_of_a_running_tocsin(world):
    tsdb(world, "import", world.write("series.om", SERIES))
    told = json.loads(world.run("tsdb", "inspect", "--json", "--top=1", '--series=steps_total{of="2"}', data(world)).stdout)
    assert not told["in_use"] and told["damaged_files"] == 0 and told["samples"] == 4 * 480, told
    block, = [f for f in told["files"] if f["kind"] == "block"]
    assert (block["from"], block["to"]) == (TIMES[0] * 1000, TIMES[-1] * 1000), block
    assert block["version"] == 1 and block["series"] == 4 and block["samples"] == 4 * 480 and block["late"], block
    assert [s["name"] for s in block["sections"]] == ["times", "symbols", "pairs", "postings", "places", "series"], block
    assert all(s["good"] for s in block["sections"]) and block["damaged"] == 0, block
    assert {c["codec"]: c["samples"] for c in block["codecs"]} == {"constant": 480, "differences": 1440}, block
    assert [(m["metric"], m["series"]) for m in block["top_by_series"]] == [("steps_total", 3)], block
    chunks = block["chunks_of_series"]
    assert sum(c["samples"] for c in chunks) == 480 and {c["labels"]["of"] for c in chunks} == {"2"}, chunks
    assert all(c["codec"] == "differences" for c in chunks), chunks
    path = os.path.join(data(world), "tsdb", block["file"])
    alone = world.run("tsdb", "inspect", path)
    assert alone.returncode == 0 and "checksums good" in alone.stdout and "codec differences" in alone.stdout, alone
    chinese = in_chinese(world, "tsdb", "inspect", path)
    assert "校验和正确" in chinese.stdout and "序列最多的指标" in chinese.stdout, chinese
    world.write("tocsin.yml", CONFIG)
    world.start()
    running = world.run("tsdb", "inspect", data(world))
    assert running.returncode == 0 and "in use by a running tocsin" in running.stdout, running
    assert "1920 samples" in running.stdout, running


def test_inspect_says_what_it_cannot_do(world):
    absent = world.run("tsdb", "inspect", os.path.join(world.folder, "absent"))
    assert absent.returncode == 1 and "No such file" in absent.stderr, absent
    assert world.run("tsdb", "inspect").returncode == 2
    assert "--series" in world.run("tsdb", "inspect", "--series={", world.folder).stderr
    other = world.run("tsdb", "inspect", world.folder)
    assert other.returncode == 1 and "no data directory" in other.stderr, other


def test_what_comes_out_is_what_went_in(world):
    if skipped("promtool", BLOCKS % "demo"):
        return
    for name in ("demo", "scrape", "histogram"):
        out = os.path.join(world.folder, "out_" + name)
        taken = tsdb(world, "import", BLOCKS % name)
        assert tsdb(world, "export", "--output=" + out).splitlines()[-1] == taken.strip()
        assert dump(out) == dump(reference(world, name))
        listed = subprocess.run(["promtool", "tsdb", "list", out], capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert len(listed.stdout.splitlines()) == 1 + len(glob.glob(out + "/01*")), listed
        subprocess.run(["promtool", "tsdb", "analyze", out], capture_output=True, timeout=PATIENCE, check=True)
        shutil.rmtree(data(world))
        assert tsdb(world, "import", out) == taken
        again = out + "_again"
        tsdb(world, "export", "--output=" + again)
        assert dump(again) == dump(out)
        shutil.rmtree(data(world))


def test_a_part_is_exported(world):
    if skipped("promtool", BLOCKS % "demo"):
        return
    out = os.path.join(world.folder, "out")
    tsdb(world, "import", BLOCKS % "demo")
    tsdb(world, "export", "--output=" + out, "--start=1760000500", "--end=2025-10-09T09:10:00Z", '--match={path="/api/bar"}')
    wanted = [line for line in dump(reference(world, "demo"))
              if 'path="/api/bar"' in line and 1760000500000 <= int(line.split()[-1]) <= 1760001000000]
    assert wanted and dump(out) == wanted


def test_a_damaged_block_is_refused_and_the_others_are_stored(world):
    if skipped(BLOCKS % "demo"):
        return
    folder = shutil.copytree(BLOCKS % "demo", os.path.join(world.folder, "blocks"))
    chunks = sorted(glob.glob(folder + "/*/chunks/000001"))[0]
    os.chmod(chunks, 0o644)
    with open(chunks, "r+b") as f:
        f.seek(1000)
        byte = f.read(1)
        f.seek(1000)
        f.write(bytes([byte[0] ^ 1]))
    answer = world.run("tsdb", "import", "--storage.tsdb.path=" + data(world), folder)
    assert answer.returncode == 1 and "checksum differs" in answer.stderr, answer
    assert answer.stdout.startswith("1 blocks, 99 series, 7972 samples"), answer


TEXT = os.path.join(SHARED, "conformance", "promql", "golden", "demo.om.gz")


def test_openmetrics_text_becomes_what_promtool_makes_of_it(world):
    if skipped("promtool") or not os.path.exists(TEXT):
        return
    with gzip.open(TEXT, "rt") as f:
        text = f.read()
    path = world.write("demo.om", text)
    theirs, ours = os.path.join(world.folder, "theirs"), os.path.join(world.folder, "ours")
    os.makedirs(theirs + "/wal")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", path, theirs], capture_output=True, check=True)
    assert "47222 samples" in tsdb(world, "import", "--dry-run", path) and not os.path.exists(data(world))
    assert tsdb(world, "import", path).startswith("1 blocks, 99 series, 47222 samples")
    again = tsdb(world, "import", path)
    assert again.startswith("0 blocks, 0 series, 0 samples") and "0 blocks, 47222 samples" in again, again
    tsdb(world, "export", "--output=" + ours)
    assert dump(ours) == dump(theirs)


def test_a_block_is_imported_once(world):
    if skipped(BLOCKS % "demo"):
        return
    tsdb(world, "import", BLOCKS % "demo")
    answer = world.run("tsdb", "import", "--storage.tsdb.path=" + data(world), BLOCKS % "demo")
    assert answer.returncode == 0 and "already imported" in answer.stderr, answer
    assert answer.stdout.startswith("0 blocks, 0 series, 0 samples"), answer


def test_text_with_a_fault_is_refused_with_its_line(world):
    path = world.write("bad.om", "a 1 10\nb 2\n# EOF\n")
    assert "bad.om:2: expected a time" in tsdb(world, "import", path, code=1)
    assert "name=value" in tsdb(world, "import", "--label=x", path, code=2)
    world.write("tocsin.yml", CONFIG)
    world.start()
    assert "in use by another process" in tsdb(world, "import", path, code=1)


def ask(url, expression, **parameters):
    query = urllib.parse.urlencode(dict(parameters, query=expression))
    try:
        with urllib.request.urlopen(url + "/api/v1/query?" + query, timeout=PATIENCE) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as e:
        raise AssertionError("%s: %s" % (url, e.read().decode())) from e


WALS = os.path.join(SHARED, "conformance", "api", "tsdb", "wal_%s")


def test_a_log_becomes_what_promtool_dumps(world):
    if skipped("promtool", WALS % "float"):
        return
    for name in ("float", "histogram"):
        out = os.path.join(world.folder, "out_" + name)
        with open(WALS % name + "/dump.txt") as f:
            wanted = sorted(f.read().splitlines())
        tsdb(world, "import", WALS % name)
        tsdb(world, "export", "--output=" + out)
        assert [line for line in dump(out) if not line.split("} ")[1].startswith("{")] == wanted
        shutil.rmtree(data(world))


def test_a_site_moves_over_and_loses_nothing(world):
    """A Prometheus that scrapes itself is killed; what it had comes along: a block and the hours that are in its log only."""
    if skipped("prometheus", "promtool"):
        return
    port, theirs, ours = free_port(), os.path.join(world.folder, "prometheus"), os.path.join(world.folder, "ours")
    with gzip.open(TEXT, "rt") as f:
        text = world.write("demo.om", f.read())
    os.mkdir(theirs)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, theirs], capture_output=True, check=True)
    config = world.write("prometheus.yml", CONFIG + "scrape_configs: [{job_name: self, static_configs: [{targets: ['127.0.0.1:%d']}]}]\n" % port)
    help_text = subprocess.run(["prometheus", "--help"], capture_output=True, text=True, timeout=PATIENCE)
    lock = ["--storage.tsdb.use-lockfile"] if "use-lockfile" in help_text.stdout + help_text.stderr else []  # Debian's needs it
    process = subprocess.Popen(
        ["prometheus", *lock, "--config.file=" + config, "--storage.tsdb.path=" + theirs, "--storage.tsdb.retention.time=100y",
         "--web.listen-address=127.0.0.1:%d" % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    world.children.append(process)

    def scraped():
        try:
            return ask("http://127.0.0.1:%d" % port, "count_over_time(up[1m]) > 3")
        except (OSError, AssertionError):  # it is not ready
            return False

    world.wait("samples", scraped)
    assert "a Prometheus runs on it" in tsdb(world, "import", theirs, code=1)
    process.kill()
    process.wait()
    tsdb(world, "import", theirs)
    assert tsdb(world, "import", theirs).startswith("0 blocks, 0 series, 0 samples")
    tsdb(world, "export", "--output=" + ours)
    wanted = dump(theirs)
    assert sum('"up"' in line for line in wanted) >= 4 and len(wanted) > 47222
    assert dump(ours) == wanted


def test_tocsin_and_prometheus_answer_the_same_from_it(world):
    if skipped("prometheus", BLOCKS % "demo"):
        return
    out = os.path.join(world.folder, "out")
    tsdb(world, "import", BLOCKS % "demo")
    tsdb(world, "export", "--output=" + out)
    world.write("tocsin.yml", CONFIG)
    world.write("prometheus.yml", CONFIG)
    world.start("--storage.tsdb.retention.time=0s")
    url = world.prometheus(os.path.join(world.folder, "prometheus.yml"), out, "--storage.tsdb.retention.time=100y")
    for expression in ("count({__name__=~'.+'})", "max(increase(demo_api_request_duration_seconds_count[5m])) by (path)",
                       "count_over_time(demo_api_request_duration_seconds_sum[20m])"):
        wanted = ask(url, expression, time="1760002000")
        assert wanted, expression
        mine = ask(world.url, expression, time="1760002000")
        assert sorted(map(json.dumps, mine)) == sorted(map(json.dumps, wanted)), expression


# ---- native histograms

CHECK = os.path.join(SHARED, "conformance", "api", "tsdb", "tsdbcheck.py")
STALE = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]


def chunks(folder):
    """Label set, first and last time, and bytes (encoding, then data) of every chunk of the blocks in a folder, read by another program."""
    spec = importlib.util.spec_from_file_location("tsdbcheck", CHECK)
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    out = []
    for block in glob.glob(folder + "/01*"):
        for _, labels, places in check.read_index(block + "/index"):
            for first, last, place in places:
                with open("%s/chunks/%06d" % (block, (place >> 32) + 1), "rb") as f:
                    f.seek(place & 0xffffffff)
                    n, at = check.uvar(f.read(10), 0)
                    f.seek((place & 0xffffffff) + at)
                    out.append((tuple(labels), first, last, f.read(n + 1)))
    return sorted(out)


def test_integer_histograms_come_out_byte_by_byte(world):
    if skipped(BLOCKS % "histogram"):
        return
    out = os.path.join(world.folder, "out")
    tsdb(world, "import", BLOCKS % "histogram")
    tsdb(world, "export", "--output=" + out)
    wanted = chunks(BLOCKS % "histogram")
    assert sorted(chunk[3][0] for chunk in wanted) == [1, 1, 1, 1, 2, 2]  # of floats, of integer histograms
    assert chunks(out) == wanted


def field(number, content):
    if isinstance(content, float):
        return varint(number << 3 | 1) + struct.pack("<d", content)
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def zigzag(v):
    return v << 1 if v >= 0 else -v * 2 - 1


def histogram(t, is_float, i, total=None):
    """Three buckets above zero, one below, which grow with i."""
    buckets = [3 * i + 1, i * i, 7]
    deltas = [buckets[0], buckets[1] - buckets[0], buckets[2] - buckets[1]]
    count = sum(buckets) + i + 5
    total = 0.25 * i if total is None else total
    if is_float:
        counts = field(2, count + 0.5) + field(7, i + 0.5) + field(10, struct.pack("<d", 5)) + field(13, struct.pack("<3d", *buckets))
    else:
        counts = field(1, count) + field(6, i) + field(9, varint(zigzag(5))) + field(12, b"".join(varint(zigzag(d)) for d in deltas))
    spans = field(8, field(1, zigzag(-2)) + field(2, 1)) + field(11, field(1, zigzag(1)) + field(2, 2)) + field(11, field(1, zigzag(3)) + field(2, 1))
    return field(4, field(3, total) + field(4, zigzag(2)) + field(5, 0.001) + spans + counts + field(15, t))


def histogram_series(name, samples):
    return field(1, field(1, field(1, b"__name__") + field(2, name)) + b"".join(samples))


def start_prometheus(world, folder, *flags):
    return world.prometheus(world.write("prometheus.yml", CONFIG), folder, "--storage.tsdb.retention.time=100y",
                            "--enable-feature=native-histograms", *flags)


def test_histograms_of_a_real_prometheus_come_out_byte_by_byte(world):
    """Of both kinds, with counter resets, a change of kind and staleness markers: from a block and from the log."""
    if skipped("prometheus", "promtool", CHECK):
        return
    theirs, start = os.path.join(world.folder, "prometheus"), int(time.time()) // 7200 * 7200 * 1000 - 3600000
    url = start_prometheus(world, theirs, "--web.enable-remote-write-receiver", "--web.enable-admin-api")
    written = []
    for name, of_float in ((b"whole", lambda i: False), (b"float", lambda i: True), (b"mixed", lambda i: i >= 20)):
        samples = [histogram(start + 15000 * i, of_float(i), i % 30) for i in range(50)]
        samples.append(histogram(start + 15000 * 50, of_float(50), 0, STALE))
        written.append(histogram_series(name, samples))
    request = urllib.request.Request(url + "/api/v1/write", data=snappy_write(b"".join(written)), method="POST",
                                     headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"})
    assert urllib.request.urlopen(request, timeout=PATIENCE).status == 204
    request = urllib.request.Request(url + "/api/v1/admin/tsdb/snapshot", method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        snapshot = os.path.join(theirs, "snapshots", json.load(answer)["data"]["name"])
    end = str(start // 1000 + 15 * 49)
    asked = {e: ask(url, e, time=end) for e in ("{__name__=~'whole|float|mixed'}[1h]", "histogram_quantile(0.7, rate(whole[5m]))")}
    wanted = chunks(snapshot)
    print("#", [(c[0][0][1], c[3][0], c[3][1:4].hex()) for c in wanted])
    for number, source in enumerate((snapshot, theirs)):
        out = os.path.join(world.folder, "out%d" % number)
        tsdb(world, "import", source)
        tsdb(world, "export", "--output=" + out)
        assert chunks(out) == wanted, (source, chunks(out), wanted)
        subprocess.run(["promtool", "tsdb", "analyze", out], capture_output=True, timeout=PATIENCE, check=True)
        shutil.rmtree(data(world))
    again = start_prometheus(world, out)
    for expression, answer in asked.items():
        assert answer and ask(again, expression, time=end) == answer, expression


if __name__ == "__main__":
    main()
