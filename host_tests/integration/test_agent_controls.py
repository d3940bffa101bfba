"""SIM controls: rules offline, the binding, reports of devices, the vendor's platform, the inventory."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge import cli
from landbridge.core.clock import Clock
from landbridge.core.errors import UserError
from landbridge.events.queries import events
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.settings import queries as settings
from landbridge.features.sims import binding, cases, check, controls
from landbridge.features.sims import handler as watch
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.binding import Binding
from landbridge.features.sims.provider import Http, Status
from landbridge.features.sims.queries import ARMED, BOUND, REBIND_PENDING, SEPARATED, SimCard
from landbridge.features.sims.rules import RULES, Card, Observed, evaluate
from landbridge.geo.distance import Place
from landbridge.points import usage
from landbridge.points.usage import Message, Span

from host_tests.support.agent import DEVICE, NOW_S, Installation, point, set_clock, wait_until
from host_tests.support.doubles import SimProvider
from host_tests.support.http_server import Request, Serving

DOCS = Path(__file__).parents[2] / "docs"
FILE = (DOCS / "guide" / "controls.toml").read_text()
ICCID, OTHER = "8931440400012345678", "8970101000000000012"
IMEI, SECOND = "861234567890123", "860000000000000"
IDENTITY = {0: IMEI, 1: ICCID, 2: "901280000000001", 3: "BG95"}


def test_every_rule_of_the_file_in_docs_has_its_cases():
    verdicts, lacking = cases.run(FILE)
    assert [each.name for each in verdicts if not each.is_right] == []
    assert lacking == []
    assert {rule for each in verdicts for rule in each.found} == set(RULES)


def test_a_case_that_comes_out_otherwise_is_named(tmp_path, capsys):
    file = tmp_path / "controls.toml"
    file.write_text(
        FILE.replace("regions = [460, 401, 250, 257, 260]", "regions = [460, 401, 250, 257, 262]")
    )
    with pytest.raises(SystemExit) as ended:
        cli.app(["controls", "test", str(file)])
    assert ended.value.code == 1
    reported = capsys.readouterr().out
    assert "WRONG  in a country where it may not be" in reported
    assert "20 cases, 1 wrong" in reported


def test_a_rule_without_a_case_is_named():
    _, lacking = cases.run(FILE.partition('[[case]]\nname = "it is on the block list"')[0])
    assert "resold: blocked is never broken" in lacking


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[controls.a]\nregion = [460]", "no region"),
        ("[controls.a]\nregions = [99]", "no mobile country code"),
        ("[controls.a]\nquota_mb = -1", "must be a number"),
        ("[controls.a]\narea = [[1.0, 2.0]]", "latitude"),
        ("[controls.a]\nbinding = 1", "true or false"),
        ("[controls.a]\nblocked_networks = [25099]", "25099 is no network: write MCC . 1000 . MNC"),
        ("[controls.a]\nnetworks = [460000, 4600000]", "4600000 is no network"),
        ("[controls.a]\nhosts = 'broker.example:8883'", "a list of texts"),
        ("[controls.a]\nslow_at = -80", "must be a number"),
        ("[controls.a", "not TOML"),
        ("[other]", "write"),
        ("", "no .controls"),
    ],
)
def test_a_wrong_file_is_reported_in_one_line(text, why):
    with pytest.raises(UserError, match=why):
        controls.parse(text)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("broken = []", "broken = 5"), "case 1.broken = 5 must be a list of texts"),
        (("broken = []", "broken = 'area'"), "must be a list of texts"),
        (('name = "all is well"', "name = 5"), "case 1.name = 5 must be a text"),
        (
            ('controls = "resold"\ncard', 'controls = ["resold"]\ncard'),
            "case 1.controls = ..resold.. must be a text",
        ),
        (("month_bytes = 1000000", 'month_bytes = "9"'), "month_bytes = '9' must be a whole number"),
        (("latitude = 29.6", "latitude = true"), "latitude = True must be a number"),
        (("sms = false }", "sms = 0 }"), "sms = 0 must be true or false"),
        (('iccids = ["8931440400012345678", "8931440400012345686"]', 'iccids = "8931440400012345678"'),
         "case 1.card.iccids = '8931440400012345678' must be a list of texts"),
        (('imei = "861234567890123" }', "imei = 861234567890123 }"), "imei = 861234567890123 must be a text"),
        (("plmn = 460000,", "plmn = 46000,"), "46000 is no network"),
        (("plmn = 460000,", "plnm = 460000,"), "no plnm; choose from imei"),
        (("[[case]]", "[case]"), "write ..case"),
    ],
)  # fmt: skip
def test_a_wrong_case_is_reported_in_one_line(change, why):
    first, mark, rest = FILE.partition("\n[[case]]\n")
    case = mark + rest.partition(mark)[0]
    assert cases.run(first + case)[0][0].is_right
    before, after = change
    with pytest.raises(UserError, match=why):
        cases.run(first + case.replace(before, after, 1))


def test_hosts_are_the_same_however_they_are_spelled():
    may = controls.Controls(hosts=("Broker.Example:8883",))
    assert evaluate(may, Card(), Observed(hosts=("broker.example:8883",)))["traffic"] is None
    assert evaluate(may, Card(), Observed(hosts=("BROKER.example:8883", "broker.example:443")))["traffic"]


def test_controls_are_kept_as_they_were_read():
    (found,) = controls.parse(FILE).values()
    kept = json.loads(json.dumps(found.stored()))
    assert controls.of_table("controls.x", kept) == found
    assert json.loads(json.dumps(controls.restored(kept).stored())) == kept


def test_a_card_is_checked_by_controls_that_could_not_be_set_any_more(supervised):
    with supervised.installation.database().writing() as connection:
        demands = controls.Controls(blocked_networks=(25_099, 460_000)).stored()
        inventory.set_controls(connection, "resold", demands, "bench", NOW_S)
    supervised.device.send([point(1, plmn=460_000)], identity=IDENTITY)
    assert supervised.open_alarms() == {"network"} and supervised.installation.dead_letters() == []


@given(st.lists(st.one_of(st.just("move"), st.sampled_from((IMEI, SECOND, "3"))), max_size=20))
def test_a_binding_never_moves_without_a_word(steps):
    card, announced = Binding(ARMED, None), False
    for step in steps:
        before = card
        if step == "move":
            if card.state != ARMED:
                card, announced = binding.announce(card, [], 2, 0), True
            continue
        card = binding.heard(card, step)
        if before.imei is not None and card.imei != before.imei:
            assert announced and before.state == REBIND_PENDING
            announced = False
        assert (card.state == SEPARATED) == (before.state in (BOUND, SEPARATED) and step != before.imei)


def test_a_card_that_wanders_may_not_be_bound_again():
    bound = Binding(BOUND, IMEI)
    assert binding.announce(bound, [0, 100], 2, 31 * 86_400).state == REBIND_PENDING
    with pytest.raises(UserError, match="2 times"):
        binding.announce(bound, [0, 100], 2, 200)


def test_usage_is_reported_by_profile_and_country():
    messages = [Message(0, 100), Message(60, 100), Message(1_000, 100, 2), Message(5_000, 50)]
    parts = usage.split(messages, [Span(0, ICCID), Span(900, OTHER)], [Span(0, "460"), Span(4_000, "401")])
    assert parts[ICCID, "460"] == usage.Used(1, 2, 200)
    assert parts[OTHER, "460"] == usage.Used(1, 2, 200)
    assert parts[OTHER, "401"] == usage.Used(1, 1, 50)
    assert parts[OTHER, "401"].on_air_bytes == 2_333 + 248 + 350 + 50


class Supervised:
    """A running agent with an inventory of one card."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        demands = controls.parse(FILE)["resold"].stored() | {"hosts": (), "quota_mb": 0.02, "area": ()}
        with installation.database().writing() as connection:
            inventory.set_controls(connection, "resold", demands, "bench", NOW_S)
            card = SimCard(0, "ACME", "locator", "resold", "active", (), ARMED, None, None, (ICCID,))
            inventory.add(connection, card, "bench", NOW_S)
        installation.start()
        self.device = installation.device()

    def open_alarms(self) -> set[str]:
        with self.installation.database().reading() as connection:
            return {row.name for row in alarms.every_open(connection)}

    def card(self) -> SimCard:
        with self.installation.database().reading() as connection:
            (card,) = inventory.every(connection)
        return card


