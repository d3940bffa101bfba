"""Users at Mosquitto come and go with devices; files of devices are added whole or not at all."""

import json
import queue
import subprocess
import sys
from pathlib import Path

import pytest
from landbridge import config_file
from landbridge.core.clock import Clock
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.devices.broker_users import BrokerUsers
from landbridge.ingest.session import Received
from landbridge.protocol import envelope
from sqlalchemy import text

from host_tests.support.agent import wait_until
from host_tests.support.set_up import SetUp, code_of, command, is_in
from tools.flash.layout import REPOSITORY


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LANDBRIDGE_CONFIG", "")
        made = SetUp(tmp_path_factory.mktemp("fleet") / "agent")
        assert made.first().code == 0
        made.start()
        yield made
        made.stop()


@pytest.fixture
def sheet(tmp_path):
    def written(content: str) -> str:
        (tmp_path / "devices.csv").write_text(content)
        return str(tmp_path / "devices.csv")

    return written


def users(setup: SetUp) -> set[str]:
    """The users at the broker, from its own file."""
    stored = json.loads((setup.folder / "mosquitto" / "dynamic-security.json").read_text())
    roles = {each["rolename"] for each in stored["roles"]} - {"agent"}
    found = {each["username"] for each in stored["clients"]} - {"landbridge-agent"}
    assert {each for each in found if not each.startswith("erp")} == {
        each for each in roles if not each.startswith("platform ")
    }
    return found


def test_a_file_of_devices_is_added_with_their_users(setup, sheet):
    names = [f"many-{number:03}" for number in range(150)]  # more than go into one batch
    file = sheet("device,tags\n" + "".join(f"{name},frozen  rail\n" for name in names))
    trial = setup.run("devices", "import", file, "--dry-run")
    assert trial.out == "all 150 rows are valid; dry run, nothing has changed\n"
    assert not users(setup) and not (setup.folder / "devices").exists()
    said = setup.run("devices", "import", file)
    assert "added 150 devices" in said.out and "150 broker users" in said.out
    assert users(setup) == set(names)
    tracker = setup.connected("many-007", setup.device("many-007")["broker_password"])
    assert code_of(tracker) == 0
    again = command("--data", str(setup.folder), "devices", "export", "--tag", "rail")
    assert again.out.splitlines()[:2] == ["device,tags", "many-000,frozen rail"]
    assert len(again.out.splitlines()) == 151
    retired = setup.run("devices", "retire", "--tag", "frozen", "--yes")
    assert retired.out.count("is retired") == 150 and not users(setup)
    wait_until(lambda: not tracker.is_connected(), "a retired device is disconnected")


BAD = """device,tags
good-1,a
Bad Id,
good-2,a,b
good-1,c
,x

good-3,"a
b"
"""


def test_each_wrong_row_is_named_and_none_is_added(setup, sheet):
    before = users(setup)
    setup.run("devices", "add", "there")
    said = command("--data", str(setup.folder), "devices", "import", file := sheet(BAD + "there,\n"))
    assert said.code == 1 and said.out.splitlines() == [
        f"{file}, line 3, column device: 'Bad Id' cannot be a device id: 1 to 32 of a-z, 0-9 and -",
        f'{file}, line 4: 3 cells, the first line has 2; put a text with a comma in "quotes"',
        f"{file}, line 5, column device: good-1 is in line 2 too; remove one of them",
        f"{file}, line 6, column device: '' is not 1 to 500 characters on one line",
        f"{file}, line 8, column tags: 'a\\nb' is not 1 to 500 characters on one line",
        f"{file}, line 10, column device: device there already exists; `landbridge devices show there`",
        "nothing has changed: 6 of 7 rows are invalid",
    ]
    assert users(setup) == before | {"there"} and not (setup.folder / "devices" / "good-1").exists()
    setup.run("devices", "retire", "there", "--yes")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: column 'device' is missing; the columns are device, tags"),
        ("name\nx\n", "line 1: no column 'name'; the columns are device, tags"),
        ("device,device\n", "line 1: column 'device' occurs twice"),
        ('device\n"x', "line 2: unexpected end of data; save the table as CSV again"),
    ],
)
def test_a_file_that_is_no_table_is_refused(setup, sheet, content, message):
    said = command("--data", str(setup.folder), "devices", "import", sheet(content))
    assert said.code == 2 and message in said.err, said


