"""The `landbridge` command: its results, and one clear line for each bad input."""

import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest
from landbridge.core.errors import UserError
from landbridge.features.trips.container import container_number

from host_tests.support.agent import (
    BROKER_HOST,
    DEVICE,
    NOW_S,
    WAIT_S,
    Installation,
    point,
    set_clock,
    wait_until,
)
from host_tests.support.command import SETTINGS, Command
from tools.world.services import certificates

GROUPS = (
    "devices", "trips", "events", "routes", "geofences", "coverage", "updates", "esim", "settings",
    "commands", "share-links", "tokens", "users", "alarms", "audit", "controls", "sims", "integrations",
    "notifications", "reports", "broker", "cells", "dead-letters",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _this_process_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)


def test_adds_a_device_and_never_prints_its_key(landbridge):
    out = landbridge("devices", "add", DEVICE)
    folder = landbridge.folder / "devices" / DEVICE
    settings = json.loads((folder / "device.json").read_text())
    assert settings["device"] == DEVICE
    assert settings["broker_host"] == BROKER_HOST
    assert settings["broker_port"] == 8883
    assert len(bytes.fromhex(settings["key"])) == 32
    assert (folder / "device.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "ca.pem").read_bytes() == (landbridge.folder / "ca.pem").read_bytes()
    out += landbridge("devices", "list") + landbridge("devices", "show", DEVICE)
    for secret in (settings["key"], settings["broker_password"]):
        assert secret not in out


def test_a_device_is_not_added_without_a_broker(landbridge):
    text = SETTINGS.format(folder=landbridge.folder).replace(f'broker_host = "{BROKER_HOST}"', "")
    (landbridge.folder / "landbridge.toml").write_text(text)
    for _ in range(2):
        assert "[devices] broker_host" in landbridge.fails("devices", "add", DEVICE)
        assert not (landbridge.folder / "devices").exists()
        (landbridge.folder / "landbridge.toml").write_text(landbridge("config"))


def test_a_login_of_the_access_point(landbridge, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_DEVICES_APN_USER", "iot")
    monkeypatch.setenv("LANDBRIDGE_DEVICES_APN_PASSWORD", "it is")
    landbridge("devices", "add", DEVICE)
    settings = json.loads((landbridge.folder / "devices" / DEVICE / "device.json").read_text())
    assert (settings["apn_user"], settings["apn_password"]) == ("iot", "it is")
    monkeypatch.setenv("LANDBRIDGE_DEVICES_APN_USER", 'a"b')
    assert "printable ASCII without quotes" in landbridge.fails("devices", "add", "lb-2")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("trips start lb-1", "Missing option '--container', option '--route', option '--destination'; see"),
        ("trips start --route r", "Missing argument 'device', option '--container', option '--destination'"),
        ("trips start lb-1 --container X --route r", "Missing option '--destination'; see"),
        ("export", "Missing argument 'device'; see `landbridge export --help`"),
        ("trips start --wrong", "No such option: --wrong"),
        ("trips start --interval x", "Invalid value for '--interval'"),
    ],
)
def test_all_that_is_missing_is_named(landbridge, given, said):
    assert said in landbridge.fails(*given.split())
    assert "Usage:" in landbridge(*given.split()[:2], "--help")


def test_trips(landbridge):
    landbridge("devices", "add", DEVICE)
    start = ("trips", "start", DEVICE, "--route", "north", "--destination", "Duisburg")
    landbridge(*start, "--container", "csqu 305438-3", "--interval", "900", "--route", "重庆　杜伊斯堡")
    assert "CSQU3054383" in landbridge("devices", "list")
    assert "on trip 1" in landbridge.fails(*start, "--container", "CSQU3054383")
    landbridge("trips", "end", DEVICE)
    assert "not on a trip" in landbridge.fails("trips", "end", DEVICE)
    again = (*start, "--container", "CSQU3054383")
    twice = landbridge.fails(*again, "--reference", "order=1", "--reference", "order=2")
    assert "reference 'order' is given twice" in twice
    assert "the destination is empty" in landbridge.fails(*again, "--destination", " ")
    assert "900" in landbridge("trips", "list")
    assert "重庆　杜伊斯堡" in landbridge("trips", "list")