@pytest.fixture
def supervised(installation: Installation) -> Iterator[Supervised]:
    yield Supervised(installation)


def test_reports_of_a_device_open_and_clear_violations(supervised):
    set_clock(supervised.installation.folder / "clock", usage.month_s(NOW_S) + 86_400)
    supervised.device.send([point(1, plmn=460_000)], identity=IDENTITY)
    assert supervised.open_alarms() == set()
    assert supervised.card().binding == BOUND and supervised.card().imei == IMEI
    supervised.device.send([point(2, plmn=412_001)])
    assert supervised.open_alarms() == {"region", "high-risk"}
    supervised.device.send([point(3, plmn=401_001)])
    assert supervised.open_alarms() == set()
    supervised.device.send([point(4, plmn=250_099)])
    assert supervised.open_alarms() == {"network"}
    supervised.device.send([point(5, plmn=460_000)])
    supervised.device.send([point(6)], identity=IDENTITY | {1: OTHER})
    assert "binding" in supervised.open_alarms()
    supervised.device.send([point(7)], identity=IDENTITY)
    assert "binding" not in supervised.open_alarms()
    supervised.device.send([point(8)], identity=IDENTITY | {0: SECOND})
    assert "separation" in supervised.open_alarms() and supervised.card().binding == SEPARATED
    supervised.device.send([point(9)], identity=IDENTITY)
    assert "separation" not in supervised.open_alarms() and supervised.card().binding == BOUND
    for seq in range(10, 60):
        if "quota-100" in supervised.open_alarms():
            break
        supervised.device.send([point(seq)])
    assert {"quota-50", "quota-80", "quota-100"} <= supervised.open_alarms()
    with supervised.installation.database().reading() as connection:
        assert settings.history(connection, DEVICE)[-1].set_by == watch.WHO
        reported = [row for row in events.after(connection, DEVICE, 0, 1_000) if row.type == "control"]
    assert [json.loads(row.content)["control"] for row in reported][:2] == ["region", "high-risk"]
    assert supervised.installation.dead_letters() == []


