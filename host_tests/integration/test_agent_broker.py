"""`landbridge broker check` and `landbridge doctor`, on the settings that are shipped and on others."""

import json
import socket
from dataclasses import replace
from datetime import UTC
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
from landbridge import cli, config_file
from landbridge.core.clock import to_epoch_s
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations import rules as fleet
from landbridge.features.notifications import channels
from landbridge.features.trips import queries as trips
from landbridge.operations import broker_check as checks
from landbridge.operations import certificates
from landbridge.tracking import queries as tracking

from host_tests.support.agent import (
    DEVICE,
    NOW_S,
    Client,
    Installation,
    heard,
    pages_as_soon_as_others,
    point,
    set_clock,
    wait_until,
)
from host_tests.support.fleet import Receiver
from host_tests.support.http_server import Request, Serving
from host_tests.support.shipped_brokers import Shipped
from tools.verify.harness.ports import free_port
from tools.world.services import certificates as certificates_made

pytestmark = pytest.mark.slow

DELAY = "delay of a second message"
"""A matter of time, and so of what else the machine does."""


class Nothing(Request):
    """Says so to whatever is asked."""

    def do_GET(self) -> None:
        self.reply(204)


def found(findings: list[checks.CheckResult]) -> dict[str, bool]:
    return {each.what: each.good for each in findings}


def password(installation: Installation) -> str:
    settings = json.loads((installation.folder / "devices" / DEVICE / "device.json").read_text())
    return str(settings["broker_password"])


def test_the_settings_that_are_shipped_are_good(installation, monkeypatch):
    shipped = Shipped(installation, monkeypatch)
    as_agent = checks.as_agent(installation.config.broker)
    assert all(good for what, good in found(as_agent).items() if what != DELAY), as_agent
    as_device = checks.as_device(
        installation.config.broker, DEVICE, password(installation), shipped.devices_port
    )
    assert all(found(as_device).values()) and len(as_device) == 5, as_device


def test_every_wrong_setting_is_found_with_its_remedy(installation):
    installation.broker.kill()
    conf = installation.broker.folder / "mosquitto.conf"
    text = conf.read_text().replace("set_tcp_nodelay true\n", "")
    conf.write_text(text.replace("allow_anonymous false", "allow_anonymous true"))
    (installation.broker.folder / "acl").write_text("pattern readwrite #\n")
    installation.broker.start()
    as_agent = checks.as_agent(installation.config.broker)
    bad = {each.what: each.remedy or "" for each in as_agent if not each.good}
    assert bad.pop("it accepts clients without a password").startswith("allow_anonymous false")
    assert bad.pop("kept for a disconnected agent").startswith("max_queued_messages")
    assert bad.pop("messages delivered before the first acknowledgement") == "max_inflight_messages 1000"
    # A client that sends the second message late does not see it wait.
    assert bad.pop(DELAY, "set_tcp_nodelay true") == "set_tcp_nodelay true"
    assert not bad
    as_device = checks.as_device(installation.config.broker, DEVICE, password(installation))
    assert found(as_device) == {
        f"{DEVICE} may connect": True,
        "it reads topics of other devices": False,
        "it writes to topics of other devices": False,
        f"it may use any client id on port {installation.broker.port}": False,
    }


def test_that_a_device_may_come_in_by_the_door_of_the_agent_is_found(installation, monkeypatch):
    """Where client ids are free, and nothing but a password is asked for."""
    shipped = Shipped(installation, monkeypatch)
    installation.broker.kill()
    shipped.conf.write_text(shipped.conf.read_text().replace("require_certificate true\n", ""))
    installation.broker.start()
    as_device = found(
        checks.as_device(installation.config.broker, DEVICE, password(installation), shipped.devices_port)
    )
    assert as_device.pop(f"it may use any client id on port {installation.broker.port}") is False
    assert all(as_device.values()) and len(as_device) == 4, as_device


def test_the_doctor_checks_that_home_assistant_may_read_its_topics(installation, capsys, monkeypatch):
    shipped = Shipped(installation, monkeypatch)
    monkeypatch.setenv("LANDBRIDGE_BROKER_HOME_ASSISTANT", "homeassistant")
    assert checks.home_assistant(replace(installation.config.broker, home_assistant="homeassistant")).good
    assert "Home Assistant" not in run(capsys, "doctor")[1]
    acl = shipped.acl
    acl.write_text(acl.read_text().replace("homeassistant/#", "elsewhere/#"))
    installation.broker.kill()
    installation.broker.start()
    denied = checks.home_assistant(replace(installation.config.broker, home_assistant="homeassistant"))
    assert not denied.good and (denied.remedy or "").startswith("topic readwrite homeassistant/#")
    assert "topic readwrite homeassistant/#" in run(capsys, "doctor")[1]


