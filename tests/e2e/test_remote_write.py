#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Remote write into the real binary: the peers' bodies, moved to the present, and what a query finds afterwards."""

import json
import os
import struct
import time
import urllib.error
import urllib.request

from harness import main

FOLDER = os.path.join(os.environ.get("TOCSIN_SHARED") or
                      os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared"),
                      "conformance", "api", "remote_write")
CONFIGURATION = "global:\n  scrape_interval: 1h\n"
SWITCH = "--web.enable-remote-write-receiver"
EXEMPLARS = "--enable-feature=exemplar-storage"


# ---- bytes

def read_varint(b, at):
    value = shift = 0
    while True:
        value |= (b[at] & 0x7f) << shift
        shift += 7
        at += 1
        if b[at - 1] < 0x80:
            return value, at


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def snappy_read(b):
    length, at = read_varint(b, 0)
    out = bytearray()
    while at < len(b):
        kind, n = b[at] & 3, b[at] >> 2
        if kind == 0:
            extra = max(0, n - 59)
            if extra:
                n = int.from_bytes(b[at + 1:at + 1 + extra], "little")
            at += 1 + extra
            out += b[at:at + n + 1]
            at += n + 1
            continue
        if kind == 1:
            n, offset, at = (n & 7) + 4, (b[at] >> 5) << 8 | b[at + 1], at + 2
        else:
            size = 2 if kind == 2 else 4
            n, offset, at = n + 1, int.from_bytes(b[at + 1:at + 1 + size], "little"), at + 1 + size
        for _ in range(n):
            out.append(out[-offset])
    assert len(out) == length
    return bytes(out)


def snappy_write(b):
    """Without compression: literals of up to 60 bytes."""
    out = varint(len(b))
    for i in range(0, len(b), 60):
        piece = b[i:i + 60]
        out += bytes([len(piece) - 1 << 2]) + piece
    return out


# Field -> the fields below it, or "time". Numbers of 1.0 and 2.0 do not meet at the top.
TIMES_1 = {1: {2: {2: "time"}, 3: {3: "time"}, 4: {15: "time"}}}
TIMES_2 = {5: {2: {2: "time"}, 3: {15: "time"}, 4: {3: "time"}}}
TIMES = {**TIMES_1, **TIMES_2}


def move(message, schema, by):
    """The message with all its times moved."""
    at, out = 0, b""
    while at < len(message):
        key, at = read_varint(message, at)
        below = schema.get(key >> 3)
        out += varint(key)
        if key & 7 == 0:
            value, at = read_varint(message, at)
            out += varint(value + by if below == "time" else value)
        elif key & 7 == 1:
            out += message[at:at + 8]
            at += 8
        else:
            n, at = read_varint(message, at)
            inner = message[at:at + n]
            at += n
            if isinstance(below, dict):
                inner = move(inner, below, by)
            out += varint(len(inner)) + inner
    return out


def series(labels, *samples):
    def field(number, content):
        return varint(number << 3 | 2) + varint(len(content)) + content

    out = b"".join(field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in sorted(labels.items()))
    out += b"".join(field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t)) for v, t in samples)
    return field(1, out)


# ---- asking

