"""The pages of geofences and of routes: draw, import, name, change, remove, and test on past tracks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from landbridge.features.geofences import queries as geofences
from landbridge.features.routes.queries import routes
from playwright.sync_api import Browser, Dialog, Page, expect

from host_tests.support.fleet import Fleet, Pages, at
from host_tests.support.web import (
    MAP,
    Watched,
    barriers,
    drawn,
    opens,
    picture,
    place_on_screen,
    sign_in,
    until,
)

pytestmark = pytest.mark.slow
CORNERS = [[14.5, 51.5], [17.5, 51.5], [17.5, 52.5], [14.5, 52.5], [14.5, 51.5]]
YARD = {"type": "Polygon", "coordinates": [CORNERS]}
CSV = 'name,country,lat,lon,kind,km,chinese\n"East, yard",PL,52.0,19.0,yard,0,\nWest,PL,52.0,15.0,yard,289,\n'
WRONG = "name,country,lat,lon,kind\nA,PL,52,19,yard\nB,PL,91,18,yard\n"
RAISED = "It would have raised 2 events on 1 of the newest 1 trips."
ON_ROUTE = "7 of 7 positions of the newest trips. Trips that touch it: 1."
LINE = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"name": name, "country": "PL", "kind": "yard"},
         "geometry": {"type": "Point", "coordinates": [lon, 52.0]}}
        for name, lon in (("East, yard", 19.0), ("West", 15.0))
    ],
}  # fmt: skip


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A container that goes west; new for each test, for these change what there is."""
    made = Fleet(tmp_path)
    made.trip("CSQU3054383", 0, None, "acme")
    made.deliver(*(at(hour, lat=52_00000, lon=(20 - hour) * 1_00000) for hour in range(1, 8)))
    yield made
    made.database.close()


@pytest.fixture
def yard(fleet: Fleet) -> str:
    """The name of a geofence that is there already."""
    with fleet.database.writing() as connection:
        geofences.add(connection, "Poznań yard", json.dumps(YARD), 0, 1)
    return "Poznań yard"


@pytest.fixture
def web(fleet: Fleet) -> Iterator[Pages]:
    with Pages(fleet).served() as made:
        yield made


@pytest.fixture
def browser(launched: Browser, web: Pages) -> Watched:
    return Watched(launched, web.url)


@pytest.fixture
def page(browser: Watched, web: Pages) -> Iterator[Page]:
    """Of an operator who agrees to every question."""
    made = browser.context().new_page()

    def agree(dialog: Dialog) -> None:
        dialog.accept()

    made.on("dialog", agree)
    sign_in(made, web, web.token("anna", "operator"))
    yield made
    made.context.close()


def click_map(page: Page, lon: float, lat: float) -> None:
    """Click where this place is on the map."""
    page.mouse.click(*place_on_screen(page, lon, lat))


def names(fleet: Fleet) -> list[str]:
    with fleet.database.reading() as connection:
        return [row.name for row in geofences.every(connection) if row.removed_s is None]


def test_a_geofence_is_drawn_tried_and_kept(web: Pages, fleet: Fleet, page: Page):
    page.goto(f"{web.url}/geofences")
    expect(page.get_by_text("No geofences yet")).to_be_visible()
    until(page, f"{MAP}?.getLayer('raised') !== undefined", "a map")
    page.evaluate(f"{MAP}.jumpTo({{center: [16, 52], zoom: 6}})")
    page.get_by_role("button", name="Polygon").click()
    for lon, lat in ((14.6, 51.6), (17.4, 51.6), (17.4, 52.4), (14.6, 52.4)):
        click_map(page, lon, lat)
    expect(page.locator(".corner")).to_have_count(4)
    page.get_by_role("button", name="Test on past trips").click()
    expect(page.locator("#tried")).to_contain_text(RAISED)
    drawn(page, "raised")
    picture(page, "geofences-drawn")
    assert barriers(page) == []
    page.locator("[name=name]").first.fill("Poznań yard")
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("tbody tr")).to_have_count(1)
    assert names(fleet) == ["Poznań yard"]


def test_a_geofence_is_imported_changed_and_removed(
    web: Pages, fleet: Fleet, yard: str, page: Page, tmp_path: Path
):
    page.goto(f"{web.url}/geofences")
    until(page, f"{MAP}?.getLayer('raised') !== undefined", "a map")
    file = tmp_path / "yard.geojson"
    circle = {"type": "Feature", "properties": {"radius_m": 5000, "name": "Gubin"},
              "geometry": {"type": "Point", "coordinates": [14.7, 51.95]}}  # fmt: skip
    file.write_text(json.dumps(circle))
    page.get_by_text("Import from GeoJSON").click()
    page.get_by_label("File").set_input_files(file)
    expect(page.locator("[name=name]").first).to_have_value("Gubin")
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tr", has_text="Gubin").get_by_role("button", name="Edit").click()
    expect(page.get_by_role("heading", name="Change Gubin")).to_be_visible()
    page.get_by_label("Circle: radius").fill("9000")
    page.locator("[name=name]").first.fill("Gubin terminal")
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("tr", has_text="Gubin terminal")).to_contain_text("9,000 m")
    with fleet.database.reading() as connection:
        kept = [(row.name, row.removed_s is None) for row in geofences.every(connection)]
    assert kept == [(yard, True), ("Gubin", False), ("Gubin terminal", True)]
    picture(page, "geofences", full_page=True)
    opens(page, page.locator("tr", has_text="Gubin terminal").get_by_role("button", name="Remove"))
    expect(page.locator("tbody tr")).to_have_count(1)
    assert names(fleet) == [yard]


