#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages in protobuf from a real Prometheus: the same series as in text; and native histograms."""

import os
import shutil
import struct

from harness import Page, main

CONFIGURATION = """
global: {scrape_interval: 500ms}
scrape_configs:
  - job_name: proto
    static_configs: [{targets: ['%(page)s'], labels: {instance: p}}]
  - job_name: text
    scrape_protocols: [PrometheusText0.0.4]
    static_configs: [{targets: ['%(page)s'], labels: {instance: p}}]
"""
FEATURE = "--enable-feature=native-histograms"


# ---- messages, as io.prometheus.client has them


def varint(n):
    out = b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def double(field, x):
    return varint(field << 3 | 1) + struct.pack("<d", x)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def histogram_page():
    """h{path="/"}: 6 observations, one of them about 0, two in bucket 2 and three in bucket 3 of schema 0."""
    label = message(1, message(1, b"path") + message(2, b"/"))
    span = message(12, number(1, 4) + number(2, 2))
    native = number(5, 0) + double(6, 0.001) + number(7, 1) + span + number(13, 4) + number(13, 2)
    value = number(1, 6) + double(2, 25.5) + message(3, number(1, 6) + double(2, 10.0)) + native
    family = message(1, b"h") + number(3, 4) + message(4, label + message(7, value))
    return varint(len(family)) + family


class Proto(Page):
    """Serves bytes."""

    def __init__(self, content):
        class Bytes(str):
            def encode(self, *_):
                return content

        super().__init__(Bytes("bytes"), "application/vnd.google.protobuf; "
                         "proto=io.prometheus.client.MetricFamily; encoding=delimited")


def names(world, job):
    found = world.query('count by (__name__) ({job="%s"})' % job)
    return {one["metric"]["__name__"]: one["value"][1] for one in found}


def test_a_real_prometheus_is_read_in_protobuf_as_in_text(world):
    if not shutil.which("prometheus"):
        print("# skipped: there is no prometheus", flush=True)
        return
    config = world.write("p.yml", "global: {scrape_interval: 1m}\n")
    page = world.prometheus(config, os.path.join(world.folder, "p")).removeprefix("http://")
    world.write("tocsin.yml", CONFIGURATION % {"page": page})
    world.start(FEATURE)
    some = 'prometheus_http_request_duration_seconds_count{job="%s",handler="/metrics"}'
    world.wait("both pages", lambda: (world.value(some % "proto") or 0) > 5 and (world.value(some % "text") or 0) > 5)
    proto, text = names(world, "proto"), names(world, "text")
    assert len(proto) > 100 and proto == text, proto.items() ^ text.items()
    labels = {job: {tuple(sorted((k, v) for k, v in one["metric"].items() if k != "job"))
                    for one in world.query('{job="%s",__name__=~"prometheus_.*|go_gc_.*"}' % job)} for job in ("proto", "text")}
    assert labels["proto"] == labels["text"], labels["proto"] ^ labels["text"]


def test_native_histograms_are_stored_and_their_buckets_are_not(world):
    page = Proto(histogram_page())
    world.write("tocsin.yml", CONFIGURATION % {"page": page.address()})
    world.start(FEATURE)
    world.wait("samples", lambda: world.value('histogram_count(h{job="proto",path="/"})') == 6)
    assert world.value('histogram_sum(h{job="proto"})') == 25.5
    assert world.value('histogram_quantile(1, h{job="proto"})') == 8
    assert not world.query('h_bucket{job="proto"}')


def test_without_the_feature_buckets_are_stored(world):
    page = Proto(histogram_page())
    world.write("tocsin.yml", CONFIGURATION % {"page": page.address()})
    world.start()
    world.wait("samples", lambda: world.value('h_bucket{job="proto",le="10.0"}') == 6)
    assert world.value('h_bucket{job="proto",le="+Inf"}') == world.value('h_count{job="proto"}') == 6
    assert not world.query("h")


if __name__ == "__main__":
    main()
