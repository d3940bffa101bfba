"""Trips, geofences and SIM cards from CSV files and back; trips corrected."""

import json

import pytest
from landbridge.db.database import open_database
from sqlalchemy import text

from host_tests.support.docs import DOCS
from host_tests.support.set_up import command
from tools.world.stage import ROUTE_FILE

TRIPS = """device,container,route,destination,interval_s,tenant,begin,references,tags
lb-1,CSQU3054383,chongqing-duisburg,Duisburg,1800,acme,,order=4711; booking=B-88,cold
lb-2,CSQU0000017,elsewhere,Duisburg,,,,,
"""


@pytest.fixture
def fleet(landbridge):
    for name in ("lb-1", "lb-2", "lb-3"):
        landbridge("devices", "add", name)
    landbridge("routes", "add", "chongqing-duisburg", str(ROUTE_FILE))
    return landbridge


@pytest.fixture
def sheet(tmp_path):
    def written(content: str) -> str:
        (tmp_path / "sheet.csv").write_text(content)
        return "sheet.csv"

    return written


def wrong(*arguments: str) -> list[str]:
    """The lines of a file that is refused."""
    said = command(*arguments)
    assert said.code == 1, said
    return said.out.splitlines()


def test_trips_of_a_file_start_together(fleet, sheet):
    file = sheet(TRIPS)
    assert "all 2 rows are valid" in fleet("trips", "import", file, "--dry-run")
    assert "CSQU" not in fleet("trips", "list")
    said = fleet("trips", "import", file)
    assert said.splitlines()[0] == "started 2 trips" and "route elsewhere is unknown" in said
    assert "acme" in fleet("trips", "list") and "order=4711" in fleet("trips", "show", "1")
    rows = fleet("trips", "export", "--tag", "cold").splitlines()
    assert rows[0] == TRIPS.splitlines()[0] and len(rows) == 2
    assert rows[1].startswith("lb-1,CSQU3054383,chongqing-duisburg,Duisburg,1800,acme,")
    assert rows[1].endswith(",order=4711; booking=B-88,cold")
    fleet("trips", "end", "lb-1")
    assert len(fleet("trips", "export").splitlines()) == 2
    assert len(fleet("trips", "export", "--all").splitlines()) == 3


@pytest.mark.parametrize("between", [";", "\t"])
def test_csv_with_semicolons_or_tabs_is_read(fleet, tmp_path, between):
    """With a byte order mark, an empty line, and semicolons for commas."""
    for name, content in (
        ("devices", "\ndevice,tags\nlb-4,冷藏 重庆\n"),
        ("route", "name,country,lat,lon,kind\nChongqing,CN,29.6,106.5,hub\nDuisburg,DE,51.4,6.7,hub\n"),
    ):
        saved = content.replace(",", between).replace("\n", "\r\n")
        (tmp_path / f"{name}.csv").write_bytes(saved.encode("utf-8-sig"))
    assert "added 1 device" in fleet("devices", "import", str(tmp_path / "devices.csv"))
    assert "冷藏 重庆" in fleet("devices", "list")
    assert "2 stations" in fleet("routes", "add", "short", str(tmp_path / "route.csv"))


@pytest.mark.parametrize(("between", "point"), [(";", ","), ("\t", ","), (",", ".")])
def test_csv_of_a_spreadsheet_of_another_country_is_read(fleet, sheet, between, point):
    """Its first line names what separates the cells, and a fraction has the country's comma."""

    def saved(*rows):
        lines = (each.replace(",", between).replace(".", point) for each in rows)
        return sheet("\n".join(["", f"sep={between}", *lines, ""]))

    stations = saved(
        "name,country,lat,lon,kind,km", "Chongqing,CN,29.6,106.5,hub,0", "Duisburg,DE,51.4,6.7,hub,9.5"
    )
    assert "2 stations, 10 km" in fleet("routes", "add", "short", stations)
    yards = saved("name,latitude,longitude,radius_m", "Hof,51.45,6.7,90.5", "Yard,x,6.7,1")
    assert wrong("geofences", "import", yards)[0].startswith("sheet.csv, line 5, column latitude: 'x'")
    yards = saved("name,latitude,longitude,radius_m", "Hof,51.45,6.7,90.5")
    assert "added 1 geofence" in fleet("geofences", "import", yards)