def test_files_that_cannot_be_written_add_no_device(setup, sheet, monkeypatch):
    file = sheet("device\nlost-1\nlost-2\n")
    monkeypatch.setattr("landbridge.features.devices.enrol.os.fsync", _full_later())
    said = command("--data", str(setup.folder), "devices", "import", file)
    assert said.code == 2 and "no space" in said.err, said
    assert not list((setup.folder / "devices").glob("lost-*"))
    assert command("--data", str(setup.folder), "devices", "show", "lost-1").code == 2


def _full_later():
    """A disk that is full from the third file on: in the second device."""
    calls: list[int] = []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(28, "no space")

    return fsync


def test_a_retired_device_is_refused_and_its_history_stays(setup):
    setup.run("devices", "add", "old-1")
    identity = setup.device("old-1")
    setup.run("trips", "start", "old-1", "--container", "CSQU3054383", "--route", "r", "--destination", "D")
    tracker = setup.connected("old-1", identity["broker_password"])
    assert code_of(tracker) == 0 and is_in(tracker)
    question = setup.run("devices", "retire", "old-1")
    assert "run the command again with --yes" in question.out and is_in(tracker)
    assert question.out.startswith("old-1: never heard, trip 1 with CSQU3054383\ntheir keys would be deleted")
    assert "old-1 is retired; trip" in setup.run("devices", "retire", "old-1", "--yes").out
    wait_until(lambda: not tracker.is_connected(), "it is disconnected")
    assert code_of(setup.connected("old-1", identity["broker_password"])) != 0
    assert not (setup.folder / "devices" / "old-1").exists()
    assert "CSQU3054383" in setup.run("trips", "list").out and "running" not in setup.run("trips", "list").out
    assert "old-1" not in setup.run("devices", "list").out
    assert "old-1" in setup.run("devices", "list", "--all").out
    for refused in (
        ("devices", "add", "old-1"),
        ("devices", "rotate", "old-1"),
        ("devices", "retire", "old-1", "--yes"),
        ("settings", "set", "old-1", "interval_s=1800"),
        ("commands", "send", "old-1", "locate"),
        ("trips", "start", "old-1", "--container", "CSQU3054383", "--route", "r", "--destination", "D"),
    ):
        said = command("--data", str(setup.folder), *refused)
        assert said.code == 2 and "retired" in said.err, (refused, said)
    key = bytes.fromhex(identity["key"])
    stored = open_database(setup.folder / "landbridge.sqlite3")
    with stored.reading() as connection:
        every = connection.execute(
            text("SELECT wrapped_key FROM devices WHERE device = 'old-1'")
        ).scalar_one()
    stored.close()
    assert every == b"" and len(key) == 32
    assert setup.run("doctor").out.count("WRONG") == 0


def test_uplinks_of_a_retired_device_are_dead_lettered(fleet_pipeline):
    pipeline, payload, database = fleet_pipeline
    with database.writing() as connection:
        devices.retire(connection, "gone-1", Clock().now_s())
    with database.writing() as connection:
        answers = pipeline.take_all(connection, [Received("landbridge/gone-1/up", payload, 1, 1, 1)])
        reasons = list(connection.execute(text("SELECT reason FROM dead_letters")).scalars())
    assert list(answers.values()) == [None]
    assert reasons == ["gone-1 is retired: add the tracker again under a new id"]


@pytest.fixture
def fleet_pipeline(tmp_path):
    from landbridge.ingest.pipeline import Pipeline

    database = open_database(tmp_path / "x.sqlite3")
    keyring = Keyring(database.place)
    key = bytes(32)
    with database.writing() as connection:
        devices.add(connection, "gone-1", keyring.wrap(key, first=True), 0)
    payload = envelope.seal(key, "gone-1", "up", 1, b"x")
    nothing: object = None
    yield Pipeline(database, keyring, Clock(), nothing, nothing), payload, database  # type: ignore[arg-type]
    database.close()


def test_the_doctor_finds_users_that_differ_and_sync_puts_them_right(setup):
    setup.run("devices", "add", "syn-1")
    setup.run("devices", "add", "syn-2")
    database = open_database(setup.folder / "landbridge.sqlite3")
    keyring = Keyring(database.place)
    with database.writing() as connection:
        devices.retire(connection, "syn-1", Clock().now_s())
        devices.add(connection, "syn-3", keyring.wrap(b"k" * 32, first=False), Clock().now_s())
    said = command("--data", str(setup.folder), "doctor")
    assert "1 devices have no user at the broker, 1 users no device in use: syn-3, syn-1" in said.out
    assert setup.run("broker", "sync").out == "1 users added, 1 removed\n"
    assert "syn-1" not in users(setup) and {"syn-2", "syn-3"} <= users(setup)
    assert setup.run("broker", "sync").out == "0 users added, 0 removed\n"
    # Added by a page or the API: the running agent follows.
    with database.writing() as connection:
        devices.add(connection, "syn-4", keyring.wrap(b"l" * 32, first=False), Clock().now_s())

    follower = BrokerUsers(config_file.load().broker, database, keyring, lambda: True)
    follower.turn()
    password = envelope.broker_password(b"l" * 32, "syn-4")
    assert code_of(setup.connected("syn-4", password)) == 0
    database.close()