def test_a_broker_without_retained_messages_is_reported(installation):
    installation.broker.kill()
    conf = installation.broker.folder / "mosquitto.conf"
    conf.write_text(conf.read_text() + "retain_available false\n")
    installation.broker.start()
    finding = checks.reads_retained(installation.config.broker)
    assert not finding.good and "landbridge/agent/#" in (finding.remedy or "")


def test_a_broker_that_refuses_is_reported(installation):
    wrong = replace(installation.config.broker, password="wrong")
    with pytest.raises(UserError, match="refuses the agent"):
        checks.as_agent(wrong)
    assert not checks.as_device(installation.config.broker, DEVICE, "wrong")[0].good
    installation.broker.kill()
    with pytest.raises(UserError, match="check "):
        checks.as_agent(installation.config.broker)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    with pytest.raises(SystemExit) as ended:
        cli.app(arguments)
    return ended.value.code, capsys.readouterr().out


def are(out: str, state: str) -> list[str]:
    """What the doctor has found to be so."""
    return [line.split()[0] for line in out.splitlines() if f" {state} " in line]


def test_a_fresh_install_is_good_and_prints_the_next_steps(installation, capsys, monkeypatch):
    code, out = run(capsys, "doctor")
    assert not code and are(out, "next") == ["agent", "devices"], out
    assert "start it" in out and "none of 1 devices has ever connected: switch one on" in out
    monkeypatch.setenv("LANDBRIDGE_BROKER_PORT", str(free_port()))
    code, out = run(capsys, "doctor")
    assert not code and are(out, "next") == ["broker", "agent", "devices"], out
    place = installation.folder / "elsewhere.sqlite3"
    monkeypatch.setenv("LANDBRIDGE_STORE_DATABASE", str(place))
    code, out = run(capsys, "doctor")
    assert not code and are(out, "next") == ["database"] and not place.exists(), out
    assert "`landbridge devices add lb-0001` makes it; or correct [store] database" in out
    open_database(place).close()
    code, out = run(capsys, "doctor")
    assert not code and "none yet: `landbridge devices add lb-0001`" in out, out


def test_the_doctor_reports_clock_dead_letters_and_key_file(installation, capsys):
    set_clock(installation.folder / "clock", NOW_S + 86_401)
    code, out = run(capsys, "doctor")
    assert code == 1
    assert are(out, "WRONG") == ["agent", "devices"], out
    set_clock(installation.folder / "clock", NOW_S)
    installation.start()
    installation.device().send([point(1)])
    code, out = run(capsys, "doctor")
    assert not code and "WRONG" not in out and "it runs" in out, out
    installation.device().publish(b"rubbish")
    wait_until(installation.dead_letters, "a dead letter")
    key = Path(f"{installation.config.store.database}.key")
    key.rename(key.with_suffix(".away"))
    code, out = run(capsys, "doctor")
    assert code == 1 and "1 dead letters" in out and f"key file missing: {key}; restore it" in out, out
    key.with_suffix(".away").rename(key)
    key.chmod(0o666)
    assert f"others may use the key file, its mode is 666: `chmod 600 {key}`" in run(capsys, "doctor")[1]


def test_a_device_that_was_added_after_the_backup_is_named_and_adopted(installation, capsys, monkeypatch):
    """The database is restored: the tracker is on its way, and its files are the only copy of its key."""
    monkeypatch.chdir(installation.folder)
    monkeypatch.setenv("LANDBRIDGE_DEVICES_CA_FILE", installation.config.broker.ca_file)
    monkeypatch.setenv("LANDBRIDGE_DEVICES_BROKER_HOST", "broker.example")
    place = Path(installation.config.store.database)
    assert not run(capsys, "backup", "monday.sqlite3")[0]
    assert not run(capsys, "devices", "add", "late-1")[0]
    assert "the database knows each device that has files" in run(capsys, "doctor")[1]
    for ending in ("-wal", "-shm"):
        place.with_name(place.name + ending).unlink(missing_ok=True)
    Path("monday.sqlite3").replace(place)
    set_clock(installation.folder / "clock", NOW_S + 86_401)  # it is no fresh installation any more
    code, out = run(capsys, "doctor")
    file = Path(config_file.load().devices.directory) / "late-1" / "device.json"
    adopt = f"landbridge devices adopt late-1 {file}"
    assert code == 1 and "device files   WRONG" in out and f"`{adopt}`" in out, out
    key = file.read_bytes()
    code, _out = run(capsys, "devices", "add", "late-1")
    assert code == 2 and file.read_bytes() == key
    assert not run(capsys, *adopt.split()[1:])[0]
    assert "the database knows each device" in run(capsys, "doctor")[1]