def test_a_removed_control_is_not_violated(supervised):
    supervised.device.send([point(1, plmn=412_001)], identity=IDENTITY)
    assert supervised.open_alarms() == {"region", "high-risk"}
    with supervised.installation.database().writing() as connection:
        inventory.set_controls(connection, "resold", controls.Controls().stored(), "bench", NOW_S)
    supervised.device.send([point(2, plmn=412_001)])
    assert supervised.open_alarms() == set()


def test_a_device_on_the_border_of_its_area_does_not_flap(supervised):
    lat, lon = 29.5, 106.5
    border_km = Place(lat, lon).metres_to(Place(lat + 0.1, lon)) / 1000
    with supervised.installation.database().writing() as connection:
        demands = controls.parse(FILE)["resold"].stored() | {"hosts": (), "area": ((lat, lon, border_km),)}
        inventory.set_controls(connection, "resold", demands, "bench", NOW_S)
    supervised.device.send([point(1)], identity=IDENTITY)
    north_m = [10, -10, 30, -10, 10, -10, -30, 10]
    outside = [False, False, True, True, True, True, False, False]
    for seq, (metres, is_open) in enumerate(zip(north_m, outside, strict=True), 2):
        place = {"lat": round((lat + 0.1) * 1e5 + metres / 1.11), "lon": round(lon * 1e5)}
        supervised.device.send([point(seq, **place)])
        assert ("area" in supervised.open_alarms()) == is_open, metres


def test_voice_and_sms_are_checked_as_they_are_reported(supervised):
    said: list[tuple[dict[str, Any], str | None]] = [
        ({"identity": IDENTITY}, None),  # the modem does not tell
        ({"identity": IDENTITY | {4: 3}}, "voice and sms on"),
        ({}, "voice and sms on"),  # nothing new
        ({"identity": IDENTITY | {4: 0}}, None),
        ({"identity": IDENTITY | {4: 0}, "reports": {9: {0: [1, 0], 1: [1], 2: [60, 8, 3]}}}, "voice on"),
        ({"identity": IDENTITY | {4: 0}}, None),
        ({"reports": {9: {0: [1, 0], 1: [1], 2: [90, 9, 1]}}}, "sms on"),
        ({"reports": {9: {0: [1, 0], 1: [1], 2: [95, 4, 0]}}}, "sms on"),
        ({"reports": {9: "damaged"}}, "sms on"),
        ({"identity": IDENTITY | {4: 0}}, None),
    ]
    for seq, (parts, why) in enumerate(said, 1):
        set_clock(supervised.installation.folder / "clock", NOW_S + 60 * seq)
        supervised.device.send([point(seq)], **parts)
        assert ("services" in supervised.open_alarms()) == (why is not None), parts
        assert why is None or _why(supervised, "services") == why, parts
    (letter,) = supervised.installation.dead_letters()
    assert "diagnostics: not a map" in str(letter)