def test_a_comma_within_a_number_is_a_decimal_one_only_where_cells_are_separated_otherwise(fleet, sheet):
    yards = sheet('name,latitude,longitude,radius_m\nHof,"51,45",6.7,90\n')
    assert "column latitude: '51,45' is not a number" in wrong("geofences", "import", yards)[0]


@pytest.mark.parametrize("between", [";", "\t"])
@pytest.mark.parametrize("number", ["1,234", "1,234.5"])
def test_a_comma_that_may_separate_thousands_is_refused(fleet, sheet, between, number):
    def lines(*rows):
        return sheet("\n".join(each.replace("|", between) for each in rows))

    yards = lines("name|latitude|longitude|radius_m", f"Hof|51,451|6,7|{number}")
    assert wrong("geofences", "import", yards)[0] == (
        f"sheet.csv, line 2, column radius_m: the comma in '{number}' may separate thousands;"
        f" write it with a decimal point and without a comma, like {number.replace(',', '')}"
    )
    heads, first = "name|country|lat|lon|kind|km", "Chongqing|CN|29,562|106,5|hub|0"
    said = command("routes", "add", "short", lines(heads, first, f"Duisburg|DE|51,4|6,7|hub|{number}"))
    assert said.code == 2 and f"row 3, column km: the comma in '{number}' may separate" in said.err
    assert "2 stations, 1 km" in fleet(
        "routes", "add", "short", lines(heads, first, "Duisburg|DE|51,4|6,7|hub|0,734")
    )


def test_exported_cells_never_begin_a_formula(fleet, sheet):
    fleet("trips", "import", sheet(TRIPS.replace("elsewhere,Duisburg", "elsewhere,'=1+1")))
    assert "=1+1" in fleet("trips", "show", "2") and "'=1+1" not in fleet("trips", "show", "2")
    assert ",elsewhere,'=1+1," in fleet("trips", "export")


def test_each_wrong_trip_is_named_with_line_and_column(fleet, sheet):
    fleet("trips", "start", "lb-3", "--container", "CSQU0000022", "--route", "r", "--destination", "D")
    fleet("devices", "add", "lb-4")
    fleet("devices", "retire", "lb-4", "--yes")
    file = sheet(
        TRIPS.splitlines()[0] + "\n"
        "lb-9,CSQU3054383,r,D,,,,,\n"
        "lb-1,CSQU3054384,r,D,,,,,\n"
        "lb-2,CSQU3054383,chongqing-duisbrg,D,,,,,\n"
        "lb-3,CSQU3054383,r,D,,,,,\n"
        "lb-4,CSQU3054383,r,D,,,,,\n"
        "lb-5,CSQU3054383,r,D,1,,,,\n"
        "lb-1,CSQU0000017,r,D,,,soon,,\n"
    )
    lines = wrong("trips", "import", file)
    assert [line.partition(": ")[0] for line in lines[:-1]] == [
        "sheet.csv, line 2, column device",
        "sheet.csv, line 3, column container",
        "sheet.csv, line 4, column route",
        "sheet.csv, line 5, column device",
        "sheet.csv, line 6, column device",
        "sheet.csv, line 7, column interval_s",
        "sheet.csv, line 8, column device",
    ], lines
    assert "is it 'chongqing-duisburg'?" in lines[2] and "is on trip 1" in lines[3]
    assert lines[-1] == "nothing has changed: 7 of 7 rows are invalid"
    assert fleet("trips", "list").count("CSQU") == 1