def test_the_doctor_says_which_certificate_expires_and_what_to_do(installation, capsys):
    """Before it stops every tracker."""
    days = certificates.SOON
    end = certificates_made.NOT_AFTER.replace(tzinfo=UTC)
    broker, ca_file = installation.config.broker, installation.config.broker.ca_file
    config = config_file.load()
    assert "2 certificates; the first to expire is that of " in certificates.check(config, end - 2 * days)
    for error, now, verb in (
        (certificates.ExpiresSoon, end - days, "expires"), (UserError, end, "expired"),
    ):  # fmt: skip
        with pytest.raises(error) as raised:
            certificates.check(config, now)
        said = f"the certificate of {{}} {verb} on {end:%Y-%m-%d}"
        assert said.format(f"the broker {broker.host}:{broker.port}") in str(raised.value)
        assert said.format(ca_file) in str(raised.value) and "by flashing" in str(raised.value)
    set_clock(installation.folder / "clock", to_epoch_s(end - days))
    _, out = run(capsys, "doctor")
    assert are(out, "soon") == ["certificates"] and "renew it (`landbridge setup` renews its own)" in out, out
    installation.broker.kill()
    set_clock(installation.folder / "clock", to_epoch_s(end))
    _, out = run(capsys, "doctor")
    assert "certificates" in are(out, "WRONG") and f"{ca_file} expired on" in out, out


def test_the_doctor_names_positions_of_trips_that_the_database_does_not_know(installation, capsys):
    """As after the restore of a backup: a trip began after it."""
    with installation.database().writing() as connection:
        trip = trips.start(connection, DEVICE, "CSQU3054383", "west", "Duisburg", 3600, NOW_S)
        trips.give_to(connection, trip, "acme")
    agent = Client(installation.broker, "agent", installation.config.broker.password, "landbridge/#", 1)
    installation.clients.append(agent)
    topics = [f"landbridge/out/{each}/{DEVICE}/position" for each in ("acme", "bolt", "operator")]
    for each in topics:
        agent.client.publish(each, b"{}", qos=1, retain=True).wait_for_publish(10)
    _, out = run(capsys, "doctor")
    assert "it retains 1 positions of trips that the database does not know, as after a restore" in out
    assert f"`mosquitto_pub --retain --null-message -t {topics[1]}`" in out
    agent.client.publish(topics[1], b"", qos=1, retain=True).wait_for_publish(10)
    assert "it retains" not in run(capsys, "doctor")[1]


def test_the_doctor_names_a_container_that_is_on_two_devices(installation, capsys):
    with installation.database().writing() as connection:
        devices.add(connection, "lb-0002", b"wrapped", NOW_S)
        for device in (DEVICE, "lb-0002"):
            trips.start(connection, device, "CSQU3054383", "west", "Duisburg", 3600, NOW_S)
    code, out = run(capsys, "doctor")
    assert code == 1 and "CSQU3054383 is on lb-0001 and lb-0002: end the trip" in out, out


@pytest.mark.parametrize(
    ("text", "mode", "named"),
    [
        ('[broker]\npassword = "x"\n', 0o644, "[broker] password"),
        ('[broker]\npassword = "x"\n', 0o660, "[broker] password"),
        ('[broker]\npassword = "x"\n', 0o640, None),
        ('[broker]\nusername = "x"\n', 0o644, None),
        ('[mail]\npassword = "x"\n[nats]\npassword = "y"\n', 0o604, "[mail] password, [nats] password"),
        ('[store]\ndatabase = "postgresql://me:x@db/lb"\n', 0o644, "[store] database"),
        ('[store]\ndatabase = "postgresql://me@db/lb"\n', 0o644, None),
    ],
)
def test_a_secret_that_others_may_read_is_warned_of(tmp_path, monkeypatch, text, mode, named):
    file = tmp_path / "landbridge.toml"
    file.write_text(text)
    file.chmod(mode)
    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(file))
    why = config_file.exposed()
    assert (why is None) == (named is None)
    assert named is None or (why and f", and {named} is in it: `chmod 600 {file}`" in why)