def test_routes_and_coverage(landbridge):
    file = landbridge.folder / "line.csv"
    file.write_text("name,country,lat,lon,kind\nA,KZ,50,60,hub\nB,RU,50,58,hub\n")
    landbridge("devices", "add", DEVICE)
    assert "2 stations, 151 km" in landbridge("routes", "add", "north", str(file))
    assert "already" in landbridge.fails("routes", "add", "north", str(file))
    assert re.search(r"^north +A +B +2 +151 ", landbridge("routes", "list"), re.MULTILINE)
    start = ("trips", "start", DEVICE, "--destination", "B", "--container", "CSQU3054383")
    assert "routes add" in landbridge(*start, "--route", "south")
    landbridge("trips", "end", DEVICE)
    assert "routes add" not in landbridge(*start, "--route", "north")
    assert "0 network observations" in landbridge("coverage", "recompute", "north")
    assert re.search(r"^0 +A +0 +0 +0 +0\.\d\d", landbridge("coverage", "show", "north"), re.MULTILINE)
    landbridge("routes", "remove", "north")
    for command in (("routes", "remove"), ("coverage", "recompute"), ("coverage", "show")):
        assert "no route north" in landbridge.fails(*command, "north")
    file.write_text("name,country,lat,lon,kind\nA,KZ,50,60,hub\nB,RU,50,x,hub\n")
    assert "row 3, column lon" in landbridge.fails("routes", "add", "north", str(file))


@pytest.mark.parametrize("text", ["CSQU3054383", "MSKU6011672", "TEXU3070079", "BICU1234565"])
def test_container_numbers(text):
    assert container_number(text) == text
    with pytest.raises(UserError, match="check digit"):
        container_number(text[:10] + str((int(text[10]) + 1) % 10))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("run", "--bogus"), "No such option: --bogus; see `landbridge run --help`"),
        (("fly",), "No such command 'fly'; see `landbridge --help`"),
        (("devices", "add"), "Missing argument"),
        (("devices", "add", "LB 1"), "cannot be a device id"),
        (("devices", "add", "lb/1"), "cannot be a device id"),
        (("devices", "show", "lb-9"), "no device lb-9; look its id up in the list of devices"),
        (("track", "lb-9"), "no device lb-9"),
        (("export", "lb-9"), "no device lb-9"),
        (("export", "lb-9", "--format", "pdf"), "'--format': 'pdf' is not one of 'geojson', 'gpx', 'csv'"),
        (("trips", "end", "lb-9"), "no device lb-9"),
        (("dead-letters", "show", "7"), "no dead letter 7"),
        (("dead-letters", "show", "x"), "Invalid value for 'number'"),
        (("dead-letters", "show", "9" * 20), "Input should be"),
        (("export", DEVICE, "--trip", "9" * 20), "Input should be"),
        (("track", DEVICE, "--trip", "0"), "Input should be"),
        (("trips", "start", DEVICE, "--interval", "9" * 20), "Input should be"),
        (("track", "lb\udcff"), "is not text"),
        (("devices", "show", "lb\n"), "is not text"),
        (("export", DEVICE, "--trip", "9"), f"{DEVICE} has no trip 9"),
        (("run",), "broker localhost:1 is not there"),
    ],
)
def test_bad_commands(landbridge, arguments, line):
    landbridge("devices", "add", DEVICE)
    assert line in landbridge.fails(*arguments)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("[broker", "is not TOML"),
        ("[brokr]", "unknown key 'brokr'"),
        ('[broker]\nprot = "x"', "unknown key 'prot'"),
        ("[broker]\nport = 0", "must be a port"),
        ('[broker]\nport = "8883"', "must be a port"),
        ("[broker]\ntls = 1", "must be true or false"),
        ("broker = 1", "must be a section"),
        ('[broker]\nhost = ""', "must be the name or address of a host"),
        ('[broker]\nhost = "a..b"', "must be the name or address of a host"),
        ('[broker]\nhost = "%s"' % ("a" * 64), "must be the name or address of a host"),
        ('[broker]\nclient_id = ""', "client_id = '' must be"),
        ('[broker]\nusername = "a\\u0000b"', "must be a text"),
        ('[devices]\nbroker_host = "a..b"', "must be the name or address of a host"),
        ("[devices]\ninterval_s = 3000000000", "must be a number from 300 to"),
        ('[store]\ndatabase = ""', "must be the name of a file"),
        ('[broker]\nca_file = "none.pem"', "none.pem"),
    ],
)
def test_bad_settings(landbridge, settings, line):
    (landbridge.folder / "landbridge.toml").write_text(settings)
    assert line in landbridge.fails("run")


