"""Points without a fix: placed by cells that the fleet heard, by a list, by their area; again when more is
known."""

import io
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from landbridge.cli import app
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.events.publisher import Publisher
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.features.coverage import cells_cli as commands
from landbridge.features.coverage import queries as stored
from landbridge.features.coverage.queries import Box, Cell
from landbridge.features.exports.formats import Format
from landbridge.points import cells
from landbridge.points.queries import points
from landbridge.protocol.point import KIND_CELL

from host_tests.support.agent import wait_until
from host_tests.support.fleet import FIRST, SECOND, Fleet, Pages, Receiver, at, exported

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"
HEAD = "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal\n"


def located(fleet: Fleet, device: str = SECOND) -> dict[int, cells.Located]:
    with fleet.database.reading() as connection:
        return cells.locate(connection, points.track(connection, device))


def test_cells_heard_by_one_container_place_the_next(fleet):
    fleet.deliver(at(1, kind=KIND_CELL, plmn=460_000, tac=7, cell=99), device=SECOND)
    assert located(fleet) == {}
    here = {"lat": 30_00000, "lon": 100_00000}
    fleet.deliver(at(1, **here, plmn=0), at(2, **here, plmn=460_000, tac=7, cell=98), at(3, **here, plmn=0))
    (found,) = located(fleet).values()
    assert found.method == "area" and found.radius_m == 45_000
    fleet.deliver(at(4, lat=30_01000, lon=100_00000, plmn=460_000, tac=7, cell=99))
    fleet.deliver(at(5, lat=30_03000, lon=100_00000, plmn=460_000, tac=7, cell=99))
    fleet.deliver(at(6, lat=30_05000, lon=100_00000, plmn=460_000, tac=7, cell=99))
    (found,) = located(fleet).values()
    assert (found.latitude, found.longitude, found.method) == (30.02, 100.0, "cell")
    assert found.radius_m == 5_000 + 1_112
    with fleet.database.reading() as connection:
        track = points.track(connection, SECOND)
    answer = json.loads(exported(SECOND, track, Format.GEOJSON, {1: found}))
    assert answer["features"][0]["geometry"] is None
    assert answer["features"][0]["properties"]["approximate"]["method"] == "cell"
    Draft202012Validator(json.loads((PROTOCOL / "track.schema.json").read_text())).validate(answer)
    assert "30.02000,100.00000" in exported(SECOND, track, Format.CSV, {1: found})
    pages = Pages(fleet)
    token = pages.token("a")
    with pages.served():
        for path in ("track", "export"):
            found_there = json.loads(pages.ask(f"/v1/devices/{SECOND}/{path}", token)[1])
            assert found_there["features"][0]["properties"]["approximate"]["latitude"] == 30.02


def test_only_a_fix_without_flags_is_learned_from(fleet):
    fleet.deliver(at(1, kind=KIND_CELL, plmn=460_000, tac=7, cell=99), device=SECOND)
    fleet.deliver(
        at(1, lat=0, lon=0, cell=99, plmn=460_000, tac=7), at(2, sats=2, cell=99, plmn=460_000, tac=7),
        *(at(hour, plmn=0) for hour in (3, 4, 5)),
    )  # fmt: skip
    assert located(fleet) == {}


def test_a_list_locates_cells_that_the_fleet_has_not_heard(fleet):
    text = HEAD + "LTE,460,0,7,99,,100.5,30.5,1500,3,1,0,0,0\nGSM,460,1,8,5,,101,31,500000,1,1,0,0,0\n"
    with fleet.database.writing() as connection:
        stored.put(connection, dict(cells.read(io.StringIO(text), "here.csv")))
    fleet.deliver(
        at(1, kind=KIND_CELL, plmn=460_000, tac=7, cell=99),
        at(2, kind=KIND_CELL, plmn=460_001, tac=8, cell=5),
        device=SECOND,
    )
    assert located(fleet) == {
        1: cells.Located(30.5, 100.5, 2_000, "list"),
        2: cells.Located(31.0, 101.0, 100_000, "list"),
    }
    fleet.deliver(
        *(at(hour, lat=30_40000, lon=100_40000, plmn=460_000, tac=7, cell=99) for hour in (3, 4, 5))
    )
    assert located(fleet)[1].method == "cell"


