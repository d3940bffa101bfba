"""Flash wears out by erases: ten years must not reach what the parts stand."""

import json
import os
import subprocess

from locator.journal import store

from host_tests.support.budgets import JOURNEY_DAYS, MOST_ERASES, RECORDS_A_DAY
from tools.flash.layout import FIRMWARE, VERIFY_ON_DEVICE
from tools.verify.powercut.process import MICROPYTHON

DAYS = 30
TEN_YEARS_DAYS = 3652


def worn(days: int) -> dict[str, int]:
    """What `tools/verify/on_device/wear.py` counts."""
    ended = subprocess.run(
        [str(MICROPYTHON), "-X", "heapsize=64M", str(VERIFY_ON_DEVICE / "wear.py"),
         str(days), str(RECORDS_A_DAY)],
        env=os.environ | {"MICROPYPATH": f"{FIRMWARE}:.frozen"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    result: dict[str, int] = json.loads(ended.stdout)
    return result


def test_no_block_is_erased_too_often_in_ten_years():
    counted = worn(DAYS)
    assert counted["erases"] > counted["records"] / 2  # most appends erase a block: they are counted
    assert counted["worst"] * TEN_YEARS_DAYS / DAYS <= MOST_ERASES


def test_a_journey_without_any_network_fits():
    assert JOURNEY_DAYS * RECORDS_A_DAY <= store.MAX_FILES * store.PER_SEGMENT
