"""Points without a fix: placed by cells that the fleet heard, by a list, by their area; again when more is
known."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from landbridge.coverage import cells
from landbridge.errors import UserError
from landbridge.outbound.export import Format
from landbridge.store import cells as stored
from landbridge.store import points
from landbridge.store.cells import Box, Cell
from landbridge.wire.point import KIND_CELL

from host_tests.fleet_bench import SECOND, Fleet, Pages, at, exported

PROTOCOL = Path(__file__).parent.parent / "docs" / "protocol"
HEAD = "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    yield made
    made.database.close()


def located(fleet: Fleet, device: str = SECOND) -> dict[int, cells.Located]:
    with fleet.database.reading() as connection:
        return cells.locate(connection, points.track(connection, device))


def test_what_one_container_has_heard_places_the_next(fleet):
    fleet.deliver(at(1, kind=KIND_CELL, plmn=460_000, tac=7, cell=99), device=SECOND)
    assert located(fleet) == {}
    fleet.deliver(at(1, lat=30_00000, lon=100_00000, plmn=460_000, tac=7, cell=98))
    (found,) = located(fleet).values()
    assert found.method == "area" and found.radius_m == 45_000
    fleet.deliver(at(2, lat=30_01000, lon=100_00000, plmn=460_000, tac=7, cell=99))
    fleet.deliver(at(3, lat=30_03000, lon=100_00000, plmn=460_000, tac=7, cell=99))
    (found,) = located(fleet).values()
    assert (found.latitude, found.longitude, found.method) == (30.02, 100.0, "cell")
    assert found.radius_m == 5_000 + 1_113
    with fleet.database.reading() as connection:
        track = points.track(connection, SECOND)
    told = json.loads(exported(SECOND, track, Format.GEOJSON, {1: found}))
    assert told["features"][0]["geometry"] is None
    assert told["features"][0]["properties"]["approximate"]["method"] == "cell"
    Draft202012Validator(json.loads((PROTOCOL / "track.schema.json").read_text())).validate(told)
    assert "30.02000,100.00000" in exported(SECOND, track, Format.CSV, {1: found})
    pages = Pages(fleet)
    token = pages.token("a")
    with pages.served():
        for path in ("track", "export"):
            found_there = json.loads(pages.ask(f"/v1/devices/{SECOND}/{path}", token)[1])
            assert found_there["features"][0]["properties"]["approximate"]["latitude"] == 30.02


def test_a_fix_beyond_doubt_only_is_learned_from(fleet):
    fleet.deliver(at(1, kind=KIND_CELL, plmn=460_000, tac=7, cell=99), device=SECOND)
    fleet.deliver(
        at(1, lat=0, lon=0, cell=99, plmn=460_000, tac=7), at(2, sats=2, cell=99, plmn=460_000, tac=7)
    )
    assert located(fleet) == {}


def test_a_list_places_what_nobody_has_heard(fleet):
    text = HEAD + "LTE,460,0,7,99,,100.5,30.5,1500,3,1,0,0,0\nGSM,460,1,8,5,,101,31,500000,1,1,0,0,0\n"
    with fleet.database.writing() as connection:
        assert cells.take_list(connection, cells.read(io.StringIO(text), "here.csv")) == 2
    fleet.deliver(
        at(1, kind=KIND_CELL, plmn=460_000, tac=7, cell=99),
        at(2, kind=KIND_CELL, plmn=460_001, tac=8, cell=5),
        device=SECOND,
    )
    assert located(fleet) == {
        1: cells.Located(30.5, 100.5, 2_000, "list"),
        2: cells.Located(31.0, 101.0, 100_000, "list"),
    }
    fleet.deliver(at(3, lat=30_40000, lon=100_40000, plmn=460_000, tac=7, cell=99))
    assert located(fleet)[1].method == "cell"


@pytest.mark.parametrize(
    "row", ["LTE,460,0,7", "LTE,460,x,7,99,,1,2,3", "LTE,460,0,7,99,,1,91,3", "a,1,2,-3,4,,1,2,3"]
)
def test_a_list_that_is_wrong_is_said_with_its_line(row):
    with pytest.raises(UserError, match="line 2"):
        list(cells.read(io.StringIO(HEAD + row), "here.csv"))


@given(st.permutations([(lat, lon) for lat in (0, 5, 9) for lon in (-3, 4)]))
def test_a_box_is_the_same_in_any_order(places):
    boxes = [Box(lat, lat, lon, lon) for lat, lon in places]
    sides = boxes[0]
    for each in [*boxes, *boxes]:
        sides = sides.with_box(each)
    assert sides == Box(0, 9, -3, 4)


def test_learned_anew_it_is_the_same(fleet):
    taken = [at(hour, lat=30_00000 + 10 * hour, lon=100_00000, cell=hour // 3) for hour in range(3, 30)]
    fleet.deliver(*taken[::2])
    fleet.deliver(*taken)
    with fleet.database.writing() as connection:
        wanted = {Cell(each.plmn, each.tac or 0, each.cell or 0) for each in taken}
        before = stored.known(connection, wanted, False)
        cells.learn_anew(connection)
        assert stored.known(connection, wanted, False) == before != {}
