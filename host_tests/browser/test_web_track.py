"""Implausible points of a track on the map: next to the line, or not shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from host_tests.support.fleet import FIRST, Fleet, Pages, at
from host_tests.support.web import MAP, Watched, drawn, sign_in


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A device that goes west; the last fix is far off, as the one before, which says 0,0 with an alarm."""
    folder: Path = tmp_path_factory.mktemp("track")
    fleet = Fleet(folder)
    fleet.deliver(*(at(hour, lat=52_00000, lon=(20 - hour) * 1_00000) for hour in range(1, 6)))
    fleet.deliver(at(6, lat=0, lon=0, events=1), at(7, lat=10_00000, lon=10_00000, sats=3, hdop=90))
    with Pages(fleet).served() as made:
        yield made
    fleet.database.close()


def test_flagged_points_are_not_on_the_line(web: Pages, browser: Watched):
    page: Page = browser.context().new_page()
    sign_in(page, web, web.token("anna"))
    page.goto(f"{web.url}/devices/{FIRST}")
    drawn(page, "points")
    track = """async () => {
        const map = document.getElementById('map').map;
        const data = (source) => map.getSource(source).getData();
        const of = async (source) => [await data(source)].flatMap((it) => it.features ?? it);
        return {
            line: (await of('lines')).flatMap(({ geometry }) => geometry.coordinates),
            points: (await of('points')).map(({ properties: { seq, doubtful } }) => [seq, doubtful]),
            here: (await of('here'))[0].geometry.coordinates,
            events: (await of('events')).length,
        };
    }"""
    found = page.evaluate(track)
    assert {lat for _, lat in found["line"]} == {52} and found["here"] == [15, 52]
    assert found["points"] == [[seq, seq == 7] for seq in (1, 2, 3, 4, 5, 7)]
    south = page.evaluate(f"{MAP}.getBounds().getSouth()")
    assert south > 10, "the map is not made for points that are not to be believed"
    page.context.close()
