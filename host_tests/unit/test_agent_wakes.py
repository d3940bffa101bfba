"""Wakes of devices: their reports, and words for every reason."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.features.diagnostics.wake_coding import REASONS, decode, reason
from landbridge.protocol.limits import WireError
from locator.scheduler import decide, policy

WAKE = struct.Struct("<HBBH")
PREFIXES = ("REST_", "FIX_", "REUSE_", "SCAN_", "SESSION_", "ATTEMPT_")
OTHERS = ("OTHER_PROFILE", "KEEP", "DELIVER", "SHIPPED")


def test_every_reason_of_the_device_has_words():
    names = {
        name: getattr(module, name)
        for module in (policy, decide)
        for name in dir(module)
        if name.startswith(PREFIXES) or name in OTHERS
    }
    assert len(names) > 25
    assert {value: name for name, value in names.items() if value not in REASONS} == {}
    assert sorted(REASONS) == sorted({0, *names.values()})
    assert reason(11) == "next position while moving" and reason(255) == "reason 255"


def test_minutes_go_on_after_they_have_turned_over():
    reported = decode(
        [3, 70_000, WAKE.pack(69_990 & 0xFFFF, 11, 6, 123) + WAKE.pack(70_000 & 0xFFFF, 0, 4, 4)]
    )
    assert [(each.clock_min, each.age_min, each.did, each.rest, each.joules) for each in reported] == [
        (69_990, 10, 11, 6, 12.3),
        (70_000, 0, 0, 4, 0.4),
    ]


@pytest.mark.parametrize(
    "reported",
    [None, [], [1, 2], [1, 2, "x"], [-1, 2, b""], [1, 2.0, b""], [1, 2, bytes(5)], [1, 2, bytes(600)]],
)
def test_an_invalid_list_of_wakes_is_refused(reported):
    with pytest.raises(WireError):
        decode(reported)


@given(st.binary(max_size=384), st.integers(0, 1 << 32))
def test_any_bytes_are_wakes_or_refused(packed, now_min):
    try:
        reported = decode([1, now_min, packed])
    except WireError:
        return
    assert all(each.clock_min >= 0 and 0 <= each.joules < 6_554 for each in reported)
