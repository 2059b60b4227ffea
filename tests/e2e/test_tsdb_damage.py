"""Bits of stored samples flip: verify names file and place, repair costs no more than what the bit is in, and the rest is answered."""

import json
import os
import random
import re
import shutil
import subprocess

from harness import PATIENCE, Page, main

FLIPS = 24
SEED = 20261124
TIMES = range(1760000000, 1760000000 + 600 * 15, 15)
SERIES = [f'm{{i="{i}"}}' for i in range(24)]
TEXT = ("# TYPE m gauge\n" + "".join(f"{s} {((t - TIMES[0]) // 15 * 7919 * (i + 1)) % 1000 / 8} {t}\n" for i, s in enumerate(SERIES) for t in TIMES)
        + "# EOF\n")
CONFIG = "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: page, static_configs: [{targets: ['%s']}]}]\n"
COMMIT_MAX = 64  # samples of one scrape of the page, with those that tell of the scrape
PLACE = re.compile(r"^(\S+): (\d+) bytes at (\d+): ", re.M)
EXPORTED = re.compile(r"(\d+) blocks, (\d+) series, (\d+) samples")


def tocsin(world, *arguments, code=0, lang="C.UTF-8"):
    answer = subprocess.run([world.binary, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False,
                            env=dict(os.environ, LC_ALL=lang))
    assert answer.returncode == code, answer
    return answer.stdout


def make(world):
    """A data directory as kill -9 leaves it: blocks, an image, and a log with what came after it."""
    data = os.path.join(world.folder, "data")
    page = Page("a 1\nb 2\n")
    world.write("tocsin.yml", CONFIG % page.address())
    tocsin(world, "tsdb", "import", "--storage.tsdb.path=" + data, world.write("m.om", TEXT))
    for end in (world.stop, world.kill):
        world.start()
        world.wait("samples of the page", lambda: world.value("count_over_time(a[1h])") >= (2 if end == world.stop else 4))
        end()
    return data


def copy(world, data, name):
    path = os.path.join(world.folder, name)
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(data, path)
    return path


def inspected(world, data, *flags, code=0):
    return json.loads(tocsin(world, "tsdb", "inspect", "--json", *flags, data, code=code))["files"]


def samples(world, data):
    """How many there are, whichever files they are in."""
    seen = EXPORTED.search(tocsin(world, "tsdb", "export", "--storage.tsdb.path=" + data, "--output=" + os.path.join(world.folder, "out")))
    shutil.rmtree(os.path.join(world.folder, "out"), ignore_errors=True)
    return int(seen.group(3))


def flip(path, dice):
    size = os.path.getsize(path)
    at = dice.randrange(size)
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << dice.randrange(8)]))
    return at


def names_the_place(told, file, at):
    return any(m.group(1) == file and int(m.group(3)) <= at < int(m.group(3)) + int(m.group(2)) for m in PLACE.finditer(told))


def most_that_is_lost(files, file, at):
    """Samples that a bit at this place may cost."""
    about = next(f for f in files if f["file"] == file)
    if about["kind"] == "block":
        return sum(c["samples"] for c in about["chunks_of_series"] if c["offset"] <= at < c["offset"] + c["bytes"])
    return COMMIT_MAX if about["kind"] == "log" else 0


def test_a_flipped_bit_is_named_and_costs_what_it_is_in(world):
    data = make(world)
    files = [f for f in inspected(world, data, '--series={__name__=~".+"}') if f["bytes"] > 0]
    assert {f["kind"] for f in files} >= {"block", "image", "log"}, files
    dice, there, cost = random.Random(SEED), samples(world, copy(world, data, "whole")), 0
    for i in range(FLIPS):
        file = files[i % len(files)]["file"]
        damaged = copy(world, data, "damaged")
        at = flip(os.path.join(damaged, "tsdb", file), dice)
        told = tocsin(world, "tsdb", "verify", damaged, code=1)
        assert names_the_place(told, file, at), (file, at, told)
        told = tocsin(world, "tsdb", "repair", damaged)
        assert f"-> {file}: " in told and "1 places are damaged; all is repaired" in told, (file, at, told)
        assert "no damage" in tocsin(world, "tsdb", "verify", damaged), (file, at)
        lost = there - samples(world, damaged)
        assert 0 <= lost <= most_that_is_lost(files, file, at), (file, at, lost, told)
        cost += lost
    assert cost > 0  # some of the places were samples


def test_repair_tells_what_is_lost_in_both_languages(world):
    data = make(world)
    block = next(f for f in inspected(world, data, '--series=m{i="3"}') if f["kind"] == "block")
    chunk = block["chunks_of_series"][0]
    path = os.path.join(data, "tsdb", block["file"])
    with open(path, "r+b") as f:
        f.seek(chunk["offset"] + chunk["bytes"] // 2)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 0x10]))
    place = f"{block['file']}: {chunk['bytes']} bytes at {chunk['offset']}: samples of m{{i=\"3\"}} from "
    told = tocsin(world, "tsdb", "repair", "--dry-run", data, code=1)
    assert place in told and "they are lost" in told and "nothing was changed" in told, told
    about = next(f for f in inspected(world, data, code=1) if f["file"] == block["file"])
    assert about["damaged"] == 1 and {c["codec"] for c in about["codecs"]} >= {"damaged"}, about
    told = tocsin(world, "tsdb", "repair", data, lang="zh_CN.UTF-8")
    assert f"偏移 {chunk['offset']} 处 {chunk['bytes']} 字节" in told and "这些样本丢失" in told, told
    assert "用可读的内容重写" in told and "已全部修复" in told and "保留在" in told, told


def test_the_server_answers_the_rest(world):
    data = make(world)
    files = [f for f in inspected(world, data, '--series={__name__="m"}') if f["bytes"] > 0]
    dice, cost = random.Random(SEED), 0
    for file in (f["file"] for f in files if f["kind"] == "block" for _ in range(3)):
        cost += most_that_is_lost(files, file, flip(os.path.join(data, "tsdb", file), dice))
    tocsin(world, "tsdb", "repair", data)
    world.start()
    counts = world.query("count_over_time(m[1d])", time=TIMES[-1])
    assert len(counts) >= len(SERIES) - 3, counts
    total = sum(int(c["value"][1]) for c in counts)
    assert len(SERIES) * len(TIMES) - cost <= total <= len(SERIES) * len(TIMES), (total, cost)
    whole = [c["metric"]["i"] for c in counts if int(c["value"][1]) == len(TIMES)]
    assert len(whole) >= len(SERIES) - 3, counts
    i = int(whole[0])
    at = TIMES[100]
    value = float(world.query(f'm{{i="{i}"}}', time=at)[0]["value"][1])
    assert value == (100 * 7919 * (i + 1)) % 1000 / 8, value
    assert world.wait("the page again", lambda: world.value("count_over_time(a[1h])") >= 5)


if __name__ == "__main__":
    main()