def test_an_invalid_geofence_form_keeps_its_fields(web: Pages, yard: str, page: Page):
    page.goto(f"{web.url}/geofences")
    page.locator("[name=name]").first.fill("poznań YARD")
    page.get_by_text("Import from GeoJSON").click()
    page.locator("textarea").fill(json.dumps(YARD))
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator(".wrong")).to_contain_text(f"{yard} already exists; choose another name")
    expect(page.locator("textarea")).to_have_value(json.dumps(YARD, separators=(",", ":")))
    page.get_by_text("Import from GeoJSON").click()
    page.locator("textarea").fill('{"type": "Point"')
    page.get_by_role("button", name="Test on past trips").click()
    expect(page.locator("#tried .wrong")).to_contain_text("GeoJSON")
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("form .wrong")).to_contain_text("GeoJSON")


def test_a_reader_sees_geofences_and_changes_none(web: Pages, yard: str, browser: Watched):
    made = browser.context().new_page()
    sign_in(made, web, web.token("rita"))
    made.goto(f"{web.url}/geofences")
    expect(made.locator("tbody tr")).to_have_count(1)
    expect(made.locator("form#form")).to_have_count(0)
    expect(made.get_by_role("button", name="Remove")).to_have_count(0)
    made.context.close()
    assert web.ask("/geofences/1/remove", web.token("rita2"), "POST")[0] in (400, 403, 422)


def test_a_tenant_sees_no_geofence_of_another(web: Pages, fleet: Fleet):
    with fleet.database.writing() as connection:
        number = geofences.add(connection, "Secret depot", json.dumps(YARD), 0, 1)
        geofences.give_to(connection, number, "acme")
    assert "Secret depot" in web.ask("/geofences", web.token("acme-1", tenant="acme"))[1]
    assert "Secret depot" not in web.ask("/geofences", web.token("zeta-1", tenant="zeta"))[1]


def test_a_route_is_drawn_imported_tried_and_kept(web: Pages, fleet: Fleet, page: Page, tmp_path: Path):
    page.goto(f"{web.url}/routes")
    until(page, f"{MAP}?.loaded()", "a map")
    page.get_by_role("button", name="Clear").click()
    page.evaluate(f"{MAP}.jumpTo({{center: [17, 52], zoom: 6}})")
    for lines, lon in ((2, 19.0), (3, 15.0)):
        click_map(page, lon, 52.0)
        rows = "document.querySelector('textarea').value.trim().split('\\n').length"
        until(page, f"{rows} === {lines}", "a station")
    first, second = page.locator("textarea").input_value().splitlines()[1:]
    assert ",PL,5" in first and ",PL,5" in second and ",yard,," in first
    drawn(page, "stations")
    file = tmp_path / "rails.geojson"
    file.write_text(json.dumps(LINE))
    page.get_by_label("File").set_input_files(file)
    expect(page.locator("textarea")).to_have_value(CSV)
    expect(page.locator("[name=name]").first).to_have_value("rails")
    page.get_by_role("button", name="Check against recent positions").click()
    expect(page.locator("#tried")).to_contain_text(ON_ROUTE)
    picture(page, "routes-drawn")
    assert barriers(page) == []
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("tr", has_text="rails")).to_contain_text("East, yard")
    page.locator("tr", has_text="rails").get_by_role("button", name="Edit").click()
    page.locator("[name=name]").first.fill("Poland west")
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("tr", has_text="Poland west")).to_be_visible()
    with fleet.database.reading() as connection:
        assert [each.route for each in routes.every(connection)] == ["Poland west"]
    picture(page, "routes", full_page=True)
    sheet = tmp_path / "west.csv"
    saved = CSV.replace(",", ";").replace("East; yard", "East, yard").replace("52.0", "52,5")
    sheet.write_text(f"sep=;\r\n{saved}")
    page.get_by_label("File").set_input_files(sheet)
    expect(page.locator("textarea")).to_have_value(CSV.replace("52.0", "52.5"))
    opens(page, page.locator("tr", has_text="Poland west").get_by_role("button", name="Remove"))
    expect(page.locator("tr", has_text="Poland west")).to_have_count(0)


def test_a_station_that_is_wrong_is_named(web: Pages, page: Page):
    page.goto(f"{web.url}/routes")
    page.locator("[name=name]").first.fill("bad")
    page.locator("textarea").fill(WRONG)
    page.locator("textarea").blur()
    expect(page.locator("#tried .wrong")).to_contain_text("row 3, column lat")
    opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("form .wrong")).to_contain_text("row 3, column lat")
    expect(page.locator("textarea")).to_have_value(WRONG)


def test_a_route_that_is_refused_for_its_name_is_still_drawn(web: Pages, page: Page):
    page.goto(f"{web.url}/routes")
    for lat in ("52.0", "45.0"):
        page.locator("[name=name]").first.fill("rails")
        page.locator("textarea").fill(CSV.replace("52.0", lat))
        opens(page, page.get_by_role("button", name="Save"))
    expect(page.locator("form .wrong")).to_contain_text("rails already exists")
    until(page, f"Math.abs({MAP}?.getCenter().lat - 45) < 1", "the stations of the form")


def test_the_pages_fit_on_a_phone_in_the_dark_and_in_chinese(web: Pages, yard: str, browser: Watched):
    made = browser.context(viewport={"width": 360, "height": 740}, color_scheme="dark").new_page()
    sign_in(made, web, web.token("dora", "operator"))
    for name in ("geofences", "routes"):
        made.goto(f"{web.url}/{name}?language=zh")
        until(made, f"{MAP}?.loaded()", "a map")
        picture(made, f"{name}-phone-dark-chinese", full_page=True)
        assert made.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert barriers(made) == [], name
    made.context.close()
