"""What the API says of a trip as it went: each test only reads."""

import pytest

from host_tests.support.agent import DEVICE
from host_tests.support.web import CONTAINER, LAST, LATE, Website, on_line

ITS = f"/v1/devices/{DEVICE}"


@pytest.fixture(scope="module")
def keys(web: Website) -> dict[str, str]:
    return {"reader": web.token("reader", "reader"), "acme": web.token("acme", "admin", "acme")}


def test_wakes_come_in_pages(web: Website, keys: dict[str, str]):
    times: list[str] = []
    after = ""
    while True:
        page = web.ask(f"{ITS}/wakes?limit=30{after}", keys["reader"]).json
        times += [each["time"] for each in page["wakes"]]
        assert len(page["wakes"]) <= 30
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    assert len(times) == len(set(times)) == LAST and times == sorted(times)
    part = web.ask(f"{ITS}/wakes?since={times[10]}&until={times[20]}", keys["reader"]).json["wakes"]
    assert [each["time"] for each in part] == times[10:20]
    assert web.ask(f"{ITS}/wakes?cursor=1.2", keys["reader"]).status == 400


def test_an_outline_represents_the_track(web: Website, keys: dict[str, str]):
    whole = web.ask(f"{ITS}/outline", keys["reader"]).json
    assert (whole["count"], whole["step_s"]) == (LAST, 1)
    seqs, lats = summed(whole["columns"]["seq"]), summed(whole["columns"]["lat"])
    assert seqs == list(range(1, LAST + 1)) and lats == [on_line(seq).lat for seq in seqs]
    thin = web.ask(f"{ITS}/outline?most=10", keys["reader"]).json
    assert thin["count"] == LAST and 5 <= len(thin["columns"]["seq"]) <= 10 and thin["step_s"] > 3600
    last = on_line(LAST)
    lat, lon = last.latitude_deg or 0, last.longitude_deg or 0
    near = web.ask(f"{ITS}/outline?box={lon - 0.1},{lat - 0.1},{lon + 0.1},{lat + 0.1}", keys["reader"]).json
    assert summed(near["columns"]["seq"]) == [LAST]
    for box in ("1,2,3", "nan,0,0,0", "0,80,1,70"):
        assert web.ask(f"{ITS}/outline?box={box}", keys["reader"]).status == 400, box


def summed(steps: list[int]) -> list[int]:
    return [sum(steps[: i + 1]) for i in range(len(steps))]


def test_days_and_records_are_served(web: Website, keys: dict[str, str]):
    days = web.ask(f"{ITS}/days", keys["reader"]).json
    assert sum(each["joules"]["position"] for each in days["energy"]) == pytest.approx(
        sum((90 + seq) / 10 for seq in range(1, LAST + 1)), rel=0.01
    )
    assert sum(each["reports"] for each in days["traffic"]) == 4
    assert days["battery_end"] == {"earliest": None, "latest": None}, "it lasts for more than a year"
    answer = web.ask(f"{ITS}/points/{LATE[0]}", keys["reader"]).json
    assert (
        answer["record"]["lat"] == on_line(LATE[0]).lat and answer["feature"]["properties"]["seq"] == LATE[0]
    )
    assert web.ask(f"{ITS}/points/99999", keys["reader"]).status == 404
    for leaf in ("/days", "/points/1", "/events", "/outline", "/card"):
        assert web.ask(ITS + leaf, keys["acme"]).status == 404


def test_a_track_comes_in_pages_that_have_every_point_once(web: Website, keys: dict[str, str]):
    seqs: list[int] = []
    after = ""
    while True:
        page = web.ask(f"/v1/devices/{DEVICE}/track?limit=30{after}", keys["reader"]).json
        assert page["type"] == "FeatureCollection"
        seqs += [each["properties"]["seq"] for each in page["features"]]
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    assert seqs == list(range(1, LAST + 1))
    late = web.ask(f"/v1/devices/{DEVICE}/track", keys["reader"]).json["features"][LATE[0] - 1]["properties"]
    assert late["seq"] == LATE[0] and late["received"][:10] > late["time"][:10]
    since, until = late["time"], "2026-10-14"
    part = web.ask(f"/v1/devices/{DEVICE}/track?since={since}", keys["reader"]).json["features"]
    assert [each["properties"]["seq"] for each in part] == list(range(LATE[0], LAST + 1))
    assert (
        len(web.ask(f"/v1/devices/{DEVICE}/track?until={since}", keys["reader"]).json["features"])
        == LATE[0] - 1
    )
    assert web.ask(f"/v1/devices/{DEVICE}/track?cursor=x", keys["reader"]).status == 400
    assert web.ask(f"/v1/devices/{DEVICE}/track?until={until}T", keys["reader"]).status == 422


def test_the_fleet_and_a_device_are_served(web: Website, keys: dict[str, str]):
    (row,) = web.ask("/v1/devices", keys["reader"]).json["devices"]
    last = on_line(LAST)
    assert row["device"] == DEVICE and row["container"] == CONTAINER
    assert (row["latitude"], row["longitude"]) == (last.latitude_deg, last.longitude_deg)
    assert row["state"] == "moving" and row["battery_mv"] == 3560
    answered = web.ask(f"/v1/devices/{DEVICE}", keys["reader"]).json
    assert answered["country"]["code"] == "KZ" and answered["place"]["km"] < 400
    assert web.ask("/v1/devices/lb-none", keys["reader"]).status == 404