def test_no_settings(landbridge, monkeypatch):
    (landbridge.folder / "landbridge.toml").unlink()
    assert "landbridge setup" in landbridge.fails("run")
    assert "port = 8883" in landbridge("config")
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "gone.toml")
    assert "gone.toml" in landbridge.fails("run")


def test_the_environment_overrides(landbridge, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_BROKER_PORT", "1883")
    monkeypatch.setenv("LANDBRIDGE_BROKER_PASSWORD", "hush")
    out = landbridge("config")
    assert "port = 1883" in out
    assert "hush" not in out
    monkeypatch.setenv("LANDBRIDGE_BROKER_PORT", "high")
    assert "LANDBRIDGE_BROKER_PORT='high' must be a port" in landbridge.fails("run")


def test_the_output_of_config_is_a_valid_configuration(landbridge):
    printed = landbridge("config")
    (landbridge.folder / "landbridge.toml").write_text(printed)
    assert landbridge("config") == printed


def test_an_unreadable_database(landbridge):
    (landbridge.folder / "landbridge.sqlite3").write_bytes(b"not a database at all" * 99)
    assert "cannot use database" in landbridge.fails("devices", "list")
    assert "cannot use database" in landbridge.fails("run")


def test_damaged_pages_of_a_database(landbridge):
    landbridge("devices", "add", DEVICE)
    file = landbridge.folder / "landbridge.sqlite3"
    connection = sqlite3.connect(file)
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'devices'").fetchone()[0]
    connection.close()
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(b"\xff" * size)
    for arguments in (("devices", "list"), ("track", DEVICE), ("run",)):
        assert "malformed" in landbridge.fails(*arguments)


@pytest.mark.parametrize("arguments", [("devices", "list"), ("track", DEVICE), ("dead-letters", "list")])
def test_reading_commands_create_no_database(landbridge, arguments):
    assert "no database" in landbridge.fails(*arguments)
    assert not list(landbridge.folder.glob("landbridge.sqlite3*"))


def test_paths_lead_from_the_configuration_file(landbridge, monkeypatch):
    text = '[broker]\nca_file = "ca.pem"\n[devices]\ndirectory = "flash"\nbroker_host = "b"\n'
    (landbridge.folder / "landbridge.toml").write_text(text)
    elsewhere = landbridge.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "../landbridge.toml")
    monkeypatch.setenv("LANDBRIDGE_STORE_DATABASE", "stored.sqlite3")
    landbridge("devices", "add", DEVICE)
    assert (landbridge.folder / "flash" / DEVICE / "device.json").exists()
    assert (landbridge.folder / "stored.sqlite3").exists()
    assert not list(elsewhere.iterdir())
    assert 'ca_file = "ca.pem"' in landbridge("config")


@pytest.mark.parametrize("content", [None, b"short"])
def test_a_clock_file_that_is_none(landbridge, monkeypatch, content):
    landbridge("devices", "add", DEVICE)
    if content:
        (landbridge.folder / "clock").write_bytes(content)
    monkeypatch.setenv("LANDBRIDGE_CLOCK_FILE", str(landbridge.folder / "clock"))
    assert "is not a clock file of 8 bytes" in landbridge.fails("devices", "list")
    assert "is not a clock file of 8 bytes" in landbridge.fails("run")


