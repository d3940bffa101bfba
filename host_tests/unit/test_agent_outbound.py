"""Published and exported data, validated against the schemas of docs/reference."""

import csv
import io
import json
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from landbridge.core.clock import iso
from landbridge.db.database import Database, open_database
from landbridge.events import dcsa, finished, publisher, topics
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import NewMessage
from landbridge.features.exports.formats import Format
from landbridge.points import quality
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import EVENTS, Point
from landbridge.protocol.uplink import DeviceClock
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from host_tests.support import make_vectors
from host_tests.support.agent import DEVICE, NOW_S, wait_until
from host_tests.support.fleet import exported

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"
FIX, CELL, STILL = (Point(**make(seq)).meaningful() for seq, make in enumerate(
    (make_vectors.fix, make_vectors.cell, make_vectors.still), 1))  # fmt: skip


def stored(
    *taken: Point, clock: DeviceClock | None = None, container: str | None = None
) -> list[StoredPoint]:
    checked = [quality.check(each, clock, NOW_S) for each in taken]
    return [StoredPoint(DEVICE, *each, NOW_S, 1 if container else None, container) for each in checked]


def schema(name: str) -> Draft202012Validator:
    content = json.loads((PROTOCOL / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def closed(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema; if it describes an object, then one without keys it does not name."""
    is_object = "properties" in part and "required" in part
    return part | {"additionalProperties": False} if is_object else part


def content(message: NewMessage) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.payload)
    return decoded


def track_of(points: list[StoredPoint]) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(json.dumps(finished.numbered(1, points, {})))
    return decoded


@pytest.mark.parametrize(
    ("changes", "quality_flags"),
    [
        ({}, []),
        ({"lat": 0, "lon": 0}, ["zero position"]),
        ({"lat": 90_00001}, ["position out of range"]),
        ({"sats": 3, "hdop": 51}, ["few satellites", "high hdop"]),
        ({"time": NOW_S + 600}, []),  # the agent's clock is slow
        ({"time": NOW_S + 601}, ["time in the future"]),
        ({"kind": 2, "quality": 1, "time": NOW_S + 86_400}, []),  # the device's oscillator is fast
        ({"kind": 2, "quality": 1, "time": NOW_S + 86_401}, ["time in the future"]),
        ({"time": NOW_S - 367 * 86_400}, ["time long past"]),
        ({"quality": 2, "time": 1}, ["time long past"]),
        ({"battery": 74}, ["battery voltage"]),
        ({"battery": 0}, []),  # it cannot be measured
        ({"quality": 0, "time": 60}, ["undated"]),
    ],
)
def test_doubtful_points_are_flagged(changes, quality_flags):
    (each,) = stored(Point(**make_vectors.fix(1, **changes)))
    assert quality.names(each.flags) == quality_flags


def test_a_battery_that_cannot_be_measured_is_none_and_not_empty():
    unknown, full = Point(**make_vectors.fix(1, battery=0)), Point(**make_vectors.fix(1, battery=180))
    assert (unknown.battery_mv, full.battery_mv) == (None, 3600)


@pytest.mark.parametrize(
    ("clock", "at_s", "quality_flags"),
    [
        (DeviceClock(7, 100, NOW_S - 90), NOW_S - 30, []),
        (DeviceClock(7, 100, NOW_S - 86_500), NOW_S - 86_440, []),
        (DeviceClock(7, 100, NOW_S - 86_501), NOW_S - 40, ["dated by arrival"]),
        (DeviceClock(7, 100, NOW_S + 500), NOW_S + 560, []),
        (DeviceClock(7, 100, NOW_S + 501), NOW_S - 40, ["dated by arrival"]),
        (DeviceClock(7, 100, 2_000_000_000), NOW_S - 40, ["dated by arrival"]),
        (DeviceClock(7, 100, 1), NOW_S - 40, ["dated by arrival"]),
        (DeviceClock(7, 100, 0), NOW_S - 40, ["dated by arrival"]),
        (DeviceClock(8, 100, NOW_S - 100), None, ["undated"]),
    ],
)
def test_a_point_without_time_is_dated_by_the_clock_of_its_boot(clock, at_s, quality_flags):
    (each,) = stored(FIX._replace(quality=0, time=60, boot=7), clock=clock)
    assert (each.at_s, each.dated) == (at_s, at_s is not None)
    assert quality.names(each.flags) == quality_flags


BESIDE_THE_LIMITS = [
    {}, {"lat": 0, "lon": 0}, {"lat": 0}, {"lat": 90_00000}, {"lat": -90_00001}, {"lon": 180_00001},
    {"sats": 4}, {"sats": 3}, {"hdop": 50}, {"hdop": 51}, {"battery": 0}, {"battery": 74}, {"battery": 75},
    {"battery": 250}, {"battery": 251}, {"time": NOW_S + 600}, {"time": NOW_S + 601},
    {"time": NOW_S - 366 * 86_400}, {"time": NOW_S - 366 * 86_400 - 1}, {"quality": 0},
    {"kind": 2}, {"kind": 3},
]  # fmt: skip


@pytest.mark.parametrize("changes", BESIDE_THE_LIMITS)
@pytest.mark.parametrize("clock", [None, DeviceClock(1, 60, NOW_S - 60)])
def test_the_points_of_an_uplink_are_checked_as_each_of_them_alone(changes, clock):
    plain = FIX._replace(time=NOW_S - 60, boot=1)
    points = [plain, plain._replace(**changes).meaningful(), plain]
    assert quality.check_all(points, clock, NOW_S) == [quality.check(each, clock, NOW_S) for each in points]
    assert quality.check_all([], clock, NOW_S) == []


@pytest.mark.parametrize("container", [None, "CSQU3054383"])
def test_a_track_has_every_point_and_keeps_its_schema(container):
    undated = FIX._replace(seq=4, quality=0)
    lost = FIX._replace(seq=5, lat=91_00000)
    track = track_of(stored(FIX, CELL, STILL, undated, lost, container=container))
    schema("track").validate(track)
    assert [each["id"] for each in track["features"]] == [f"{DEVICE}/{seq}" for seq in range(1, 6)]
    assert [bool(each["geometry"]) for each in track["features"]] == [True, False, False, True, False]
    assert track["features"][0]["geometry"]["coordinates"] == [106.55156, 29.56301, 244]


def test_a_position_keeps_its_schema():
    message = topics.position(stored(FIX)[0])
    assert message.retain
    assert message.topic == f"landbridge/out/operator/{DEVICE}/position"
    schema("position").validate(content(message))


def test_an_unmeasured_battery_is_published_as_null_and_matches_the_schemas():
    unknown = stored(FIX._replace(battery=0, events=1))
    track = track_of(unknown)
    answer = content(topics.event_message(topics.alarms(DEVICE, unknown)[0], 1, NOW_S))
    position = content(topics.position(unknown[0]))
    for name, said in (("track", track), ("position", position), ("event", answer)):
        schema(name).validate(said)
    assert track["features"][0]["properties"]["battery_mv"] is position["battery_mv"] is None


def test_each_event_keeps_its_schema():
    everything = sum(EVENTS)
    alarms = topics.alarms(DEVICE, stored(FIX._replace(events=everything), CELL._replace(events=1)))
    messages = [topics.event_message(each, number, NOW_S) for number, each in enumerate(alarms, 1)]
    for message in messages:
        schema("event").validate(content(message))
        assert message.topic.endswith(f"/event/{content(message)['type']}")
        assert not message.retain
    ids = [content(message)["id"] for message in messages]
    assert len(set(ids)) == len(ids) == 10
    assert ids[-1] == f"{DEVICE}/2/alarm-light"


@pytest.mark.parametrize("name", ["position", "track", "event"])
def test_schemas_name_all_that_is_sent(name):
    point = stored(FIX._replace(events=1))
    sent = {
        "position": content(topics.position(point[0])),
        "track": track_of(point),
        "event": content(topics.event_message(topics.alarms(DEVICE, point)[0], 1, NOW_S)),
    }[name]
    text = (PROTOCOL / f"{name}.schema.json").read_text()
    Draft202012Validator(json.loads(text, object_hook=closed)).validate(sent)


def test_the_newest_is_the_last_good_fix_by_time():
    late = FIX._replace(seq=9, time=FIX.time - 5)
    future = FIX._replace(seq=8, time=NOW_S + 3600)
    newest = topics.newest(stored(FIX, late, future, CELL._replace(time=FIX.time + 9)))
    assert newest
    assert newest.point.seq == 1
    assert topics.newest(stored(CELL, STILL)) is None


def test_exports():
    track = stored(FIX, CELL, FIX._replace(seq=3, quality=0), container="CSQU3054383")
    schema("track").validate(json.loads(exported(DEVICE, track, Format.GEOJSON)))
    rows = list(csv.DictReader(io.StringIO(exported(DEVICE, track, Format.CSV))))
    latitudes = {row["seq"]: row["latitude"] for row in rows}
    assert latitudes == {"1": "29.56301", "2": "", "3": "29.56301"}
    assert rows[2]["quality_flags"] == "undated"
    gpx = ElementTree.fromstring(exported(DEVICE, track, Format.GPX))
    points = gpx.findall(".//{http://www.topografix.com/GPX/1/1}trkpt")
    assert [each.get("lat") for each in points] == ["29.56301"]
    (undated,) = gpx.findall("{http://www.topografix.com/GPX/1/1}wpt")
    assert undated.findtext("{http://www.topografix.com/GPX/1/1}desc") == "undated"
    assert exported(DEVICE, [], Format.CSV) == exported(DEVICE, track, Format.CSV).partition("\n")[0] + "\n"
    kml = ElementTree.fromstring(exported(DEVICE, track, Format.KML))
    places = [each.text for each in kml.findall(".//{http://www.opengis.net/kml/2.2}coordinates")]
    assert (places[0] or "").split() == ["106.55156,29.56301,244"]
    assert places[1:] == ["106.55156,29.56301,244"] * 2
    times = [each.text for each in kml.findall(".//{http://www.opengis.net/kml/2.2}when")]
    assert times == [iso(track[0].at_s)]


DOUBTFUL = FIX._replace(seq=2, lat=10_00000, lon=10_00000, sats=3, hdop=90), quality.IMPLIED_SPEED
NOWHERE = FIX._replace(seq=3, lat=0, lon=0), 0


def test_flagged_points_are_on_no_line_and_show_why():
    track = [
        each._replace(flags=each.flags | more)
        for point, more in ((FIX, 0), DOUBTFUL, NOWHERE, (FIX._replace(seq=4, battery=251), 0))
        for each in stored(point)
    ]
    gpx = ElementTree.fromstring(exported(DEVICE, track, Format.GPX))
    head = "{http://www.topografix.com/GPX/1/1}"
    assert [each.findtext(f"{head}desc") for each in gpx.iter(f"{head}trkpt")] == [None, "battery voltage"]
    (apart,) = gpx.findall(f"{head}wpt")
    assert apart.findtext(f"{head}desc") == "few satellites, high hdop, implied speed"
    assert [each.tag for each in gpx] == [f"{head}wpt", f"{head}trk"]
    kml = ElementTree.fromstring(exported(DEVICE, track, Format.KML))
    head = "{http://www.opengis.net/kml/2.2}"
    (line,) = kml.iter(f"{head}LineString")
    assert (line.findtext(f"{head}coordinates") or "").split() == ["106.55156,29.56301,244"] * 2
    placed = kml.findall(f".//{head}Folder/{head}Placemark")
    assert [each.findtext(f"{head}name") for each in placed] == ["1", "2", "4"]
    assert placed[1].findtext(f"{head}description") == "few satellites, high hdop, implied speed"
    rows = list(csv.DictReader(io.StringIO(exported(DEVICE, track, Format.CSV))))
    assert [row["latitude"] for row in rows] == ["29.56301", "10.00000", "", "29.56301"]
    assert rows[2]["quality_flags"] == "zero position"


@pytest.mark.parametrize(("fix", "flags"), [DOUBTFUL, NOWHERE])
def test_an_event_is_published_at_no_wrong_place(fix, flags):
    (there,) = stored(fix, container="CSQU3054383")
    answer = topics.event(there._replace(flags=there.flags | flags), "alarm", {"alarm": "light"}, "light")
    schema("event").validate({"event": 1} | dict(answer.content))
    assert (answer.content["latitude"], answer.content["longitude"]) == (None, None) and answer.content[
        "quality_flags"
    ]
    assert "geoLocation" not in (dcsa.event({"event": 1} | dict(answer.content), {}) or {})["payload"]


def test_every_event_of_a_trip_has_the_shape_of_dcsa():
    common = {"event": 1, "id": "d/1/x", "container": "CSQU3054383", "latitude": 45.17, "longitude": 82.57}
    common |= dict.fromkeys(("time", "published", "received"), "2026-10-01T08:00:00Z")
    common |= {"trip": 4, "seq": 9}
    trip: list[dict[str, Any]] = [
        {"type": "departure", "place": "Chongqing"},
        {"type": "geofence", "geofence": "terminal", "action": "leave"},
        {"type": "border", "from": "CN", "to": "KZ"},
        {"type": "alarm", "alarm": "light"},
        {"type": "eta", "likely": "2026-10-20T08:00:00Z"},
        {"type": "geofence", "geofence": "port", "action": "enter", "latitude": None},
        {"type": "arrival", "place": "Duisburg"},
        {"type": "retraction", "was": "arrival", "retracts": "d/1/a", "replaces": 7, "place": "Duisburg"},
    ]
    carrier = {"carrierCode": "LAND", "carrierCodeListProvider": "NMFTA"}
    found = [dcsa.event(common | each, carrier) for each in trip]
    for each in found:
        schema("dcsa-event").validate(each)
        assert each and each["metadata"]["publisher"] == {"partyName": "Landbridge", **carrier}
    retraction = found.pop()
    assert retraction and retraction["metadata"]["eventType"] == "TRANSPORT" and "payload" not in retraction
    assert retraction["metadata"]["retractedEventID"] == dcsa.event_id(7, "d/1/a")
    calls = [(each or {})["payload"].get("transportCall", {}) for each in found]
    assert [call.get("transportCallReference") for call in calls] == [
        "4-Chongqing", "4-terminal", "4-CN-KZ", None, "4-destination", "4-port", "4-destination",
    ]  # fmt: skip
    assert "location" not in calls[4]  # it is not yet where it will arrive
    assert [each and _moved(each["payload"]) for each in found] == [
        ("DEPA", "Chongqing"), ("GTOT", "terminal"), ("CROS", None), ("DRO", None), ("ARRI", None),
        ("GTIN", None), ("ARRI", "Duisburg"),
    ]  # fmt: skip
    wrong = json.loads(json.dumps(found[0]))
    wrong["payload"]["modeOfTransport"] = "RAIL"
    assert not schema("dcsa-event").is_valid(wrong)


def _moved(payload: dict[str, Any]) -> tuple[str, str | None]:
    codes = ("transportEventTypeCode", "equipmentEventTypeCode", "iotEventCode")
    location = payload.get("transportCall", {}).get("location", {})
    return next(payload[code] for code in codes if code in payload), location.get("locationName")


def test_csv_has_decimals():
    (row,) = csv.DictReader(io.StringIO(exported(DEVICE, stored(FIX._replace(lat=5)), Format.CSV)))
    assert row["latitude"] == "0.00005"


def test_gpx_has_decimals_and_its_own_date_line():
    track = stored(FIX._replace(lat=-4, lon=180_00000), FIX._replace(seq=2, lat=9, lon=-180_00000))
    text = exported(DEVICE, track, Format.GPX)
    assert 'lat="-0.00004" lon="-180.00000"' in text
    assert 'lat="0.00009" lon="-180.00000"' in text


class Busy:
    """A database that another holds for the first `locked` writes."""

    def __init__(self, database: Database, locked: int) -> None:
        self.reading = database.reading
        self._database = database
        self._locked = locked

    def writing(self, alone: bool = True) -> AbstractContextManager[Connection]:
        self._locked -= 1
        if self._locked >= 0:
            raise OperationalError("DELETE", {}, Exception("database is locked"))
        return self._database.writing()


def test_a_locked_database_does_not_cause_a_second_publication(tmp_path, monkeypatch):
    monkeypatch.setattr(publisher, "RETRY_S", 0.01)
    database = open_database(tmp_path / "landbridge.sqlite3")
    with database.writing() as connection:
        outbox.post(connection, [NewMessage(f"t/{i}", b"x", False) for i in range(3)], NOW_S)
    published: list[str] = []

    def publish(message: outbox.OutboxMessage) -> Any:
        published.append(message.topic)
        return SimpleNamespace(is_published=lambda: True)

    thread = publisher.Publisher(cast(Any, Busy(database, locked=3)), publish)
    thread.start()

    def left() -> list[outbox.OutboxMessage]:
        with database.reading() as connection:
            return outbox.head(connection, 9)

    wait_until(lambda: not left(), "an empty outbox")
    with database.writing() as connection:
        outbox.post(connection, [NewMessage("t/3", b"x", False)], NOW_S)
    thread.stop()
    database.close()
    assert published == ["t/0", "t/1", "t/2", "t/3"]


def test_messages_posted_by_another_process_are_published(tmp_path):
    database = open_database(tmp_path / "landbridge.sqlite3")
    published: list[str] = []

    def publish(message: outbox.OutboxMessage) -> Any:
        published.append(message.topic)
        return SimpleNamespace(is_published=lambda: True)

    thread = publisher.Publisher(database, publish)
    thread.start()
    for topic in ("t/0", "t/1"):
        with database.writing() as connection:
            outbox.post(connection, [NewMessage(topic, b"x", False)], NOW_S)
        wait_until(
            partial(published.__contains__, topic), "it is published, although nothing woke the publisher"
        )
    thread.stop()
    database.close()


def test_a_publisher_that_may_not_publish_asks_again_only_when_there_is_something(tmp_path, monkeypatch):
    database = open_database(tmp_path / "landbridge.sqlite3")
    monkeypatch.setattr(publisher, "RETRY_S", 3600)
    asked: list[float] = []

    def may_send() -> bool:
        asked.append(time.monotonic())
        return False

    thread = publisher.Publisher(database, cast(Any, None), may_send=may_send)
    thread.start()
    wait_until(lambda: asked, "its first question")
    thread.wake()
    wait_until(lambda: len(asked) > 1, "its second question")
    time.sleep(0.05)
    assert len(asked) == 2
    thread.stop()
    database.close()