def write(world, body, headers=None):
    headers = headers or {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    request = urllib.request.Request(world.url + "/api/v1/write", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as a:
            return a.status, a.read().decode(), a.headers
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode(), e.headers


def start(world, *flags):
    world.write("tocsin.yml", CONFIGURATION)
    world.start(*flags)


def test_without_the_switch_there_is_no_receiver(world):
    start(world)
    status, text, _ = write(world, snappy_write(b""))
    assert status == 404, status
    assert SWITCH in text, text


def test_samples_are_there_at_once_and_after_a_crash(world):
    start(world, SWITCH)
    now = int(time.time() * 1000)
    body = snappy_write(b"".join(
        series({"__name__": "pushed", "number": str(i)}, (i, now - 1000), (i + 0.5, now)) for i in range(100)))
    assert write(world, body)[0] == 204
    assert world.value("sum(pushed)") == sum(range(100)) + 50
    world.kill()
    world.start(SWITCH)
    assert world.value("count(pushed)") == 100
    assert write(world, body)[0] == 400  # its first sample is older than what is there
    late = snappy_write(series({"__name__": "pushed", "number": "7"}, (8, now + 1000)) +
                        series({"__name__": "pushed", "number": "8"}, (9, now - 1)))
    status, text, _ = write(world, late)
    assert (status, text) == (400, "out of order sample\n"), (status, text)
    assert "remote_write_refused" in world.log()
    assert world.value('pushed{number="7"}') == 7.5  # nothing of the request was kept


def test_series_without_a_name_are_left_out_and_logged(world):
    start(world, SWITCH)
    now = int(time.time() * 1000)
    body = snappy_write(series({"job": "x"}, (1, now)) + series({"__name__": "named"}, (2, now)))
    assert write(world, body)[0] == 204
    assert world.value("named") == 2
    assert world.query('{job="x"}') == []
    assert "remote_write_skipped" in world.log() and "no metric name" in world.log()
    assert "tocsin_remote_write_series_skipped_total 1" in world.get("/metrics")


def test_only_posts_are_taken(world):
    start(world, SWITCH)
    assert world.status("/api/v1/write") == 405
    assert write(world, b"")[0] == 400
    assert write(world, b"\xff\xff\xff\xff\xff")[0] == 400


def test_exemplars_and_metadata_are_there_after_a_crash(world):
    def field(number, content):
        return varint(number << 3 | 2) + varint(len(content)) + content

    start(world, SWITCH, EXEMPLARS)
    now = int(time.time() * 1000)
    labels = b"".join(field(1, field(1, n) + field(2, v)) for n, v in ((b"__name__", b"waits_bucket"), (b"le", b"1")))
    exemplar = (field(1, field(1, b"trace") + field(2, b"t1")) + b"\x11" + struct.pack("<d", 0.5) +
                b"\x18" + varint(now))
    metadata = b"\x08\x03" + field(2, b"waits") + field(4, b"How long.") + field(5, b"seconds")
    body = snappy_write(field(1, labels + field(3, exemplar)) + series({"__name__": "waits_count"}, (1, now)) +
                        field(3, metadata))
    assert write(world, body)[0] == 204
    for crashed in (False, True):
        if crashed:
            world.kill()
            world.start(SWITCH, EXEMPLARS)
        found = json.loads(world.get("/api/v1/query_exemplars?query=waits_bucket"))["data"]
        assert len(found) == 1 and found[0]["seriesLabels"] == {"__name__": "waits_bucket", "le": "1"}, found
        one, = found[0]["exemplars"]
        assert one["labels"] == {"trace": "t1"} and one["value"] == "0.5", one
        assert json.loads(world.get("/api/v1/metadata?metric=waits"))["data"] == {
            "waits": [{"type": "histogram", "unit": "seconds", "help": "How long."}]}


def test_prometheus_cases(world):
    if not os.path.isdir(FOLDER):
        print("# no conformance data beside the source: nothing to compare with")
        return
    start(world, SWITCH, EXEMPLARS)
    with open(os.path.join(FOLDER, "index.json"), encoding="utf-8") as f:
        index = json.load(f)
    by = int(time.time() * 1000) - index["now_ms"]
    for case in index["requests"]:
        with open(os.path.join(FOLDER, case["file"]), "rb") as f:
            body = snappy_write(move(snappy_read(f.read()), TIMES, by))
        status, text, headers = write(world, body, case["headers"])
        assert status == (case["status"] or 400), (case["case"], status, text)
        expected = case["body"].split(" timestamp 1")[0]  # the time was moved
        if case["status"] >= 400:
            assert text.startswith(expected), (case["case"], text)
        for name, n in case.get("written", {}).items():
            assert headers["X-Prometheus-Remote-Write-%s-Written" % name] == str(n), (case["case"], name)
    assert world.query("{__name__=~'rw.*'}"), "nothing is there"


if __name__ == "__main__":
    main()
