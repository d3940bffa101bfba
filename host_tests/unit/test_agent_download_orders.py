"""Downloads of profiles as people order them: by command, API and page."""

import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from landbridge import cli
from landbridge.config import Config, Esim
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.db.tables import eim
from landbridge.features.audit import queries as audit
from landbridge.features.downloads import queries, trust
from sqlalchemy import select

from host_tests.support.command import Command
from host_tests.support.downloads import CODE
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages
from tools.modem.card.rsp import chain

# Activation codes


# Objects: the bytes are those that an independent ASN.1 codec makes of RSPDefinitions


# The wire


# Servers


def test_a_list_of_servers_is_read(tmp_path):
    (tmp_path / "ci.pem").write_text(chain.ci().pem)
    found = trust.load(Esim(" SMDP.Example:443, other.example:8443 ,", str(tmp_path / "ci.pem")))
    assert found.servers == {"smdp.example", "other.example:8443"}
    found.check("smdp.example")
    with pytest.raises(UserError, match="is not on the list"):
        found.check("evil.example")
    with pytest.raises(UserError, match="ci_file"):
        trust.load(Esim("smdp.example")).check("smdp.example")


@pytest.mark.parametrize("content", [None, "no certificate", ""])
def test_an_invalid_file_of_certificates_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "ci.pem").write_text(content)
    with pytest.raises(UserError, match=r"ci\.pem"):
        trust.load(Esim("smdp.example", "", str(tmp_path / "ci.pem")))


# The command

LOADED = "8997101234567890123"


@pytest.fixture
def command(landbridge: Command) -> Command:
    """With two devices and a list of servers."""
    (landbridge.folder / "ci.pem").write_text(chain.ci().pem)
    with (landbridge.folder / "landbridge.toml").open("a") as file:
        file.write('\n[esim]\nservers = "smdp.example"\nci_file = "ci.pem"\n')
    landbridge("devices", "add", FIRST)
    landbridge("devices", "add", SECOND)
    return landbridge


def test_a_download_is_ordered_listed_and_cancelled(command):
    assert "download 1" in command("esim", "download", FIRST, CODE, "--then", "enable")
    listed = command("esim", "downloads", FIRST)
    assert "smdp.example" in listed and "ordered" in listed and "7QX" not in listed
    assert "download 1 is cancelled" in command("esim", "cancel", "1")
    assert "cancelled by" in command("esim", "downloads")
    assert "has ended: cancelled" in command.fails("esim", "cancel", "1")
    assert "no download 2" in command.fails("esim", "cancel", "2")


def test_a_profile_is_to_be_deleted_and_renamed(command):
    iccid = "8997101234567890123"
    assert "order 1" in command("esim", "delete", FIRST, iccid)
    assert "order 2" in command("esim", "rename", FIRST, iccid, "Steppe")
    listed = command("esim", "downloads", FIRST)
    assert "delete" in listed and "rename" in listed and iccid in listed
    assert "18 to 20 digits" in command.fails("esim", "delete", FIRST, "89")
    assert "no device lb-9999" in command.fails("esim", "rename", "lb-9999", iccid, "Steppe")
    command("esim", "cancel", "1")


