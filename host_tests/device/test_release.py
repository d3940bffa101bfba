"""Pulling a release: accepted and refused pieces, and how it is resumed."""

import os
import struct

import packed
import scratch
from locator import state as st
from locator.downlink import commands, release
from locator.downlink import handlers as downlinks
from locator.downlink.executed import RESULT, Executed
from locator.journal.log import Log
from start import image, slots, trial

SAME, OTHER = b"same" * 400, b"other" * 300


class Home:
    """A flash whose first slot runs and has one file; the current folder inside."""

    data_dir = "data"

    def __enter__(self):
        self.before = os.getcwd()
        os.chdir(scratch.folder())
        os.mkdir("slots")
        packed.write("slots/a", packed.slot((("locator/same.mpy", SAME),)))
        slots.choose()
        self.state = st.new()
        self.state[st.LOADED_MV] = 3600
        self.handlers = downlinks.Handlers(self, None, None, None, self.state, Log(), "SIM")
        return self

    def __exit__(self, *_):
        os.chdir(self.before)

    def feed(self):
        pass

    def clock_s(self):
        return 100

    def rtc_write(self, data):
        pass

    def reset(self):
        raise SystemExit

    def takes(self, key, value):
        self.handlers.take({3: 0, key: value})

    def refused(self):
        return self.state[st.REFUSED], self.state[st.REFUSED_WHY]


def offer(data, sequence=2):
    return [sequence, len(data), packed.digest(data), "SIM", release.runtime()]


FILES = (("locator/same.mpy", SAME), ("locator/other.mpy", OTHER))


def pull_list(home, data):
    home.takes(7, offer(data))
    home.takes(8, [2, 0, 0, data])


def test_existing_files_are_copied_and_the_rest_is_pulled():
    with Home() as home:
        data = packed.listed(FILES)
        pull_list(home, data)
        assert home.handlers.pull[:4] == (2, 2, 0, len(OTHER))
        home.takes(8, [2, 2, 0, OTHER[:1000]])
        assert home.handlers.pull[:3] == (2, 2, 1000)
        again = downlinks.Handlers(home, None, None, None, home.state, None, "SIM")  # the session broke off
        home.handlers = again
        home.takes(7, offer(data))
        assert home.handlers.pull[:3] == (2, 2, 1000)
        home.takes(8, [2, 2, 1000, OTHER[1000:]])
        assert home.handlers.pull is None and not trial.Pointer().on_trial
        home.handlers.at_last.pop()()
        assert trial.Pointer().on_trial and home.state[st.URGENT]
        with open("slots/b", "rb") as f:
            assert f.read() == packed.slot(FILES, 2)


def test_a_restart_comes_after_the_switch_and_neither_costs_the_other():
    for first in (5, 8):
        with Home() as home:
            os.mkdir("data")
            pull_list(home, packed.listed(FILES))
            orders = {5: [[9, 1, commands.REBOOT, 0]], 8: [2, 2, 0, OTHER]}
            home.takes(first, orders.pop(first))
            home.takes(*orders.popitem())
            try:
                for do in home.handlers.at_last:
                    do()
            except SystemExit:
                assert trial.Pointer().on_trial
                assert Executed("data", 0).entries[0][RESULT] == commands.DONE
            else:
                raise AssertionError("no restart")


def test_only_the_piece_that_is_wanted_is_taken():
    with Home() as home:
        pull_list(home, packed.listed(FILES))
        wanted = home.handlers.pull
        for piece in (
            [2, 2, 1, b"x"], [2, 1, 0, b"x"], [3, 2, 0, b"x"], [2, 2, 0], [2, 2, 0, b"x", 1],
            None, 7, "x", {},
        ):  # fmt: skip
            home.takes(8, piece)
            assert home.handlers.pull == wanted
        for data in (b"", bytes(len(OTHER) + 1), "text", 5):
            home.handlers.pull = wanted
            home.takes(8, [2, 2, 0, data])
            assert home.handlers.pull is None
        assert image.HEAD_BYTES + 2 * image.ITEM_BYTES + len(SAME) == os.stat("slots/b")[6]


def test_a_list_that_is_not_that_of_the_update_is_refused():
    with Home() as home:
        data = packed.listed(FILES)
        home.takes(7, offer(data))
        home.takes(8, [2, 0, 0, bytes(len(data))])
        assert home.refused() == (2, release.DAMAGED)
        assert "b" not in os.listdir("slots")
        home.takes(7, offer(data))  # once is enough
        assert home.handlers.pull is None


def item(number, size):
    return struct.pack(image.ITEM, number, size, bytes(32))


def test_lists_that_are_none_or_too_large():
    for data in (
        item(1, 0), item(1, release.MOST_BYTES + 1), item(1, release.MOST_BYTES) + item(2, 1),
        item(2, 1) + item(1, 1), item(1, 1) + item(1, 1), item(1, 0xFFFFFFFF),
    ):  # fmt: skip
        with Home() as home:
            pull_list(home, data)
            assert home.refused() == (2, release.MALFORMED), data


def test_offers_that_are_none():
    good = offer(bytes(40))
    for at, bad in (
        (0, 0), (0, -1), (0, "2"), (0, 1 << 30), (1, 0), (1, 6440), (1, 41), (2, b"x"), (3, 5), (4, "6"),
    ):  # fmt: skip
        with Home() as home:
            value = good[:]
            value[at] = bad
            home.takes(7, value)
            assert home.refused()[1] == release.MALFORMED and home.handlers.pull is None
    for value in (None, 5, [], good[:4], good + [1], {0: good}):
        with Home() as home:
            home.takes(7, value)
            assert home.refused()[1] == release.MALFORMED


def test_a_weak_battery_and_a_day_used_up_pull_nothing():
    for index, value in ((st.LOADED_MV, 3300), (st.PULLED_TODAY, 40)):
        with Home() as home:
            home.state[index] = value
            home.takes(7, offer(packed.listed(FILES)))
            assert home.handlers.pull is None and home.refused() == (0, 0)


def test_a_file_that_changes_before_the_switch_is_found():
    with Home() as home:
        pull_list(home, packed.listed(FILES))
        home.takes(8, [2, 2, 0, OTHER])
        with open("slots/b", "r+b") as f:
            f.seek(os.stat("slots/b")[6] - len(OTHER))
            f.write(bytes(len(OTHER)))
        home.handlers.at_last.pop()()
        assert home.refused() == (2, release.DAMAGED)
        assert not trial.Pointer().on_trial and "b" not in os.listdir("slots")
