"""The events of a whole trip as DCSA has them, against the schema that its examples follow."""

import itertools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from landbridge.events import dcsa
from landbridge.events.queries import outbox
from landbridge.protocol.point import Point

from host_tests.support import trips
from host_tests.support.trips import BEGIN_S, HOUR_S, STATIONS, fix

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "dcsa-event.schema.json"
CARRIER = {"carrierCode": "LAND", "carrierCodeListProvider": "NMFTA"}
STOOD_H, ROLLED_H = 6, 5


def whole_trip() -> list[Point]:
    """It stands at each station, then rolls to the next; at the first one its door is opened."""
    numbers = itertools.count(1)
    taken = []

    def at(lat: float, lon: float, country: str, **more: int) -> None:
        seq = next(numbers)
        taken.append(fix(seq, BEGIN_S + seq * HOUR_S, lat, lon, country, **more))

    for here, there in itertools.zip_longest(STATIONS, STATIONS[1:]):
        for hour in range(STOOD_H):
            at(
                here.lat,
                here.lon,
                here.country,
                motion=0,
                speed=0,
                events=int(here is STATIONS[0] and hour == 1),
            )
        for step in range(1, ROLLED_H) if there else ():
            part = step / ROLLED_H
            at(
                here.lat + (there.lat - here.lat) * part,
                here.lon + (there.lon - here.lon) * part,
                there.country,
            )
    return taken


def published() -> list[dict[str, Any]]:
    """What a platform reads of it."""
    with trips.fleet() as database:
        for point in whole_trip():
            trips.deliver(database, [point], point.time + 60)
        with database.reading() as connection:
            posted = outbox.head(connection, 100_000)
    return [json.loads(each.payload) for each in posted if "/event/" in each.topic]


def test_all_events_of_a_trip_follow_the_standard():
    schema = Draft202012Validator(json.loads(SCHEMA.read_text()))
    found = [event for event in (dcsa.event(each, CARRIER) for each in published()) if event]
    for each in found:
        schema.validate(each)
        assert set(each["metadata"]["publisher"]) == {"partyName", *CARRIER}  # the standard wants all three
        kind, payload = each["metadata"]["eventType"], each["payload"]
        assert ("transportCall" in payload) == (kind != "IOT")
        assert ("equipmentReference" in payload) == (kind != "TRANSPORT") != ("references" in payload)
    codes = ("transportEventTypeCode", "equipmentEventTypeCode", "iotEventCode")
    codes_found = {next(each["payload"][code] for code in codes if code in each["payload"]) for each in found}
    assert codes_found == {"DEPA", "ARRI", "CROS", "GTIN", "GTOT", "DRO"}
    expected = [each["payload"] for each in found if each["payload"]["eventClassifierCode"] == "EST"]
    (arrived,) = (
        each["payload"] for each in found
        if each["payload"].get("transportEventTypeCode") == "ARRI"
        and each["payload"]["eventClassifierCode"] == "ACT"
    )  # fmt: skip
    calls = {each["transportCall"]["transportCallReference"] for each in (*expected, arrived)}
    assert expected and len(calls) == 1
    assert arrived["transportCall"]["location"]["locationType"] == "GEOL"
