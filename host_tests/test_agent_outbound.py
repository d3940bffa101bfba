"""What is judged, published and exported, held against the schemas of docs/protocol."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from landbridge.ingest import judge
from landbridge.outbound import topics
from landbridge.outbound.export import Format, export
from landbridge.store.outbox import Outgoing
from landbridge.store.points import StoredPoint
from landbridge.wire.point import EVENTS, Point
from landbridge.wire.uplink import DeviceClock, Uplink

from host_tests import make_vectors
from host_tests.agent_bench import DEVICE

PROTOCOL = Path(__file__).parent.parent / "docs" / "protocol"
NOW_S = 845_500_000
FIX, CELL, STILL = (Point(**make(seq)).meaningful() for seq, make in enumerate(
    (make_vectors.fix, make_vectors.cell, make_vectors.still), 1))  # fmt: skip


def stored(
    *taken: Point, clock: DeviceClock | None = None, container: str | None = None
) -> list[StoredPoint]:
    judged = judge.judge(Uplink(points=list(taken), clock=clock), NOW_S)
    return [StoredPoint(DEVICE, *each, NOW_S, 1 if container else None, container) for each in judged]


def schema(name: str) -> Draft202012Validator:
    content = json.loads((PROTOCOL / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def closed(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema; if it describes an object, then one without keys it does not name."""
    is_object = "properties" in part and "required" in part
    return part | {"additionalProperties": False} if is_object else part


def content(message: Outgoing) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.payload)
    return decoded


@pytest.mark.parametrize(
    ("changes", "doubts"),
    [
        ({}, []),
        ({"lat": 0, "lon": 0}, ["zero position"]),
        ({"lat": 90_00001}, ["position out of range"]),
        ({"sats": 3, "hdop": 51}, ["few satellites", "high hdop"]),
        ({"time": NOW_S + 86_401}, ["time in the future"]),
        ({"battery": 74}, ["battery voltage"]),
        ({"quality": 0, "time": 60}, ["undated"]),
    ],
)
def test_doubts_are_flags(changes, doubts):
    (each,) = stored(Point(**make_vectors.fix(1, **changes)))
    assert judge.names(each.flags) == doubts


@pytest.mark.parametrize(
    ("clock", "at_s"),
    [
        (DeviceClock(7, 100, 845_000_000), 845_000_060),
        (DeviceClock(7, 100, 0), None),
        (DeviceClock(8, 100, 845_000_000), None),
    ],
)
def test_a_point_without_time_is_dated_by_the_clock_of_its_boot(clock, at_s):
    (each,) = stored(FIX._replace(quality=0, time=60, boot=7), clock=clock)
    assert (each.at_s, each.dated) == (at_s, at_s is not None)


@pytest.mark.parametrize("container", [None, "CSQU3054383"])
def test_a_track_has_every_point_and_keeps_its_schema(container):
    undated = FIX._replace(seq=4, quality=0)
    lost = FIX._replace(seq=5, lat=91_00000)
    track = content(topics.track(DEVICE, stored(FIX, CELL, STILL, undated, lost, container=container)))
    schema("track").validate(track)
    assert [each["id"] for each in track["features"]] == [f"{DEVICE}/{seq}" for seq in range(1, 6)]
    assert [bool(each["geometry"]) for each in track["features"]] == [True, False, False, True, False]
    assert track["features"][0]["geometry"]["coordinates"] == [106.55156, 29.56301, 244]


def test_a_position_keeps_its_schema():
    message = topics.position(stored(FIX)[0])
    assert message.retain
    assert message.topic == f"landbridge/out/default/{DEVICE}/position"
    schema("position").validate(content(message))


def test_each_event_keeps_its_schema():
    everything = sum(EVENTS)
    messages = topics.events(DEVICE, stored(FIX._replace(events=everything), CELL._replace(events=1)))
    for message in messages:
        schema("event").validate(content(message))
        assert message.topic.endswith(f"/event/{content(message)['type']}")
        assert not message.retain
    ids = [content(message)["id"] for message in messages]
    assert len(set(ids)) == len(ids) == 8
    assert ids[-1] == f"{DEVICE}/2/alarm-light"


@pytest.mark.parametrize("name", ["position", "track", "event"])
def test_schemas_name_all_that_is_sent(name):
    point = stored(FIX._replace(events=1))
    sent = {
        "position": topics.position(point[0]),
        "track": topics.track(DEVICE, point),
        "event": topics.events(DEVICE, point)[0],
    }[name]
    text = (PROTOCOL / f"{name}.schema.json").read_text()
    Draft202012Validator(json.loads(text, object_hook=closed)).validate(content(sent))


def test_the_newest_is_the_last_good_fix_by_time():
    late = FIX._replace(seq=9, time=FIX.time - 5)
    future = FIX._replace(seq=8, time=NOW_S + 90_000)
    newest = topics.newest(stored(FIX, late, future, CELL._replace(time=FIX.time + 9)))
    assert newest
    assert newest.point.seq == 1
    assert topics.newest(stored(CELL, STILL)) is None


def test_exports():
    track = stored(FIX, CELL, FIX._replace(seq=3, quality=0), container="CSQU3054383")
    schema("track").validate(json.loads(export(DEVICE, track, Format.GEOJSON)))
    rows = list(csv.DictReader(io.StringIO(export(DEVICE, track, Format.CSV))))
    latitudes = {row["seq"]: row["latitude"] for row in rows}
    assert latitudes == {"1": "29.56301", "2": "", "3": "29.56301"}
    assert rows[2]["doubts"] == "undated"
    gpx = ElementTree.fromstring(export(DEVICE, track, Format.GPX))
    points = gpx.findall(".//{http://www.topografix.com/GPX/1/1}trkpt")
    assert [each.get("lat") for each in points] == ["29.56301", "29.56301"]
    assert export(DEVICE, [], Format.CSV) == ""