def test_the_agent_warns_of_it_when_it_starts(installation, caplog):
    file = installation.folder / "landbridge.toml"
    file.chmod(0o644)
    installation.start()
    assert f"others may use {file}" in caplog.text


def listens(probe: socket.socket, place: tuple[str, int]) -> bool:
    return probe.connect_ex(place) == 0


def test_the_doctor_trusts_no_other_server_and_uses_no_proxy(installation, capsys, monkeypatch):
    stranger = Serving(Nothing)
    for section in ("WATCH", "WEB"):
        monkeypatch.setenv(f"LANDBRIDGE_{section}_PORT", str(stranger.port))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    _, out = run(capsys, "doctor")
    stranger.close()
    assert "/health answers 204, so it is not an agent: correct [watch] port" in out, out
    assert "/sign-in answers 204, so it is not an agent: correct [web] port" in out, out
    monkeypatch.setenv("LANDBRIDGE_WATCH_PORT", str(free_port()))
    monkeypatch.setenv("LANDBRIDGE_WEB_PORT", str(free_port()))
    pages_as_soon_as_others(monkeypatch)
    _, out = run(capsys, "doctor")
    assert out.count("start the agent") == 2, out
    installation.config = config_file.load()
    installation.start()
    for place in (installation.config.web, installation.config.watch):
        with socket.socket() as probe:
            wait_until(partial(listens, probe, (place.host, place.port)), "pages, then a watch over them")
    pages = HTTPConnection(installation.config.web.host, installation.config.web.port, timeout=60)
    pages.request("GET", "/sign-in")  # their process begins to answer some time after the port is there
    assert pages.getresponse().status == 200
    pages.close()
    _, out = run(capsys, "doctor")
    assert "it runs and is healthy" in out and "/sign-in answers" in out, out


def test_the_doctor_finds_a_mail_server_that_is_away_and_points_not_processed(
    installation, capsys, monkeypatch
):
    assert "no notification channel needs it" in run(capsys, "doctor")[1]
    port = free_port()
    monkeypatch.setenv("LANDBRIDGE_MAIL_PORT", str(port))
    with installation.database().writing() as connection:
        keyring = Keyring(installation.config.store.database)
        channels.add(connection, keyring, "desk", "mailto:a@b.example", "en", "UTC", None, "bench", NOW_S)
        tracking.mark(connection, DEVICE, NOW_S)
        heard(connection, DEVICE, NOW_S - 300)
    _, out = run(capsys, "doctor")
    assert f"mail server localhost:{port}: " in out and "correct [mail]" in out, out
    assert "all points older than 10 min are processed" in out, out
    with installation.database().writing() as connection:
        heard(connection, DEVICE, NOW_S - 700)
    assert "1 devices have points older than 10 min" in run(capsys, "doctor")[1]


def test_the_doctor_names_who_else_answers_and_who_does_not(installation, capsys, monkeypatch):
    receiver = Receiver()
    monkeypatch.setenv("LANDBRIDGE_WATCH_PORT", str(receiver.port))
    with installation.database().writing() as connection:
        keyring = Keyring(installation.config.store.database)
        fleet.add(connection, keyring, "erp", "webhook", receiver.url, None, (), "bench", NOW_S)
        (integration,) = integrations.active(connection)
        integrations.fail(connection, integration.integration, "no answer: gone", NOW_S)
        integrations.keep_retry(
            connection,
            integration.integration,
            integrations.DeliveryRetry(DEVICE, 1, 0, NOW_S, "it answers 422"),
            None,
        )
    code, out = run(capsys, "doctor")
    receiver.close()
    assert code == 1 and "/health answers 501, so it is not an agent: correct [watch] port" in out, out
    assert "erp: no answer: gone" in out and "erp refuses messages of 1 devices" in out, out


def test_broker_check_prints_each_check_with_its_remedy(installation, capsys, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_DEVICES_BROKER_PORT", str(installation.broker.port))
    code, out = run(capsys, "broker", "check", "--device", DEVICE)
    assert code == 1 and "max_inflight_messages 1000" in out and "it may use any client id" in out
