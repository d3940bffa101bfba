"""The device's message numbers and the agent's replay window, over a year and what befalls a flash."""

from __future__ import annotations

import shutil
from random import Random

from landbridge.features.devices.queries import Window
from landbridge.protocol.limits import MAX_PARTIAL_IV
from locator.journal.numbers import Numbers

NOW_S = 850_000_000
DAY_S = 86_400


def test_the_window_takes_every_number_of_a_device_that_is_set_back_again_and_again(tmp_path):
    rng = Random(1)
    home, backup = tmp_path / "data", tmp_path / "backup"
    home.mkdir()
    Numbers(str(home), 1).save()
    window, seen, now_s = Window(-1, 0), set(), NOW_S
    for day in range(400):
        if day % 40 == 0:
            shutil.copytree(home, backup, dirs_exist_ok=True)
        elif day % 40 == 30:  # the flash of a month ago is written back
            shutil.copytree(backup, home, dirs_exist_ok=True)
        for wake in range(4):
            now_s += DAY_S // 4
            numbers = Numbers(str(home), rng.getrandbits(32))
            # The network's clock may be a zone behind, and once a day it is twenty years ahead.
            numbers.date(now_s + (20 * 365 * DAY_S if wake == 3 else rng.choice((0, -3600))))
            for turn in range(rng.randrange(1, 6)):
                number = numbers.next_number()
                assert number not in seen and window.is_new(number) and number <= MAX_PARTIAL_IV
                window.add(number)
                seen.add(number)
                if not turn:
                    numbers.date(now_s, True)  # the agent's reply
    assert window.top >> 8 <= now_s + 1