def test_an_iot_card_is_managed(command):
    assert "associate" in command.fails("esim", "card", FIRST)
    for words in (("list",), ("enable", LOADED), ("disable", LOADED), ("dissociate",)):
        asked = ("card", FIRST, "--refresh") if words == ("list",) else (words[0], FIRST, *words[1:])
        assert "associate it first" in command.fails("esim", *asked)
    assert "order 1" in command("esim", "associate", FIRST)
    assert "order 1 for lb-0001 is not done yet" in command.fails("esim", "associate", FIRST)
    database = open_database(command.folder / "landbridge.sqlite3")
    try:
        with database.writing() as connection:
            manager = connection.execute(select(eim.c.eim_id)).scalar_one()
            said = {"device": FIRST, "reported_s": NOW_S, "iot": True, "eim_id": manager, "counter": 7}
            profiles = json.dumps([[LOADED, "Steppe", True, False, True]])
            queries.keep_euicc(connection, "8" * 32, said | {"profiles": profiles})
    finally:
        database.close()
    shown = command("esim", "card", FIRST)
    assert "IoT eUICC (SGP.32)" in shown and manager in shown and LOADED in shown and "Steppe" in shown
    assert "order 2" in command("esim", "card", FIRST, "--refresh")
    assert "no policy" in command.fails("esim", "enable", FIRST, LOADED)
    assert "order 3" in command("esim", "dissociate", FIRST)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((FIRST, "LPA:1$evil.example$A"), "evil.example is not on the list"),
        ((FIRST, "SECRET-7"), "must look like LPA:1"),
        (("lb-9999", CODE), "no device lb-9999"),
        ((FIRST,), "name a device and an activation code"),
        (("--tag", "frozen", CODE), "matching ID is for one device"),
        (("--tag", "frozen", "LPA:1$smdp.example$"), "no device in use has the tag"),
        ((FIRST, CODE, "--csv", "x.csv"), "--csv contains devices and codes"),
        ((FIRST, CODE + "$$1"), "needs a confirmation code"),
    ],
)
def test_an_invalid_order_is_refused(command, words, why):
    said = command.fails("esim", "download", *words)
    assert why in said and "SECRET" not in said and "7QX" not in said


def test_a_code_may_come_from_standard_input(command, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(CODE + "\n"))
    assert "download 1" in command("esim", "download", FIRST, "-")


def test_codes_of_a_file_are_ordered_only_with_yes(command):
    rows = f"device,code,confirmation\n{FIRST},{CODE},\n{SECOND},LPA:1$smdp.example$OTHER$$1,4711\n"
    (command.folder / "codes.csv").write_text(rows)
    said = command("esim", "download", "--csv", "codes.csv")
    assert "all 2 rows are valid" in said and "--yes" in said
    assert len(command("esim", "downloads").splitlines()) == 1
    command("esim", "download", "--csv", "codes.csv", "--yes")
    assert len(command("esim", "downloads").splitlines()) == 3


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (f"device,code\n{FIRST},LPA:1$evil.example$SECRET\n", "line 2, column code: evil.example"),
        (f"device,code\n{FIRST},{CODE}\n{SECOND},{CODE}\n", "line 3, column code: download 1 for"),
        (f"device,code\n{FIRST},\n", "line 2, column code: ... is not 1 to 500 characters"),
        (f"device,code\n{FIRST},SECRET_1\n", "line 2, column code: the activation code must look"),
        (f"device,code\nlb-none,{CODE}\n", "line 2, column device: no device lb-none"),
    ],
)
def test_a_file_that_is_wrong_orders_nothing(command, rows, why, capsys):
    (command.folder / "codes.csv").write_text(rows)
    for yes in ((), ("--yes",)):
        with pytest.raises(SystemExit) as ended:
            cli.app(("esim", "download", "--csv", "codes.csv", *yes))
        said = capsys.readouterr().out
        assert ended.value.code == 1 and why in said and "nothing has changed" in said
        assert "SECRET" not in said and "7QX" not in said
        assert "in its next session" not in said  # nothing starts
    assert len(command("esim", "downloads").splitlines()) == 1


def test_the_free_memory_is_shown_also_without_a_policy(command):
    command("esim", "download", FIRST, CODE)
    assert re.search(r"(?m)^free memory +-$", command("esim", "show", FIRST))
    with closing(sqlite3.connect(command.folder / "landbridge.sqlite3")) as database, database:
        database.execute("UPDATE downloads SET free_bytes = 123456, eid = '89049032'")
    assert re.search(r"(?m)^free memory +123\.5 kB$", command("esim", "show", FIRST))


def test_a_profile_is_deleted_once(command):
    iccid = "8997101234567890123"
    assert "order 1" in command("esim", "delete", FIRST, iccid)
    said = command.fails("esim", "delete", FIRST, iccid)
    assert f"order 1 for {FIRST} is not done yet" in said
    assert "order 2" in command("esim", "delete", FIRST, iccid[:-1] + "9")


