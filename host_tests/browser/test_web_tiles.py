"""The operator's own map: raster tiles and a vector style from a local server, PMTiles from the agent."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from landbridge.config import Web
from landbridge.core.errors import UserError
from landbridge.web import guard, tiles
from playwright.sync_api import Browser, Page, expect

from host_tests.support.fleet import FIRST, Fleet, Pages, at
from host_tests.support.tiles import MVT, PNG, RAIL, pmtiles, png, tile_server, vector_tile
from host_tests.support.web import MAP, Watched, barriers, drawn, picture, sign_in, until

NUMBERS = count()
GREEN, BLUE = (40, 160, 90), (60, 90, 200)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A device that goes west."""
    made = Fleet(tmp_path_factory.mktemp("tiles"))
    made.deliver(*(at(hour, lat=52_00000, lon=(20 - hour) * 1_00000) for hour in range(1, 6)))
    yield made
    made.database.close()


@contextmanager
def opened(
    launched: Browser, fleet: Fleet, *others: str, **web: Any
) -> Iterator[tuple[Page, Pages, Watched]]:
    """The page of the device, with these settings; the browser complains of other hosts than `others`."""
    with Pages(fleet).served(**web) as served:
        watched = Watched(launched, served.url, *others)
        page = watched.context().new_page()
        sign_in(page, served, served.token(f"anna-{next(NUMBERS)}"))
        page.goto(f"{served.url}/devices/{FIRST}")
        drawn(page, "points")
        yield page, served, watched
        page.context.close()


def of_layers(page: Page) -> list[str]:
    return list(page.evaluate(f"{MAP}.getLayersOrder().filter((id) => id.startsWith('tiles-'))"))


def test_raster_tiles_come_from_their_server_and_no_other_host_is_asked(launched: Browser, fleet: Fleet):
    with tile_server({"/map/": ("image/png", png(*GREEN))}) as (url, asked):
        address = f"{url}/map/{{z}}/{{x}}/{{y}}.png"
        with opened(launched, fleet, url, tiles=address, tiles_credit="Rail Survey") as (page, _, watched):
            until(page, f"{MAP}.isSourceLoaded('tiles-raster') && {MAP}.areTilesLoaded()", "tiles")
            assert asked and all(each.startswith("/map/") for each in asked)
            expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("Rail Survey")
            visibility = f"{MAP}.getLayoutProperty('tiles-raster', 'visibility')"
            page.get_by_text("Layers").click()
            page.get_by_label("Map tiles").uncheck()
            until(page, f"{visibility} === 'none'", "tiles are hidden")
            page.get_by_label("Map tiles").check()
            until(page, f"{visibility} === 'visible'", "tiles are shown again")
            picture(page, "tiles-raster")
            assert barriers(page) == [] and watched.complaints == []


def test_a_vector_style_lies_below_the_track(launched: Browser, fleet: Fleet):
    style: dict[str, Any] = {
        "version": 8,
        "sources": {"rails": {"type": "vector", "tiles": ["/rails/{z}/{x}/{y}.mvt"], "maxzoom": 0}},
        "layers": [
            {"id": "back", "type": "background", "paint": {"background-color": "rgb(60, 90, 200)"}},
            {"id": "rails", "type": "line", "source": "rails", "source-layer": "rails"},
        ],
    }
    answers = {
        "/style.json": ("application/json", json.dumps(style).encode()),
        "/rails/": ("application/vnd.mapbox-vector-tile", vector_tile("rails", RAIL)),
    }
    with tile_server(answers) as (url, asked):
        with opened(launched, fleet, url, tiles=f"{url}/style.json") as (page, _, watched):
            until(page, f"{MAP}.getLayer('tiles-rails') && {MAP}.areTilesLoaded()", "tiles")
            order = page.evaluate(f"{MAP}.getLayersOrder()")
            assert order.index("overview") < order.index("tiles-back") < order.index("tiles-rails")
            assert order.index("tiles-rails") < order.index("track")
            found = f"{MAP}.querySourceFeatures('tiles-rails', {{sourceLayer: 'rails'}})"
            assert until(page, f"{found}[0]?.properties", "its tile") == RAIL
            assert "/rails/0/0/0.mvt" in asked
            picture(page, "tiles-style")
            assert watched.complaints == []


@pytest.mark.parametrize(
    ("kind", "tile", "layers", "drawn_as"),
    [
        (PNG, png(*BLUE), (), ["tiles-file"]),
        (MVT, vector_tile("roads", RAIL), ("roads", "water", "places"),
         ["tiles-water-fill", "tiles-roads-line", "tiles-roads-rail"]),
        (MVT, vector_tile("sidings", RAIL), ("sidings",),
         ["tiles-sidings-fill", "tiles-sidings-line", "tiles-sidings-circle"]),
    ],
)  # fmt: skip
def test_a_pmtiles_file_is_served_in_ranges(
    launched: Browser, fleet: Fleet, tmp_path: Path,
    kind: int, tile: bytes, layers: tuple[str, ...], drawn_as: list[str],
):  # fmt: skip
    path = pmtiles(tmp_path / "map.pmtiles", kind, tile, layers)
    with opened(launched, fleet, tiles=str(path)) as (page, served, watched):
        until(page, f"{MAP}.getLayer('{drawn_as[-1]}') && {MAP}.areTilesLoaded()", "tiles")
        assert of_layers(page) == drawn_as
        expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("Rail Survey")
        if kind == MVT:
            found = f"{MAP}.querySourceFeatures('tiles-file', {{sourceLayer: '{layers[0]}'}})"
            assert until(page, f"{found}[0]?.properties", "its tile") == RAIL
        picture(page, f"tiles-pmtiles-{drawn_as[-1]}")
        assert watched.complaints == []
        address = served.url + page.evaluate("JSON.parse(document.documentElement.dataset.tiles).url")
        request = urllib.request.Request(address, headers={"Range": "bytes=0-6", "Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, answer.read()) == (206, b"PMTiles")
            assert answer.headers["content-range"] == f"bytes 0-6/{path.stat().st_size}"
            assert "immutable" in answer.headers["cache-control"]


def test_without_its_tiles_the_map_says_so_and_stays(launched: Browser, fleet: Fleet):
    with tile_server({}) as (url, _):
        with opened(launched, fleet, url, tiles=f"{url}/style.json") as (page, _, _):
            expect(page.locator(".missing")).to_have_text("A part of the map cannot be loaded.")
            assert of_layers(page) == []


def test_the_policy_names_the_host_of_the_tiles_and_no_other():
    def policy(tiles_are: str) -> str:
        return guard.policy(tiles.origin(Web(tiles=tiles_are)))

    assert "connect-src 'self' https://tiles.example:8443;" in policy(
        "https://tiles.example:8443/{z}/{x}/{y}.png"
    )
    assert "http" not in policy("") and "http" not in policy("/srv/map.pmtiles")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"PMTiles\x02", "is not a PMTiles file of version 3")]
)
def test_an_invalid_file_is_refused_at_the_start(
    fleet: Fleet, tmp_path: Path, content: bytes | None, said: str
):
    path = tmp_path / "map.pmtiles"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said), Pages(fleet).served(tiles=str(path)):
        pass