def test_a_device_that_has_the_name_of_another_user_is_refused(setup):
    setup.run("devices", "add", "mine-1")
    assert len(setup.run("broker", "add-platform", "erp", "--tenant", "acme").out.strip()) > 15
    said = command("--data", str(setup.folder), "devices", "add", "erp")
    assert said.code == 2 and "already has users erp that are not devices" in said.err, said
    setup.run("devices", "retire", "erp", "--yes")
    assert "erp" in users(setup)  # it is the platform's
    taken = command("--data", str(setup.folder), "broker", "add-platform", "mine-1")
    assert taken.code == 2 and "mine-1 is a device" in taken.err


def test_a_platform_reads_its_tenant_only(setup):
    password = setup.run("broker", "add-platform", "erp-2", "--tenant", "acme").out.strip()
    platform = setup.connected("erp-2", password)
    heard: list[str] = []
    granted: list[object] = []
    platform.on_message = lambda _c, _d, message: heard.append(message.topic)
    platform.on_subscribe = lambda *_: granted.append(1)
    for topic in ("landbridge/out/acme/#", "landbridge/out/#", "landbridge/+/up", "#"):
        platform.subscribe(topic, 1)
    wait_until(lambda: len(granted) == 4, "all answers")
    from landbridge.features.devices.broker_users import control

    with control(config_file.load().broker) as agent:
        for topic in ("landbridge/out/bolt/x/track", "landbridge/x/up", "landbridge/out/acme/x/track"):
            agent.client.publish(topic, b"x", 1)
        wait_until(lambda: heard, "what is for its tenant")
    assert heard == ["landbridge/out/acme/x/track"]


def test_a_hostile_platform_hears_and_says_nothing_that_is_not_its_own(setup):
    """With any filter, topic or payload that a client can send, at the trackers' port."""
    setup.run("devices", "add", "own-1")
    password = setup.run("broker", "add-platform", "erp-4", "--tenant", "acme").out.strip()
    hostile = setup.connected("erp-4", password)
    heard: list[str] = []
    granted: list[object] = []
    hostile.on_message = lambda _c, _d, message: heard.append(message.topic)
    hostile.on_subscribe = lambda *_: granted.append(1)
    filters = (
        "+/+/+/+/position", "landbridge/out/+/own-1/#", "landbridge/out/bolt/#", "landbridge/+/down",
        "landbridge/out/acme/../bolt/#", "$share/all/landbridge/out/bolt/#", "$share/x/#", "$SYS/#",
        "$CONTROL/#", "homeassistant/#", "landbridge/agent/#", "landbridge//out/#",
    )  # fmt: skip
    for each in filters:
        hostile.subscribe(each, 1)
    wait_until(lambda: len(granted) == len(filters), "all answers")
    others = (
        "landbridge/out/bolt/own-1/position", "landbridge/own-1/down", "landbridge/agent/published",
        "homeassistant/x", "landbridge/out/operator/own-1/position",
    )  # fmt: skip
    from landbridge.features.devices.broker_users import control

    seen: list[str] = []
    with control(config_file.load().broker) as agent:
        agent.client.on_message = lambda _c, _d, message: seen.append(message.topic)
        for each in ("landbridge/#", "homeassistant/#", "$CONTROL/dynamic-security/v1"):
            agent.client.subscribe(each, 1)
        for each in others:
            agent.client.publish(each, b"secret", 1, retain=each.endswith("position")).wait_for_publish(10)
        wait_until(lambda: len(seen) == len(others), "the agent's own messages")
        for each in (
            *others,
            "landbridge/own-1/up",
            "landbridge/out/acme/x/position",
            "landbridge",
            "$SYS/x",
        ):
            for payload in (b"", b"forged", b"\xff" * 70_000):
                hostile.publish(each, payload, 1, retain=True)
        hostile.publish("$CONTROL/dynamic-security/v1", b'{"commands": [{"command": "listClients"}]}', 1)
        late = setup.connected("erp-4", password)  # in place of the one before
        late.on_message = hostile.on_message
        for each in filters:
            late.subscribe(each, 1)
        agent.client.publish("landbridge/out/acme/x/track", b"the end", 1).wait_for_publish(10)
        wait_until(lambda: "landbridge/out/acme/x/track" in seen, "the last message")
    assert seen[len(others) :] == ["landbridge/out/acme/x/track"] and heard == []
    for each in ("own-1", "landbridge-agent"):
        assert code_of(setup.connected(each, password)) != 0
    for each in (hostile, late):
        each.disconnect()


