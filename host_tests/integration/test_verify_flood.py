"""A small flood interrupts nothing, and an interruption would be seen."""

import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from tools.verify.flood import flood
from tools.verify.flood.flood import Found, TimedLink
from tools.verify.flood.flooding import Seen, Sizes
from tools.verify.kill.devices import Link


@pytest.mark.skipif(sys.platform != "linux", reason="only there all of 127.0.0.0/8 is loopback")
def test_a_small_flood_interrupts_nothing(tmp_path, monkeypatch):
    for name in ("LANDBRIDGE_CONFIG", "LANDBRIDGE_BROKER_PORT"):
        monkeypatch.setenv(name, "1")  # what the test sets is taken back
    found = flood.run(tmp_path, devices=2, seconds=4.0, sizes=Sizes(30, 30, 3), junk=20)
    # How much of the flood came, and how soon devices were answered, depends on the machine.
    good = replace(found, slowest_answer_s=0.0, failures=[])
    assert good.short() == []
    assert found.answers > 0 and found.records > 0 and found.peak_memory_mb > 0 and found.junk_sent == 20


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"ingest_interrupted": 1}, "ingest_interrupted 1"),
        ({"lost": 2}, "lost 2"),
        ({"pages_ended": 1}, "pages_ended 1"),
        ({"peak_memory_mb": 501}, "501 MB"),
        ({"slowest_answer_s": 5.1}, "5.1 s"),
        ({"failures": ["nothing is stored"]}, "nothing is stored"),
    ],
)
def test_shortfalls_are_named(changes, said):
    good = Found(peak_memory_mb=500, slowest_answer_s=5.0)
    assert good.short() == [] and replace(good, **changes).short() == [said]


def test_a_flood_that_did_not_happen_is_reported():
    sizes = Sizes(10, 20, 3)
    seen = Seen(Counter({"200": 2, "429": 8}), 20, 12, 3, Counter({"401": 2, "429": 1}))
    assert flood.left_out(seen, sizes) == []
    assert flood.left_out(replace(seen, half_open=19), sizes) == ["only 19 of 20 half_open"]
    assert flood.left_out(replace(seen, sign_ins=Counter({"429": 3})), sizes) == [
        "no client was let in or refused"
    ]


def test_a_reply_that_does_not_come_is_counted_and_the_next_one_is_timed_from_the_first_uplink(monkeypatch):
    answers: list[bytes | None] = [None, b"reply", None]
    monkeypatch.setattr(Link, "mqtt_publish", lambda *_: None)
    monkeypatch.setattr(Link, "mqtt_receive", lambda *_: answers.pop(0))
    now = iter((100.0, 110.0, 112.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    monkeypatch.setattr(TimedLink, "answers", [])
    monkeypatch.setattr(TimedLink, "unanswered", [])
    link = TimedLink.__new__(TimedLink)
    link.mqtt_publish(b"t", b"uplink")
    assert link.mqtt_receive(10_000) is None
    link.mqtt_publish(b"t", b"uplink")
    assert link.mqtt_receive(10_000) == b"reply"
    assert link.mqtt_receive(10_000) is None  # nothing is waited for
    assert (TimedLink.answers, TimedLink.unanswered) == ([12.0], [10.0])
