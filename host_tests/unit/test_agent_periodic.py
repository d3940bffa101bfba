"""Threads that do the same again and again, and how long what has failed is left alone."""

import queue
import random

import pytest
from landbridge.core.backoff import Backoff, wait_s
from landbridge.core.periodic import Periodic

LONG_S = 3600.0


class Turns(Periodic):
    """Tells of each turn; the first `bad` of them fail."""

    def __init__(self, bad: int = 0, finishes: bool = False, **rests: float) -> None:
        super().__init__("turns", "take a turn", **{"every_s": LONG_S} | rests)
        self.finishes = finishes
        self._bad = bad
        self.taken: queue.Queue[bool] = queue.Queue()

    def turn(self) -> None:
        """Whether it is one after the stop."""
        self.taken.put(self.is_stopping)
        self._bad -= 1
        if self._bad >= 0:
            raise OSError("no")


@pytest.mark.parametrize("finishes", [False, True])
def test_a_stopped_worker_takes_a_last_turn_if_it_finishes(finishes: bool):
    thread = Turns(finishes=finishes)
    thread.start()
    thread.stop()
    assert not thread.is_alive()
    assert list(thread.taken.queue) == ([True] if finishes else [])


def test_a_turn_that_fails_is_logged_and_taken_again(caplog: pytest.LogCaptureFixture):
    thread = Turns(bad=2, every_s=0.0, first_s=0.0)
    thread.start()
    assert [thread.taken.get(timeout=60) for _ in range(3)] == [False] * 3
    thread.stop()
    assert [each.getMessage() for each in caplog.records] == ["cannot take a turn; trying again in 0 s"] * 2


def test_a_woken_worker_does_not_pause():
    thread = Turns()
    thread.start()
    thread.wake()
    assert thread.taken.get(timeout=60) is False
    thread.stop()


def test_a_failed_thread_is_not_woken():
    thread = Turns(bad=1, first_s=0.0, retry_s=LONG_S)
    thread.start()
    assert thread.taken.get(timeout=60) is False
    thread.wake()
    with pytest.raises(queue.Empty):
        thread.taken.get(timeout=0.2)
    thread.stop()


def test_waits_grow_up_to_the_longest_and_begin_again(monkeypatch: pytest.MonkeyPatch):
    assert [wait_s(30, 100, failures) for failures in (0, 1, 2, 5_000)] == [30, 60, 100, 100]
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    away = Backoff(1.0, 3.0, jitter=0.5)
    assert away.is_over()
    assert [away.grow() for _ in range(4)] == [0.5, 1.0, 1.5, 1.5]
    assert not away.is_over()
    away.reset()
    assert away.grow() == 0.5
