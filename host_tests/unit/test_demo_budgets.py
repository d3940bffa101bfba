"""The budgets in docs/reference/budgets.md are those that the code demands."""

import pytest
from locator.journal.store import PER_SEGMENT

from host_tests.support import budgets
from tools.flash.layout import REPOSITORY
from tools.verify.benchmarks.wire import benchmark as wire_benchmark
from tools.world.demo import figures
from tools.world.device.process import HEAP_KW
from tools.world.device.reads import BUDGETS as FLASH
from tools.world.oracle.records import FULL_SEGMENTS

TABLE = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in (REPOSITORY / "docs" / "reference" / "budgets.md").read_text().splitlines()
    if line.startswith("|")
]
BUDGETS = {row[0]: row[1] for row in TABLE[2:]}
BG95_MAH, SIM7600_MAH = (figures.MOST_MAH_A_DAY[modem] for modem in ("bg95", "sim7600"))


@pytest.mark.parametrize(
    ("what", "budget"),
    [
        ("heap of a whole wake that also pulls a release", f"{HEAP_KW} kilo-words"),
        (
            "reads of flash in a wake",
            f"{FLASH['first'].reads:,} in the first, {FLASH['download'].reads:,} with a profile download, "
            f"{FLASH['timer'].reads:,} in others",
        ),
        (
            "erases and bytes written, in a wake but the first",
            f"{FLASH['fix'].erases} erases, {FLASH['fix'].bytes_written:,} bytes; "
            f"{FLASH['download'].erases} and {FLASH['download'].bytes_written:,} with a download",
        ),
        ("lines imported at a time in an ordinary wake", f"{budgets.LINES:,}"),
        ("application in flash", f"{budgets.SLOT_BYTES // 1024} KiB a slot"),
        ("application in flash, blocks of LittleFS", f"{budgets.SLOT_BLOCKS} a slot"),
        ("journal in flash", f"{FULL_SEGMENTS * 4} KiB: {FULL_SEGMENTS * PER_SEGMENT:,} records"),
        ("trip without any network", f"{budgets.JOURNEY_DAYS} days at {budgets.RECORDS_A_DAY} points a day"),
        ("erases of any block of flash in ten years", f"{budgets.MOST_ERASES:,}"),
        ("charge a day at 3.6 V", f"{BG95_MAH:g} mAh with the BG95, {SIM7600_MAH:g} with the SIM7600"),
        ("radio-on time in which the modem waits for our code", f"below {figures.MOST_CODE_PERCENT:g} %"),
        (
            "12 fields of a fix",
            f"{wire_benchmark.MOST[16]:g} bytes at 16 a batch, {wire_benchmark.MOST[64]:g} at 64",
        ),
        ("payload a point, both ways", f"{figures.MOST_BYTES_A_POINT:g} bytes"),
    ],
)
def test_the_table_shows_the_requirement(what, budget):
    assert BUDGETS[what] == budget


def test_the_table_holds_no_figure_that_drifts():
    assert TABLE[0] == ["what", "budget", "checked by"]