def test_a_call_or_sms_raises_the_services_alarm_again_after_a_person_cleared_it(supervised):
    def say(seq: int, **parts: Any) -> list[int]:
        """Times of the alarms of that name that stand."""
        set_clock(supervised.installation.folder / "clock", NOW_S + 60 * seq)
        supervised.device.send([point(seq)], **parts)
        with supervised.installation.database().reading() as connection:
            return [row.times for row in alarms.open_of(connection, DEVICE, "services")]

    def clear() -> None:
        with supervised.installation.database().writing() as connection:
            (row,) = alarms.open_of(connection, DEVICE, "services")
            engine.clear(connection, row.alarm, "somebody", NOW_S + 60 * 3)

    def came(clock_s: int, kind: int) -> dict[int, Any]:
        return {9: {0: [1, 0], 1: [1], 2: [clock_s, kind, 1]}}

    say(1, identity=IDENTITY)  # its modem does not tell
    assert say(2, reports=came(60, 9)) == [1]
    assert say(3, reports=came(60, 9)) == [1]  # the reply was lost
    clear()
    assert say(4, reports=came(60, 9)) == say(5) == say(6, reports=came(95, 4)) == []
    assert say(7, reports=came(120, 9)) == [1]
    assert say(8, reports=came(180, 8)) == [2]


def _why(supervised: Supervised, control: str) -> str:
    """The reason of the last published violation."""
    with supervised.installation.database().reading() as connection:
        reported = [json.loads(row.content) for row in events.after(connection, DEVICE, 0, 1_000)]
    broken = [each for each in reported if (each.get("control"), each.get("action")) == (control, "broken")]
    return str(broken[-1]["why"])


def test_a_card_moves_to_another_device_after_rebind(supervised, capsys):
    supervised.device.send([point(1)], identity=IDENTITY)
    _run("sims", "rebind", ICCID, "--why", "broken")
    assert supervised.card().binding == REBIND_PENDING
    supervised.device.send([point(2)], identity=IDENTITY | {0: SECOND})
    assert supervised.card() == supervised.card()._replace(binding=BOUND, imei=SECOND)
    assert "separation" not in supervised.open_alarms()
    _run("sims", "stage", ICCID, "suspended")
    supervised.device.send([point(3)])
    assert "life-cycle" in supervised.open_alarms()
    _run("sims", "block", ICCID, "--why", "stolen")
    supervised.device.send([point(4)])
    assert "blocked" in supervised.open_alarms()
    capsys.readouterr()
    _run("sims", "history", ICCID)
    assert "stolen" in capsys.readouterr().out
    _run("controls", "usage")
    reported = capsys.readouterr().out
    assert ICCID in reported and " 460 " in reported


def _run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.app(list(arguments))
    assert not ended.value.code


def test_a_card_that_its_vendor_sees_in_another_device_is_locked(supervised):
    supervised.device.send([point(1)], identity=IDENTITY)
    platform = SimProvider()
    platform.states[ICCID] = Status("active", IMEI)
    database, clock = supervised.installation.database(), Clock()
    (found,) = check.check(database, clock, platform, True, "bench")
    assert (found.broken, found.locked) == ([], False)
    platform.states[ICCID] = Status("active", SECOND)
    set_clock(supervised.installation.folder / "clock", NOW_S + 60)
    (found,) = check.check(database, clock, platform, False, "bench")
    assert (found.broken, found.locked) == (["separation"], False)
    (found,) = check.check(database, clock, platform, True, "bench")
    assert found.locked and platform.done == [("lock", ICCID)]
    assert supervised.card().stage == "suspended"
    wait_until(lambda: "separation" in supervised.open_alarms(), "an alarm")


def test_a_connection_is_reset_over_the_command_line(supervised, tmp_path, capsys):
    file = tmp_path / "vendor.toml"
    with vendor(lambda _: (204, b"")) as (url, asked):
        file.write_text(f'[provider]\nurl = "{url}/{{iccid}}"\n[provider.reset]\npath = "/reset"\n')
        _run("controls", "reset", str(file), ICCID)
    assert asked == [("POST", f"/{ICCID}/reset", None, b"")]
    _run("sims", "history", ICCID)
    assert "reset" in capsys.readouterr().out.splitlines()[-1]


