"""What keeps queries within bounds: time, samples, memory, how many at once; and clients that hang up."""

import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import PATIENCE, main

# Little memory, and more additions than anybody waits for.
SLOW = "count_over_time((sum_over_time(vector(1)[1000s:1ms]))[100s:1ms])"
CONFIG = "global: {evaluation_interval: 1s}\n"


def ask(world, path="query", **parameters):
    """Status, error type and text of an answer that is none, or the data."""
    url = world.url + "/api/v1/" + path + "?" + urllib.parse.urlencode(parameters)
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read())["data"]
    except urllib.error.HTTPError as e:
        body = json.loads(e.read())
        return e.code, (body["errorType"], body["error"])


def begin(world, query):
    """Sends a query and does not wait for the answer."""
    s = socket.create_connection(("127.0.0.1", world.port), PATIENCE)
    s.sendall(("GET /api/v1/query?query=%s HTTP/1.1\r\nHost: x\r\n\r\n" % urllib.parse.quote(query)).encode())
    time.sleep(0.3)
    return s


def test_time_samples_and_memory_have_limits(world):
    world.write("tocsin.yml", CONFIG)
    world.start("--query.timeout=20s", "--query.max-samples=3000000", "--query.max-memory=64MB")
    assert ask(world, query=SLOW, timeout="300ms") == (503, ("timeout", "query timed out in expression evaluation"))
    assert ask(world, query="count_over_time(vector(1)[4000s:1ms])") == (422, (
        "execution", "query processing would load too many samples into memory in query execution"))
    status, (kind, words) = ask(world, query="max_over_time((vector(1) or vector(2))[2900s:1ms])")
    assert (status, kind) == (422, "execution") and "67108864 bytes of memory" in words, words
    assert ask(world, query="1", timeout="x") == (400, ("bad_data", 'invalid parameter "timeout": '
                                                        'cannot parse "x" to a valid duration'))
    assert ask(world, query="1", lookback_delta="x")[0] == 400


def test_a_query_waits_its_turn_as_long_as_its_time_lasts(world):
    world.write("tocsin.yml", CONFIG)
    world.start("--query.max-concurrency=1", "--query.timeout=20s")
    first = begin(world, SLOW)
    assert ask(world, query="1", timeout="300ms") == (503, ("timeout", "query timed out in query queue"))
    assert ask(world, "labels")[0] == 200  # only queries wait
    first.close()
    before = time.time()
    status, data = ask(world, query="1", stats="all")
    assert status == 200 and data["result"][1] == "1" and time.time() - before < 5, data


def test_a_client_that_hangs_up_frees_its_worker(world):
    world.write("tocsin.yml", CONFIG)
    world.start("--query.max-concurrency=2", "--query.timeout=60s")
    waiting = [begin(world, SLOW) for _ in range(4)]  # two run, two wait
    for s in waiting:
        s.close()
    before = time.time()
    assert ask(world, query="1 + 1")[0] == 200
    assert time.time() - before < 5, time.time() - before


if __name__ == "__main__":
    main()