@pytest.mark.parametrize(
    "row",
    [
        "LTE,460,0,7", "LTE,460,x,7,99,,1,2,3", "LTE,460,0,7,99,,1,91,3", "a,1,2,-3,4,,1,2,3",
        "LTE,460,0,7,99,,1,inf,3", "LTE,460,0,7,99,,1,2,inf", "LTE,460,0,7,99,,nan,2,3",
        "LTE,460,0,7,99999999999999999999,,1,2,3",
    ],
)  # fmt: skip
def test_a_wrong_list_is_reported_with_its_line(row):
    with pytest.raises(UserError, match="line 2"):
        list(cells.read(io.StringIO(HEAD + row), "here.csv"))


UNDER = {"plmn": 460_000, "tac": 7, "cell": 99, "lon": 100_00000}
CELL = Cell(460_000, 7, 99)


def box(fleet: Fleet) -> Box | None:
    with fleet.database.reading() as connection:
        return stored.known(connection, [CELL], False).get(CELL)


def doubtful(fleet: Fleet) -> list[int]:
    with fleet.database.reading() as connection:
        return [each.point.seq for each in points.track(connection, FIRST) if each.flags]


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_a_wrong_fix_widens_no_box_in_whatever_order_it_comes(tmp_path, wrong):
    taken = [at(hour, lat=39_00000 if hour == wrong else 30_00000 + hour, **UNDER) for hour in range(1, 6)]
    right = [each.lat or 0 for each in taken[:-1] if each.seq != wrong][1:]
    for number, order in enumerate([taken, taken[::-1], [*taken[wrong - 1 :], *taken[: wrong - 1]]]):
        (tmp_path / f"{number}").mkdir()
        fleet = Fleet(tmp_path / f"{number}")
        for each in order:
            fleet.deliver(each)
        assert doubtful(fleet) == [wrong]
        assert box(fleet) == Box(min(right), max(right), 100_00000, 100_00000)
        fleet.database.close()


def test_a_fix_that_late_data_disprove_is_unlearned(fleet):
    fleet.deliver(*(at(hour, lat=30_01000, **UNDER) for hour in (1, 2, 3)), device=SECOND)
    fleet.deliver(*(at(hour, lat=30_00000, **UNDER) for hour in (1, 2)))
    fleet.deliver(at(20, lat=39_00000, **UNDER), at(40, lat=30_00000, **UNDER))
    assert doubtful(fleet) == []
    assert box(fleet) == Box(30_00000, 39_00000, 100_00000, 100_00000)
    fleet.deliver(at(19, lat=30_00000, **UNDER), at(21, lat=30_00000, **UNDER))
    assert doubtful(fleet) == [20]
    assert box(fleet) == Box(30_00000, 30_01000, 100_00000, 100_00000)


def test_the_first_fix_of_a_device_teaches_nothing(fleet):
    fleet.deliver(at(1, lat=29_00000, **UNDER), *(at(hour, lat=30_00000, **UNDER) for hour in (2, 3, 4)))
    assert doubtful(fleet) == []
    assert box(fleet) == Box(30_00000, 30_00000, 100_00000, 100_00000)


def test_a_first_fix_is_not_flagged_by_two_that_do_not_agree(fleet):
    jumps = [at(2, lat=36_00000, **UNDER), at(3, lat=42_00000, **UNDER)]
    fleet.deliver(at(1, lat=30_00000, **UNDER), *jumps, at(4, lat=30_00000, **UNDER))
    assert doubtful(fleet) == [2, 3]


