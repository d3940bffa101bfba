"""The page for platforms: its program starts a trip and learns of the arrival."""

import json

import pytest
import requests
from landbridge.core.clock import Clock
from landbridge.features.geofences import queries as geofences

from host_tests.support.agent import point
from host_tests.support.docs import DOCS, blocks
from host_tests.support.fleet import Fleet, Pages

DUISBURG = json.dumps({"type": "Point", "coordinates": [6.76, 51.43]})
PROGRAMS = [
    program
    for name in ("platform.md", "platform.zh-CN.md")
    for program in blocks((DOCS / "start" / name).read_text(), "python")
]


def test_it_is_the_same_in_both_languages():
    assert len(PROGRAMS) == 2 and PROGRAMS[0] == PROGRAMS[1]
    assert len(PROGRAMS[0].splitlines()) <= 11  # ten after the imports


def test_the_program_waits_for_the_arrival(fleet: Fleet, monkeypatch, capsys):
    waited = []

    def goes_on(seconds: float) -> None:
        """Meanwhile the container arrives."""
        waited.append(seconds)
        assert len(waited) < 9, "it does not arrive"
        now_s = Clock().now_s()
        if len(waited) == 2:
            places = [(50_00000, 8_00000)] * 3 + [(51_43000, 6_76000)] * 12
            taken = [
                point(seq, time=now_s + 3600 * seq, lat=lat, lon=lon, speed=0)
                for seq, (lat, lon) in enumerate(places, 1)
            ]
            fleet.deliver(*taken, now_s=now_s + 20 * 3600)

    pages = Pages(fleet)
    with fleet.database.writing() as connection:
        geofences.add(connection, "Duisburg", DUISBURG, 2_000, 1)
    with pages.served():
        monkeypatch.setenv("LANDBRIDGE", pages.url)
        monkeypatch.setenv("TOKEN", pages.token("tms", "operator"))
        program = PROGRAMS[0].replace("time.sleep", "goes_on")  # not the sleep of the server's threads
        exec(program, {"goes_on": goes_on})
        assert capsys.readouterr().out.startswith("CSQU3054383 arrived in Duisburg at 20")
        assert waited == [600, 600]
        monkeypatch.setenv("TOKEN", pages.token("mine", "operator"))
        with pytest.raises(SystemExit, match=r"ended at|on trip|was on"):
            exec(program.replace("order-4711", "order-4712"), {"goes_on": goes_on})


def test_the_program_ends_when_a_person_ends_the_trip(fleet: Fleet, monkeypatch, capsys):
    pages = Pages(fleet)
    with pages.served():
        token = pages.token("tms", "operator")
        monkeypatch.setenv("LANDBRIDGE", pages.url)
        monkeypatch.setenv("TOKEN", token)
        waited = []

        def goes_on(seconds: float) -> None:
            waited.append(seconds)
            assert len(waited) == 1, "it does not end"
            trips, bearer = f"{pages.url}/v1/trips", {"Authorization": f"Bearer {token}"}
            (trip,) = requests.get(trips, headers=bearer, timeout=60).json()["trips"]
            requests.post(f"{trips}/{trip['trip']}/end", headers=bearer, timeout=60).raise_for_status()

        exec(PROGRAMS[0].replace("time.sleep", "goes_on"), {"goes_on": goes_on})
    assert capsys.readouterr().out.startswith("CSQU3054383 ended before Duisburg at 20")