def test_trips_do_not_go_back_in_time(landbridge, monkeypatch):
    clock = landbridge.folder / "clock"
    monkeypatch.setenv("LANDBRIDGE_CLOCK_FILE", str(clock))
    set_clock(clock, NOW_S)
    for device in (DEVICE, "lb-0002"):
        landbridge("devices", "add", device)
    start = ["trips", "start", DEVICE, "--route", "north", "--destination", "Duisburg"]
    start += ["--container", "CSQU3054383"]
    landbridge(*start)
    set_clock(clock, NOW_S - 1)
    assert "after this end" in landbridge.fails("trips", "end", DEVICE)
    set_clock(clock, NOW_S + 1)
    landbridge("trips", "end", DEVICE)
    set_clock(clock, NOW_S)
    assert "after this start" in landbridge.fails(*start)
    assert landbridge("export", DEVICE, "--trip", "1")
    assert "lb-0002 has no trip 1" in landbridge.fails("export", "lb-0002", "--trip", "1")


def test_a_missing_key_file(landbridge):
    landbridge("devices", "add", DEVICE)
    (landbridge.folder / "landbridge.sqlite3.key").unlink()
    assert "key file missing" in landbridge.fails("run")
    assert "key file missing" in landbridge.fails("devices", "add", "lb-0002")
    assert not (landbridge.folder / "landbridge.sqlite3.key").exists()


def test_a_wrong_key_file(landbridge):
    landbridge("devices", "add", DEVICE)
    (landbridge.folder / "landbridge.sqlite3.key").write_text("x")
    assert "is not a key file" in landbridge.fails("run")


def test_a_retired_device_comes_back_under_another_id_only(landbridge):
    """Also with its folder, for example from a backup."""
    landbridge("devices", "add", DEVICE)
    folder = landbridge.folder / "devices" / DEVICE
    files = {each.name: each.read_bytes() for each in folder.iterdir()}
    landbridge("devices", "retire", DEVICE, "--yes")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for arguments in (("add", DEVICE), ("adopt", DEVICE, str(folder / "device.json"))):
        said = landbridge.fails("devices", *arguments)
        assert f"device {DEVICE} was retired at 20" in said and "under another id" in said
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == files


def test_a_device_is_not_added_twice_nor_over_another_ones_settings(landbridge):
    landbridge("devices", "add", DEVICE)
    before = (landbridge.folder / "devices" / DEVICE / "device.json").read_text()
    assert "already exists" in landbridge.fails("devices", "add", DEVICE)
    (landbridge.folder / "landbridge.sqlite3").unlink()
    assert "move it away" in landbridge.fails("devices", "add", DEVICE)
    assert (landbridge.folder / "devices" / DEVICE / "device.json").read_text() == before
    assert DEVICE not in landbridge("devices", "list")


def test_a_ca_that_is_none(landbridge):
    (landbridge.folder / "ca.pem").write_text("nothing")
    assert "not a PEM certificate" in landbridge.fails("devices", "add", DEVICE)
    (landbridge.folder / "ca.pem").unlink()
    assert "cannot read CA" in landbridge.fails("devices", "add", DEVICE)


@pytest.mark.parametrize("group", [(), *((name,) for name in GROUPS)])
def test_help_has_an_example_for_each_command(landbridge, group):
    listed = landbridge(*group, "--help").partition("Commands:\n")[2].split("\n\n")[0]
    names = re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE)
    assert names
    for name in names:
        if group or name not in GROUPS:
            assert re.search(r"Examples?:\n +(\w+=\w+ )?landbridge ", landbridge(*group, name, "--help"))