def test_topics_and_webhooks_say_where_a_point_was_about(fleet):
    fleet.deliver(*(at(hour, lat=30_00000, **UNDER) for hour in (1, 2, 3)))
    receiver, published = Receiver(), []
    fleet.add("erp", receiver.url, "webhook", None, "track")
    fleet.published()
    fleet.deliver(at(1, kind=KIND_CELL, **UNDER).meaningful(), device=SECOND)
    with fleet.delivering():
        wait_until(lambda: receiver.taken, "a delivery")

    def publish(message: OutboxMessage) -> Any:
        published.append(message)
        return SimpleNamespace(is_published=lambda: True)

    thread = Publisher(fleet.database, publish)
    thread.start()
    thread.stop()
    receiver.close()
    (on_topic,) = [json.loads(each.payload) for each in published if each.topic.endswith("/track")]
    (by_webhook,) = receiver.contents()
    assert on_topic == by_webhook
    Draft202012Validator(json.loads((PROTOCOL / "track.schema.json").read_text())).validate(on_topic)
    (point,) = on_topic["features"]
    about = {"latitude": 30.0, "longitude": 100.0, "radius_m": 5_000, "method": "cell"}
    assert point["geometry"] is None and point["properties"]["approximate"] == about


def test_lists_and_learning_by_command_many_transactions_each(fleet, tmp_path, monkeypatch, capsys):
    def landbridge(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            app(["cells", *arguments])
        return "".join(capsys.readouterr())

    monkeypatch.setattr(commands, "AT_ONCE", 2)
    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(tmp_path / "landbridge.toml"))
    (tmp_path / "landbridge.toml").write_text("")
    file = tmp_path / "460.csv"
    row = "LTE,460,0,7,{},,100.5,30.5,1500,3,1,0,0,0\n"
    file.write_text(HEAD + "".join(map(row.format, range(1, 6))) + "LTE,460,0,x\n")
    assert "line 7" in landbridge("import", str(file))
    fleet.deliver(*(at(hour, lat=30_00000, **UNDER) for hour in (1, 2, 3)))
    assert "1 cells observed by the fleet, 0 imported" in landbridge("recompute")
    file.write_text(HEAD + "".join(map(row.format, range(1, 6))))
    assert "5 cells imported" in landbridge("import", str(file))
    assert "1 cells observed by the fleet, 5 imported" in landbridge("recompute")
    file.write_text(HEAD + "x" * 200_000)
    assert "460.csv, line 2: it has more than 65536 characters" in landbridge("import", str(file))


@given(st.permutations([(lat, lon) for lat in (0, 5, 9) for lon in (-3, 4)]))
def test_a_box_is_the_same_in_any_order(places):
    boxes = [Box(lat, lat, lon, lon) for lat, lon in places]
    sides = boxes[0]
    for each in [*boxes, *boxes]:
        sides = sides.with_box(each)
    assert sides == Box(0, 9, -3, 4)


def test_two_agents_learn_the_same_cell_at_once(postgres):
    here, there = Cell(460_000, 7, 99), Cell(460_000, 7, 98)
    databases = [open_database(postgres), open_database(postgres)]
    begun = threading.Event()

    def learn_too() -> None:
        with databases[1].writing(alone=False) as connection:
            begun.set()
            stored.grow(connection, {here: Box(4, 5, 10, 11), there: Box(0, 0, 0, 0)})

    other = threading.Thread(target=learn_too)
    with databases[0].writing(alone=False) as connection:
        stored.grow(connection, {here: Box(1, 2, 11, 13)})
        other.start()
        assert begun.wait(60)
        other.join(0.2)
    other.join()
    with databases[0].reading() as connection:
        found = stored.known(connection, [here, there], False)
    assert found == {here: Box(1, 5, 10, 13), there: Box(0, 0, 0, 0)}
    for each in databases:
        each.close()


def test_relearned_it_is_the_same(fleet):
    taken = [at(hour, lat=30_00000 + 10 * hour, lon=100_00000, cell=hour // 3) for hour in range(3, 30)]
    fleet.deliver(*taken[::2])
    fleet.deliver(*taken)
    with fleet.database.writing() as connection:
        wanted = {Cell(each.plmn, each.tac or 0, each.cell or 0) for each in taken}
        before = stored.known(connection, wanted, False)
        stored.forget(connection)
        assert stored.known(connection, wanted, False) == {}
        cells.relearn(connection, FIRST)
        assert stored.known(connection, wanted, False) == before != {}
