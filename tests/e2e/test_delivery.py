"""kill -9 between firing and delivery, and webhooks that are down, slow or refuse: the alert always arrives."""

import random
import shutil
import time

from harness import Page, Sink, free_port, main

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: app
    static_configs: [{{targets: ["{page}"]}}]
route: {{receiver: ops, group_by: [alertname], group_wait: {group_wait}, group_interval: 1s}}
receivers:
  - name: ops
    webhook_configs: [{{url: "{sink}", timeout: 2s}}]
"""

RULES = """
groups:
  - name: g
    rules:
      - {alert: QueueLong, expr: queue_length > 10}
"""


def set_up(world, sink_url, group_wait="0s"):
    page = Page("queue_length 0\n")
    world.write("tocsin.yml", CONFIG.format(page=page.address(), sink=sink_url, group_wait=group_wait))
    world.write("rules.yml", RULES)
    return page


def test_kill_between_firing_and_delivery_never_loses_the_alert(world):
    random.seed(4)
    port = free_port()
    page = set_up(world, "http://127.0.0.1:%d/alerts" % port, "1s")
    for round_number in range(6):
        page.text = "queue_length 11\n"
        world.start()
        world.wait("firing", lambda: world.alert_states().get("QueueLong") == "firing")
        time.sleep(random.uniform(0, 1.6))  # before, in and after the flush; the sink is away all the time
        world.kill()
        page.text = "queue_length 0\n"      # after the restart no rule speaks of it any more
        sink = Sink(port)
        world.start()
        world.wait("the alert", lambda: sink.alerts("firing", "QueueLong"))
        sink.close()
        world.kill()
        # a new life without memory of this round
        shutil.rmtree(world.folder + "/data")


def test_a_sample_that_a_query_showed_survives_kill(world):
    sink = Sink()
    page = set_up(world, sink.url())
    shown = {}
    world.start()
    for value in range(5):
        page.text = "queue_length %d\n" % value
        world.wait("value %d" % value, lambda: world.value("queue_length") == value)
        result = world.query("queue_length[1h]")
        shown = dict((t, v) for t, v in result[0]["values"])
        world.kill()
        world.start()
        again = dict((t, v) for t, v in world.query("queue_length[1h]")[0]["values"])
        missing = {t: v for t, v in shown.items() if again.get(t) != v}
        assert not missing, missing


def test_a_webhook_that_answers_500_gets_it_later(world):
    sink = Sink()
    sink.status = 500
    page = set_up(world, sink.url())
    page.text = "queue_length 11\n"
    world.start()
    world.wait("attempts", lambda: len(sink.times) >= 3)
    assert "HTTP status 500" in world.log()
    assert world.value("vector(1)") == 1
    sink.status = 200
    world.wait("the alert", lambda: sink.alerts("firing", "QueueLong"))
    assert len(sink.alerts("firing")) == 1


def test_a_webhook_that_hangs_is_left_after_its_timeout_and_tried_again(world):
    sink = Sink()
    sink.hang = 10
    page = set_up(world, sink.url())
    page.text = "queue_length 11\n"
    world.start()
    world.wait("a second attempt", lambda: len(sink.times) >= 2)
    assert sink.times[1] - sink.times[0] > 1.9
    sink.hang = 0
    world.wait("the alert", lambda: sink.alerts("firing", "QueueLong"))


def test_a_webhook_that_is_down_gets_beginning_and_end_in_order(world):
    port = free_port()
    page = set_up(world, "http://127.0.0.1:%d/alerts" % port)
    page.text = "queue_length 11\n"
    world.start()
    world.wait("told", lambda: "notification_failed" in world.log() and "refused" in world.log())
    page.text = "queue_length 0\n"
    world.wait("resolved", lambda: not world.alert_states())
    time.sleep(2)
    world.kill()
    sink = Sink(port)
    world.start()
    world.wait("the end", lambda: sink.alerts("resolved", "QueueLong"))
    statuses = [a["status"] for b in sink.bodies for a in b["alerts"]]
    assert statuses[0] == "firing" and statuses[-1] == "resolved", statuses
    assert "notification_reason" in sink.bodies[0] and sink.bodies[0]["version"] == "4"
    sink.close()


if __name__ == "__main__":
    main()
