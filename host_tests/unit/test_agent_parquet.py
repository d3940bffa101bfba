"""Points and events as Parquet: all rows, by day and tenant, read again by pyarrow."""

from __future__ import annotations

import datetime
import json
import urllib.request
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet
from landbridge.core.clock import iso
from landbridge.features.exports import parquet

from host_tests.support.fleet import FIRST, SECOND, Fleet, Pages, at
from host_tests.support.trips import BEGIN_S, HOUR_S
from tools.verify.benchmarks import parquet as benchmark

ALL = (0, 2**31)


def test_every_row_is_in_the_file_of_its_day_and_tenant(fleet: Fleet, tmp_path: Path):
    trip = fleet.trip("CSQU3054383", 0, 30, "acme")
    fleet.deliver(at(1), at(5, events=1), at(29), at(40))
    fleet.deliver(at(2, kind=2), device=SECOND)
    written = parquet.write_folder(fleet.database, tmp_path, None, ALL)
    table = pyarrow.dataset.dataset(tmp_path / "points", partitioning="hive").to_table()
    rows = sorted(table.to_pylist(), key=lambda row: (row["device"], row["seq"]))
    assert written["points"] == len(rows) == 5
    assert [(row["device"], row["seq"], row["tenant"], row["trip"]) for row in rows] == [
        (FIRST, 1, "acme", trip), (FIRST, 5, "acme", trip), (FIRST, 29, "acme", trip),
        (FIRST, 40, "operator", None), (SECOND, 2, "operator", None),
    ]  # fmt: skip
    assert (rows[0]["latitude"], rows[0]["longitude"]) == (29.56301, 106.55156)
    assert rows[4]["latitude"] is None
    begin = datetime.datetime.fromisoformat(str(iso(BEGIN_S + HOUR_S)))
    assert rows[0]["time"] == begin
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("points/**/*.parquet"))
    assert len(files) == 4 and files[0] == f"points/tenant=acme/day={begin.date()}.parquet"
    for file in files:
        day = {
            row["time"].date().isoformat() for row in pyarrow.parquet.read_table(tmp_path / file).to_pylist()
        }
        assert [f"day={each}.parquet" for each in day] == [Path(file).name]
    (event,) = [row for row in _events(tmp_path) if row["type"] == "alarm"]
    assert (event["tenant"], json.loads(event["content"])["alarm"]) == ("acme", "light")


def _events(folder: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (
        pyarrow.dataset.dataset(folder / "events", partitioning="hive").to_table().to_pylist()
    )
    return found


def test_a_tenant_and_a_day_get_their_rows_only_and_a_day_is_written_whole_again(
    fleet: Fleet, tmp_path: Path
):
    fleet.trip("CSQU3054383", 0, 30, "acme")
    fleet.deliver(at(1), at(5), at(40))
    day_s = BEGIN_S // 86_400 * 86_400
    for count in (2, 3):
        assert (
            parquet.write_folder(fleet.database, tmp_path, "acme", (day_s, day_s + 86_400))["points"] == count
        )
        fleet.deliver(at(3))
    assert sum(1 for _ in tmp_path.rglob("points/**/*.parquet")) == 1 and not list(tmp_path.rglob("*.part"))


def test_the_api_gives_a_day_as_a_file(fleet: Fleet, tmp_path: Path):
    fleet.trip("CSQU3054383", 0, 3, "acme")
    fleet.deliver(at(1), at(5))
    pages = Pages(fleet)
    day = str(iso(BEGIN_S))[:10]
    with pages.served():
        for tenant, count in (("acme", 1), (None, 2)):
            address = f"{pages.url}/v1/days/{day}/points.parquet"
            headers = {"Authorization": f"Bearer {pages.token(tenant or 'all', tenant=tenant)}"}
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
                assert answer.headers["content-type"] == parquet.MEDIA_TYPE
                (tmp_path / "day.parquet").write_bytes(answer.read())
            assert pyarrow.parquet.read_table(tmp_path / "day.parquet").num_rows == count


def test_the_benchmark_reads_all_rows_stored(tmp_path: Path):
    out = tmp_path / "figures.json"
    assert benchmark.main(["--devices", "3", "--days", "4", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["rows_read"] == 48