def test_home_assistant_reads_its_topics_as_a_platform_of_the_operator(setup, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_BROKER_HOME_ASSISTANT", "homeassistant")
    for user, tenant, may_discover in (("erp-home", "operator", True), ("erp-5", "acme", False)):
        client = setup.connected(
            user, setup.run("broker", "add-platform", user, "--tenant", tenant).out.strip()
        )
        granted: queue.Queue[bool] = queue.Queue()
        client.on_subscribe = lambda _c, given, _mid, reasons, _p: given.put(not reasons[0].is_failure)
        client.user_data_set(granted)
        for topic, may in (("homeassistant/#", may_discover), (f"landbridge/out/{tenant}/#", True)):
            client.subscribe(topic, 1)
            assert granted.get(timeout=10) is may, (user, topic)
        client.disconnect()


def test_the_subscriber_of_the_documentation_needs_the_tenant(setup):
    add = ("broker", "add-platform", "erp-3", "--tenant", "acme")
    password = setup.run(*add).out.strip()
    twice = command("--data", str(setup.folder), *add)
    assert twice.code == 2 and "already has a user erp-3: choose another name" in twice.err
    listing = [sys.executable, str(REPOSITORY / "docs" / "reference" / "subscriber.py"), "localhost"]
    listing += [str(setup.port), str(setup.folder / "tls" / "ca.pem"), "erp-3"]
    for words, said in (
        ([password], "erp-3 may not read landbridge/out/#: name your tenant as the last argument\n"),
        (["wrong"], "the broker refuses erp-3: Not authorized\n"),
    ):
        ended = subprocess.run([*listing, *words], capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (1, said)
    from landbridge.features.devices.broker_users import control

    with control(config_file.load().broker) as agent:
        agent.client.publish("landbridge/out/acme/x/position", b"{}", 1, retain=True).wait_for_publish(10)
    with subprocess.Popen([*listing, password, "acme"], stdout=subprocess.PIPE, text=True) as subscriber:
        assert subscriber.stdout
        assert next(subscriber.stdout) == "landbridge/out/acme/x/position {}\n"
        subscriber.kill()


def test_without_a_broker_devices_are_stored_and_their_users_follow(setup):
    setup.stop()
    said = command("--data", str(setup.folder), "devices", "add", "late-1")
    assert said.code == 2 and "the devices are stored, their users at the broker are not yet" in said.err
    assert "is not there" in said.err and "`landbridge broker sync`" in said.err
    setup.start()
    setup.run("broker", "sync")
    assert "late-1" in users(setup)


def test_settings_and_commands_go_to_a_tag(setup):
    for name in ("tag-1", "tag-2"):
        setup.run("devices", "add", name)
    setup.run("devices", "tag", "tag-1", "tag-2", "--add", "cold", "--add", "spare")
    setup.run("devices", "tag", "tag-2", "--remove", "spare")
    said = setup.run("settings", "set", "--tag", "cold", "interval_s=1800")
    assert [line.split()[3] for line in said.out.splitlines()] == ["tag-1;", "tag-2;"]
    assert len(setup.run("commands", "send", "--tag", "cold", "locate").out.splitlines()) == 2
    assert "tag-2" not in setup.run("devices", "list", "--tag", "spare").out
    assert len(setup.run("devices", "rotate", "--tag", "cold").out.splitlines()) == 2
    said = command("--data", str(setup.folder), "settings", "set", "--tag", "warm", "interval_s=1800")
    assert said.code == 2 and "no device in use has the tag 'warm'" in said.err
    both = command("--data", str(setup.folder), "devices", "tag", "tag-1", "--add", "two words")
    assert both.code == 2 and "one word" in both.err


def test_the_templates_are_the_shipped_files():
    folder = Path(__file__).parents[2] / "agent/landbridge/operations/setup/templates"
    assert all(path.is_symlink() and path.exists() for path in folder.iterdir())
