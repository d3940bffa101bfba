"""The wire benchmark: its figures, its reader, and that it would notice."""

import random
import re
from functools import reduce
from itertools import accumulate
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.protocol import uplink
from landbridge.protocol.limits import WireError

from host_tests.support.uplink_encoder import column
from tools.flash.layout import REPOSITORY
from tools.verify.benchmarks.wire import benchmark as wire_benchmark
from tools.verify.benchmarks.wire import formats as wire_formats
from tools.verify.benchmarks.wire import tracks as wire_tracks
from tools.verify.harness.uplink import decode


@pytest.fixture(scope="module")
def result():
    return wire_benchmark.measure(seed=2)


def test_ours_costs_less_than_it_may_and_every_field_comes_back(result):
    assert result["short"] == []
    costs = result["formats"][16]
    assert sum(costs["ours"]) < sum(costs["CBOR rows"]) / 2
    assert all(ours > floor for ours, floor in zip(costs["ours"], result["floor"], strict=True))


def test_a_format_that_costs_too_much_and_other_data_are_found_out(result):
    costly = {name: [2 * cost for cost in costs] for name, costs in result["formats"][16].items()}
    worse = result | {"formats": {16: costly, 64: result["formats"][64]}}
    assert [line.split()[0] for line in wire_benchmark.too_short(worse)] == ["ours", "JSON", "CBOR"]


def test_a_field_that_comes_back_wrong_is_found_out():
    samples = wire_tracks.tracks(2)["truck 60 s"][:16]
    read = [list(row) for row in decode(wire_benchmark.encode(samples, 1))]
    assert list(wire_benchmark.wrong(samples, read)) == []
    read[3][6] += 1
    (stray,) = wire_benchmark.wrong(samples, read)
    assert stray.startswith("lat")


def test_the_reader_of_the_documentation_reads_the_same():
    text = (REPOSITORY / "docs" / "reference" / "protocol.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"cbor2": cbor2, "reduce": reduce, "accumulate": accumulate}
    assert code is not None
    exec(code[1], names)
    body = code[1].split("\n\n")[1].strip().splitlines()
    assert len(body) <= 10
    for samples in wire_tracks.tracks(3).values():
        for n in (1, 2, 3, 64):
            encoded = wire_benchmark.encode(samples[:n], 1)
            assert names["records"](encoded) == decode(encoded)


ANY = (-(2**63), 2**63)
whole_numbers = st.one_of(st.integers(-3, 3), st.integers(-(2**31), 2**32 - 1))


@given(st.lists(whole_numbers, min_size=1, max_size=64))
def test_every_column_is_read_as_it_was_by_both_readers(values):
    form = column(values)
    assert uplink.expand(form, len(values), "any", ANY) == values
    assert decode(cbor2.dumps({1: [len(values), form]})) == [(value,) for value in values]


@pytest.mark.parametrize(
    "form",
    [[5], [1, 2, 3, {}], [1, b""], [1, bytes(17)], [1, b"\0\0\0\0\0\0\0\0" * 3], [1, {2: 1}], [1, {-1: 1}],
     [1, [1, 1]], [1, 0], ["1", {}], [1, {0: "1"}], b"\1", True],
)  # fmt: skip
def test_an_invalid_column_of_three_is_refused(form):
    with pytest.raises(WireError):
        uplink.expand(form, 3, "any", ANY)


def test_a_record_written_by_teltonika_has_the_length_its_manual_says():
    (sample,) = wire_tracks.Traveller(wire_tracks.TRIP_KINDS[0], 1).samples(1)
    assert len(wire_formats.as_teltonika([sample])) == 76


def test_the_floor_of_white_noise_is_its_entropy():
    rng = random.Random(1)
    noise = [rng.randrange(16) for _ in range(4096)]
    assert wire_formats.least_bits(noise) == pytest.approx(4, abs=0.02)
    assert wire_formats.least_bits([7] * 100) == 0