def test_a_file_without_its_columns_is_refused(command):
    (command.folder / "codes.csv").write_text("code\nLPA:1$smdp.example$SECRET\n")
    said = command.fails("esim", "download", "--csv", "codes.csv", "--yes")
    assert "column 'device' is missing" in said and "SECRET" not in said


# HTTP


@pytest.fixture
def pages(fleet: Fleet, tmp_path: Path) -> Iterator[Pages]:
    (tmp_path / "ci.pem").write_text(chain.ci().pem)
    esim = Esim("smdp.example", str(tmp_path / "ci.pem"))
    with Pages(fleet, replace(Config(), esim=esim)).served() as made:
        yield made


def test_the_api_orders_lists_and_cancels(pages, fleet):
    token = pages.token("ops", "operator")
    path = f"/v1/devices/{FIRST}/downloads"
    status, text = pages.ask(path, token, "POST", {"code": CODE, "enable": True})
    assert (status, json.loads(text)) == (201, {"download": 1})
    (one,) = json.loads(pages.ask(path, token)[1])["downloads"]
    assert (one["state"], one["server"], one["enable"], one["open"]) == (
        "ordered",
        "smdp.example",
        True,
        True,
    )
    assert "7QX" not in json.dumps(one)
    assert pages.ask(f"{path}/1", token, "DELETE")[0] == 204
    assert pages.ask(f"{path}/1", token, "DELETE")[0] == 400
    assert pages.ask(f"{path}/9", token, "DELETE")[0] == 404
    with fleet.database.reading() as connection:
        what = [row.what for row in audit.newest(connection, 2**31, 50)]
    assert any("profile download" in each for each in what) and not any("7QX" in each for each in what)


def test_the_api_deletes_and_renames(pages):
    token = pages.token("ops", "operator")
    path = f"/v1/devices/{FIRST}/profiles/8997101234567890123"
    assert pages.ask(path, token, "DELETE")[0] == 202
    assert pages.ask(path, token, "PATCH", {"name": "Steppe"})[0] == 202
    assert pages.ask(path, token, "PATCH", {"name": ""})[0] == 400
    assert pages.ask(path, pages.token("r"), "DELETE")[0] == 403
    found = json.loads(pages.ask(f"/v1/devices/{FIRST}/downloads", token)[1])["downloads"]
    assert [each["task"] for each in found] == ["rename", "delete"]


def test_a_refusal_of_the_api_does_not_repeat_the_code(pages):
    token = pages.token("ops", "operator")
    path = f"/v1/devices/{FIRST}/downloads"
    for body in ({"code": "SECRET_1"}, {"code": ["SECRET"]}, {"code": CODE, "confirmation": "SECRET" * 20}):
        status, text = pages.ask(path, token, "POST", body)
        assert status in (400, 422) and "SECRET" not in text


def test_only_operators_order_and_tenants_only_within_their_trips(pages, fleet):
    fleet.trip("MSKU1234565", 0, None, "acme")
    path = f"/v1/devices/{FIRST}/downloads"
    assert pages.ask(path, pages.token("r"), "POST", {"code": CODE})[0] == 403
    tenant, other = (pages.token(name, "operator", name) for name in ("acme", "umbra"))
    assert pages.ask(path, other, "POST", {"code": CODE})[0] == 404
    assert pages.ask(path, tenant, "POST", {"code": CODE})[0] == 201
    with fleet.database.reading() as connection:
        row = queries.find(connection, 1)
    assert row is not None and row.trip is not None
    assert json.loads(pages.ask(path, tenant)[1])["downloads"][0]["download"] == 1
    assert pages.ask(f"{path}/1", other, "DELETE")[0] == 404
    assert pages.ask(f"/v1/devices/{SECOND}/downloads/1", pages.token("o", "operator"), "DELETE")[0] == 404


def test_the_page_of_the_card_shows_downloads(pages):
    token = pages.token("ops", "operator")
    pages.ask(f"/v1/devices/{FIRST}/downloads", token, "POST", {"code": CODE})
    status, text = pages.ask(f"/devices/{FIRST}/card", token)
    assert status == 200
    assert "smdp.example" in text and "7QX" not in text
    assert f"/devices/{FIRST}/card/downloads/1/cancel" in text
    assert f'/devices/{FIRST}/card/download"' in text