def test_a_container_twice_in_a_file_is_refused(fleet, sheet):
    head = TRIPS.splitlines()[0]
    lines = wrong("trips", "import", sheet(f"{head}\nlb-1,CSQU3054383,r,D,,,,,\nlb-2,CSQU3054383,r,D,,,,,\n"))
    assert lines[0].startswith("sheet.csv, line 3") and "CSQU3054383 is on lb-1" in lines[0]


def test_a_trip_is_corrected(fleet):
    fleet("trips", "start", "lb-1", "--container", "CSQU0000017", "--route", "r", "--destination", "Duisbrg")
    database = open_database(fleet.folder / "landbridge.sqlite3")
    with database.writing() as connection:
        connection.execute(text("UPDATE devices SET recompute_from_s = NULL"))
        connection.execute(text("UPDATE trips SET expected = '{}'"))
    said = fleet(
        "trips", "edit", "1", "--container", "CSQU3054383", "--route", "chongqing-duisburg",
        "--destination", "Duisburg", "--tag", "cold", "--reference", "order=1",
    )  # fmt: skip
    assert "is corrected" in said and "unknown" not in said
    with database.reading() as connection:
        row = connection.execute(text("SELECT * FROM trips")).one()
        marked = connection.execute(text("SELECT recompute_from_s FROM devices WHERE device = 'lb-1'"))
        assert marked.scalar_one() == row.started_s
        assert connection.execute(text("SELECT count(*) FROM route_data")).scalar_one() == 1
    assert (row.container, row.route, row.destination) == ("CSQU3054383", "chongqing-duisburg", "Duisburg")
    assert json.loads(row.tags) == ["cold"] and json.loads(row.customer) == {"order": "1"}
    assert row.expected is None
    database.close()


def test_a_trip_of_the_operator_gets_a_tenant(fleet):
    trip = ("--container", "CSQU0000017", "--route", "chongqing-duisburg", "--destination", "Duisburg")
    fleet("trips", "start", "lb-1", *trip)
    fleet("trips", "edit", "1", "--tenant", "acme")
    assert fleet("trips", "list").splitlines()[1].endswith("acme")
    fleet("trips", "edit", "1", "--tenant", "acme", "--tag", "cold")
    assert "trip 1 is of acme, and what a tenant has seen or ordered ends" in fleet.fails(
        "trips", "edit", "1", "--tenant", "bolt"
    )
    assert "cannot be" in fleet.fails("trips", "edit", "1", "--tenant", "a/b")


def test_a_correction_that_cannot_be_is_refused(fleet):
    for device, container in (("lb-1", "CSQU0000017"), ("lb-2", "CSQU3054383")):
        fleet("trips", "start", device, "--container", container, "--route", "r", "--destination", "D")
    assert "no trip 9" in fleet.fails("trips", "edit", "9", "--destination", "X")
    assert "is on lb-2, trip 2" in fleet.fails("trips", "edit", "1", "--container", "CSQU3054383")
    assert "is it 'chongqing-duisburg'?" in fleet.fails("trips", "edit", "1", "--route", "chongqing-duisbur")
    assert "is it 'chongqing-duisburg'?" in fleet.fails(
        "trips", "start", "lb-3", "--container", "CSQU0000022", "--route", "chongqing-dusiburg",
        "--destination", "D",
    )  # fmt: skip
    assert "give a change" in fleet.fails("trips", "edit", "1")
    assert "the destination is empty" in fleet.fails("trips", "edit", "1", "--destination", " ")
    fleet("trips", "end", "lb-1")
    assert "has ended" in fleet.fails("trips", "edit", "1", "--interval", "1800")
    assert "route odd is unknown" in fleet("trips", "edit", "1", "--route", "odd")