PROVIDER = """
[provider]
url = "{url}/v1/sims/{{iccid}}"
token_env = "LANDBRIDGE_TEST_TOKEN"
prefix = "Bearer "
[provider.status]
state = "status"
imei = "device.imei"
[provider.usage]
path = "/usage"
bytes = "month.total"
[provider.lock]
method = "PATCH"
body = {{ status = "suspended" }}
"""


Asked = tuple[str, str, str | None, bytes]
"""Method, path, authorization and body of a request."""


@contextmanager
def vendor(answer: Callable[[str], tuple[int, bytes]], other: str = "") -> Iterator[tuple[str, list[Asked]]]:
    """A platform of a vendor that answers by path, or sends to another: its address, and what it is asked."""
    asked: list[Asked] = []

    class Handler(Request):
        def _answer(self) -> None:
            asked.append((self.command, self.path, self.headers.get("authorization"), self.body()))
            self.reply(*answer(self.path), {"Location": other})

        do_GET = do_PATCH = do_POST = _answer

    with closing(Serving(Handler)) as server:
        yield f"http://127.0.0.1:{server.port}", asked


def well(path: str) -> tuple[int, bytes]:
    """What it says of one card."""
    reported: Any = {"status": "active", "device": {"imei": IMEI}}
    reported = {"month": {"total": 12345}} if path.endswith("/usage") else reported
    return 200 if ICCID in path else 404, json.dumps(reported).encode()


def test_a_platform_is_described_by_a_file(monkeypatch):
    with vendor(well) as (url, asked):
        described = PROVIDER.format(url=url)
        with pytest.raises(UserError, match="LANDBRIDGE_TEST_TOKEN"):
            Http(described)
        monkeypatch.setenv("LANDBRIDGE_TEST_TOKEN", "right")
        platform = Http(described)
        assert platform.status(ICCID) == Status("active", IMEI)
        assert platform.usage(ICCID) == 12345
        platform.lock(ICCID)
        assert asked[-1] == ("PATCH", f"/v1/sims/{ICCID}", "Bearer right", b'{"status": "suspended"}')
        with pytest.raises(UserError, match="is missing: describe there"):
            platform.reset(ICCID)
        with pytest.raises(UserError, match="404"):
            platform.status(OTHER)
        locked = Http(described.replace("[provider.usage]", 'locked = ["active"]\n[provider.usage]'))
        assert locked.status(ICCID).locked


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("http:", "ftp:"), "needs a url"),
        (("{iccid}", ""), "needs a url"),
        (('state = "status"', 'locked = "suspended"'), "list of texts"),
        (("[provider.status]", "reset = 1\n[provider.status]"), r"reset\] must be a table"),
    ],
)
def test_a_wrong_description_is_reported_in_one_line(monkeypatch, change, why):
    monkeypatch.setenv("LANDBRIDGE_TEST_TOKEN", "right")
    text = PROVIDER.format(url="http://127.0.0.1").replace(*change)
    with pytest.raises(UserError, match=why):
        Http(text)


def test_the_token_goes_to_the_platform_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_TEST_TOKEN", "right")
    with vendor(well) as (other, overheard), vendor(lambda _: (302, b""), other) as (url, asked):
        monkeypatch.setenv("http_proxy", other)
        with pytest.raises(UserError, match="302"):
            Http(PROVIDER.format(url=url)).lock(ICCID)
        assert len(asked) == 1 and overheard == []


@pytest.mark.parametrize(
    "odd",
    [b"<html>maintenance</html>", b'{"month": {"total": "12.5 MB"}}', b'{"month": {"total": Infinity}}',
     b'{"month": {"total": []}}', b"[" * 100_000, b"\xff"],
)  # fmt: skip
def test_an_odd_answer_is_the_fault_of_one_card(monkeypatch, odd):
    monkeypatch.setenv("LANDBRIDGE_TEST_TOKEN", "right")
    with vendor(lambda _: (200, odd)) as (url, _), pytest.raises(UserError, match="platform, usage of"):
        Http(PROVIDER.format(url=url)).usage(ICCID)