def start_fails() -> str:
    """Start the agent in a process of its own; returns the one line that says why it ended."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "landbridge", "run"]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=WAIT_S, check=False
    )
    assert ended.returncode == 2
    assert re.fullmatch(r"landbridge: .+\n", ended.stderr), ended.stderr
    return ended.stderr


def test_a_wrong_password_at_the_broker(installation: Installation, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_BROKER_PASSWORD", "wrong")
    assert "check username and password" in start_fails()


def test_a_broker_with_another_certificate(installation: Installation, monkeypatch):
    monkeypatch.setattr(certificates, "AUTHORITY", 4711)
    certificates.make(installation.folder / "other", BROKER_HOST)
    monkeypatch.setenv("LANDBRIDGE_BROKER_CA_FILE", str(installation.folder / "other" / "ca.pem"))
    assert "TLS fails" in start_fails()


def test_track_export_and_dead_letters_show_the_stored_data(installation: Installation, capsys):
    run = Command(installation.folder, capsys)
    run("trips", "start", DEVICE, "--container", "CSQU3054383", "--route", "x", "--destination", "y")
    installation.start()
    device = installation.device()
    device.send([point(1), point(2)], status={4: "0.1.0"})
    device.publish(b"rubbish")
    wait_until(installation.dead_letters, "a dead letter")
    assert len(run("track", DEVICE).splitlines()) == 3
    assert re.search(r"points +2\n", run("devices", "show", DEVICE))
    assert "0.1.0" in run("devices", "show", DEVICE)
    assert len(json.loads(run("export", DEVICE))["features"]) == 2
    assert run("export", DEVICE, "--format", "gpx").count("<trkpt") == 2
    assert len(run("export", DEVICE, "--format", "csv", "--trip", "1").splitlines()) == 1
    assert "not the CBOR" in run("dead-letters", "list")
    assert b"rubbish".hex() in run("dead-letters", "show", "1")


def test_a_second_agent_on_the_database(installation: Installation):
    installation.start()
    assert "another agent uses this database" in start_fails()


def test_ends_cleanly_on_sigterm(installation: Installation):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "landbridge", "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as agent:
        wait_until(installation.subscriptions, "the agent listens")
        installation.device().send([point(1)])
        agent.terminate()
        assert agent.wait(WAIT_S) == 0
        assert agent.stderr
        assert f"{DEVICE}: uplink 1, 1 records, 1 new" in agent.stderr.read()


def test_settings(landbridge):
    landbridge("devices", "add", DEVICE)
    assert "no device lb-9" in landbridge.fails("settings", "show", "lb-9")
    line = landbridge.fails("settings", "set", DEVICE, "interval_s=5")
    assert "a number from 300 to 86400, or default (3600)" in line
    assert "revision " in landbridge("settings", "set", DEVICE, "interval_s=900", "light_lux=50")
    assert "already has these settings" in landbridge("settings", "set", DEVICE, "light_lux=50")
    shown = landbridge("settings", "show", DEVICE)
    assert re.search(r"^interval_s +900 +3600 ", shown, re.MULTILINE)
    assert "has not reported its settings yet" in shown
    assert re.search(r"^light_lux +20 +50$", landbridge("settings", "diff", DEVICE), re.MULTILINE)
    coming = landbridge("settings", "diff", DEVICE, "light_lux=default")
    assert re.search(r"^light_lux +50 +20$", coming, re.MULTILINE) and "interval_s" not in coming


def test_the_interval_of_a_trip_becomes_the_setting(landbridge):
    landbridge("devices", "add", DEVICE)
    start = ("trips", "start", DEVICE, "--route", "north", "--destination", "Duisburg")
    landbridge(*start, "--container", "CSQU3054383", "--interval", "900")
    assert re.search(r"^interval_s +3600 +900$", landbridge("settings", "diff", DEVICE), re.MULTILINE)


def test_commands(landbridge):
    landbridge("devices", "add", DEVICE)
    out = landbridge("commands", "send", DEVICE, "dense", "7200", "--expires", "6h")
    command = out.split()[1].rstrip(":")
    landbridge("commands", "send", DEVICE, "locate")
    listed = landbridge("commands", "list", DEVICE)
    assert re.search(rf"^{command} +{DEVICE} +dense +7200 ", listed, re.MULTILINE)
    assert listed.count("waiting") == 2
    assert "cancelled" in landbridge("commands", "cancel", DEVICE, command)
    assert "cancelled by" in landbridge("commands", "list")
    assert "has ended" in landbridge.fails("commands", "cancel", DEVICE, command)
    assert "choose from locate" in landbridge.fails("commands", "send", DEVICE, "fly")
    assert "30m, 24h, 7d" in landbridge.fails("commands", "send", DEVICE, "locate", "--expires", "soon")