def test_geofences_of_a_file(fleet, sheet):
    content = (
        "name,latitude,longitude,radius_m,tenant\nDuisburg,51.45,6.73,1500.0,\nYard,51.4,6.7,300.0,acme\n"
    )
    fleet("geofences", "import", sheet(content))
    assert fleet("geofences", "export") == content
    lines = wrong("geofences", "import", sheet(content.replace("Yard,51.4", "Yard 2,91")))
    assert lines == [
        "sheet.csv, line 2, column name: geofence Duisburg already exists",
        "sheet.csv, line 3, column latitude: 91 is not between -90 and 90",
        "nothing has changed: 2 of 2 rows are invalid",
    ]


SIMS = """iccid,controls,holder,purpose,stage,profiles,imsis
8931440400012345678,resold,ACME Rail,tracker,test,8931440400012345686,204046789012345
8931440400012345694,resold,ACME Rail,tracker,stock,,
"""


def test_cards_of_a_file(fleet, sheet, tmp_path):
    (tmp_path / "controls.toml").write_text((DOCS / "guide" / "controls.toml").read_text())
    fleet("controls", "set", "controls.toml")
    fleet("sims", "import", sheet(SIMS))
    assert fleet("sims", "export") == SIMS
    lines = wrong(
        "sims",
        "import",
        sheet(SIMS + "893144040001234570x,resold,A,t,stock,,\n893144040001234570,x,A,t,lost,,\n"),
    )
    assert [line.partition(": ")[0] for line in lines[:-1]] == [
        "sheet.csv, line 2, column iccid",
        "sheet.csv, line 3, column iccid",
        "sheet.csv, line 4, column iccid",
        "sheet.csv, line 5, column stage",
    ], lines


USERS = "name,role,tenant,mail\nanna,admin,,\nben,reader,acme,ben@example.org\n"


def test_users_of_a_file_are_invited(fleet, sheet):
    assert "/invitation#" not in fleet("users", "import", sheet(USERS), "--dry-run")
    said = fleet("users", "import", sheet(USERS))
    assert said.count("/invitation#") == 2  # no mail server took the other one
    assert fleet("users", "export") == USERS
    bad = "Carl!,reader,,\ndora,boss,,\nemil,reader,,x@\nfay,reader,-,\n"
    lines = wrong("users", "import", sheet(USERS + bad))
    assert [line.partition(": ")[0] for line in lines[:-1]] == [
        "sheet.csv, line 2, column name",
        "sheet.csv, line 3, column name",
        "sheet.csv, line 4, column name",
        "sheet.csv, line 5, column role",
        "sheet.csv, line 6, column mail",
        "sheet.csv, line 7, column tenant",
    ], lines


def test_trips_end_by_tag(fleet, sheet):
    fleet("trips", "import", sheet(TRIPS))
    fleet("devices", "tag", "lb-2", "lb-3", "--add", "cold")
    ended = fleet("trips", "end", "--tag", "cold").splitlines()
    assert [line.split()[3] for line in ended] == ["lb-1", "lb-2"]  # lb-3 is on none
    assert "lb-3 is not on a trip" in fleet.fails("trips", "end", "lb-3")
    assert "give a device, or a tag with --tag" in fleet.fails("trips", "end")
    assert "has the tag 'warm'" in fleet.fails("trips", "end", "--tag", "warm")


POLICY = """
fallback = "roaming"
[profile.roaming]
iccid = "8931440400012345678"
apn = "iot.example"
[countries]
elsewhere = ["roaming"]
"""


def test_a_retired_device_gets_no_policy(fleet):
    fleet("devices", "retire", "lb-2", "--yes")
    (fleet.folder / "policy.toml").write_text(POLICY)
    assert "of 2 devices" in fleet("esim", "set-policy", "policy.toml", "--all")
    fleet("devices", "tag", "lb-3", "--add", "cold")
    assert "0 of 1 devices" in fleet("esim", "set-policy", "policy.toml", "--tag", "cold")
    assert "was retired" in fleet.fails("esim", "set-policy", "policy.toml", "lb-2")
    assert "give devices, --all or --tag" in fleet.fails("esim", "set-policy", "policy.toml")