def associated(fleet: Fleet, **more: int) -> None:
    """The card of FIRST is an IoT eUICC that obeys the agent."""
    profiles = [["8986011234567890199", "Roaming", True, True, True], [LOADED, "Steppe", False, False, True]]
    with fleet.database.writing() as connection:
        manager = queries.manager(connection, fleet.keyring, NOW_S)
        said = {"iot": True, "eim_id": manager.eim_id, "counter": 7, "profiles": json.dumps(profiles)}
        queries.keep_euicc(connection, "8" * 32, {"device": FIRST, "reported_s": NOW_S, **said, **more})


def test_the_api_manages_an_iot_card(pages, fleet):
    token = pages.token("ops", "operator")
    path = f"/v1/devices/{FIRST}/card"
    assert json.loads(pages.ask(path, token)[1])["euicc"] is None
    status, text = pages.ask(f"{path}/operations", token, "POST", {"task": "list"})
    assert status == 400 and "associate it first" in text
    status, text = pages.ask(f"{path}/operations", token, "POST", {"task": "associate"})
    assert (status, json.loads(text)) == (202, {"download": 1})
    associated(fleet)
    card = json.loads(pages.ask(path, token)[1])["euicc"]
    assert (card["kind"], card["associated"], card["counter"]) == ("iot", True, 7)
    assert card["proved"] is None
    associated(fleet, proved_s=NOW_S)
    assert json.loads(pages.ask(path, token)[1])["euicc"]["proved"].endswith("Z")
    assert [each["enabled"] for each in card["profiles"]] == [True, False]
    assert pages.ask(f"{path}/operations", token, "POST", {"task": "list"})[0] == 202
    status, text = pages.ask(f"{path}/operations", token, "POST", {"task": "enable", "iccid": LOADED})
    assert status == 400 and "policy" in text
    status, text = pages.ask(f"{path}/operations", token, "POST", {"task": "list", "iccid": LOADED})
    assert status == 400 and "leave the ICCID out" in text
    assert pages.ask(f"{path}/operations", token, "POST", {"task": "reset"})[0] == 422
    assert pages.ask(f"{path}/operations", pages.token("r"), "POST", {"task": "list"})[0] == 403
    found = json.loads(pages.ask(f"/v1/devices/{FIRST}/downloads", token)[1])["downloads"]
    assert [each["task"] for each in found] == ["list", "associate"]


def test_a_tenant_does_not_say_who_manages_a_card(pages, fleet):
    fleet.trip("MSKU1234565", 0, None, "acme")
    associated(fleet)
    tenant = pages.token("acme", "operator", "acme")
    path = f"/v1/devices/{FIRST}/card/operations"
    for task in ("associate", "dissociate"):
        assert pages.ask(path, tenant, "POST", {"task": task})[0] == 404
    assert pages.ask(path, tenant, "POST", {"task": "list"})[0] == 202


def test_the_page_of_the_card_shows_who_manages_it(pages, fleet):
    token = pages.token("ops", "operator")
    status, text = pages.ask(f"/devices/{FIRST}/card", token)
    assert status == 200 and 'name="task" value="associate"' in text
    associated(fleet)
    _, text = pages.ask(f"/devices/{FIRST}/card", token)
    assert "IoT eUICC (SGP.32)" in text and "landbridge-" in text and "Steppe" in text
    assert "Signed by the card</dt><dd>not yet</dd>" in text
    associated(fleet, proved_s=NOW_S)
    _, text = pages.ask(f"/devices/{FIRST}/card", token)
    assert "Signed by the card</dt><dd><time" in text
    tasks = {task for task in ("associate", "dissociate", "list", "enable", "disable", "delete")
             if f'name="task" value="{task}"' in text}  # fmt: skip
    assert tasks == {"dissociate", "list", "enable", "disable", "delete"}
    _, text = pages.ask(f"/devices/{FIRST}/card?language=zh", token)
    assert "物联网 eSIM 卡" in text and "解除关联" in text


# Vectors


# Whatever devices and servers answer, an order goes on or ends
