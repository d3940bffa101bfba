"""The firmware's download of a profile: its own code on both simulated modems, a strict card, the agent and a
scripted SM-DP+."""

from __future__ import annotations

import io
import types
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from landbridge.features.downloads import coding as wire
from landbridge.features.downloads import es10, iot
from locator import state as st
from locator.codec import cbor, checked
from locator.esim import SIGNED, apdu, download, files, iccid_bytes
from locator.modem import Cell, ModemRestarted
from locator.session.session import ROOM_BYTES, UPLINK_BYTES

from host_tests.support.cards import started_driver
from host_tests.support.downloads import LOCAL, MATCH, ROAMING, DownloadingAgent, card, local
from tools.modem.card import notifications
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile

STRONG_MV = 3600
MODEMS = ["bg95", "sim7600"]


class Session:
    """A session of the firmware, with the agent at its other end."""

    def __init__(self, agent: DownloadingAgent, modem: Any, room: bytearray) -> None:
        self.agent = agent
        self.modem = modem
        self.room = memoryview(room)
        self.outcome = types.SimpleNamespace(sent=0)
        self.handlers = types.SimpleNamespace(download=None)
        self.reported: list[list[Any]] = []
        self.losing: Callable[[dict[int, Any]], bool] = lambda reports: False
        """Whether the connection breaks before these reports are heard."""

    most = UPLINK_BYTES

    def end_records(self) -> None:
        pass

    def turn(self, extras: Callable[[Any, bool], int], _more: bool) -> bool:
        out = cbor.Writer(self.room[: self.most])
        out.head(cbor.MAP, 1)
        assert extras(out, True) == 1
        reports = cbor2.loads(bytes(out.buf[: out.n]))
        self.reported += reports.values()
        self.outcome.sent += 1
        if self.losing(reports):
            return False
        self.take(self.agent.hears(reports))
        return True

    def take(self, downlink: dict[int, Any]) -> None:
        for key in (wire.REQUEST_KEY, wire.OFFER_KEY, wire.PIECE_KEY):
            if key in downlink:
                self.handlers.download = downlink[key]


class Device:
    """A tracker whose card has one profile."""

    def __init__(
        self, agent: DownloadingAgent, folder: Path, dialect: Any, euicc: Euicc, *variants: str
    ) -> None:
        self.agent = agent
        self.card = euicc
        self.driver = started_driver(dialect, euicc, *variants)
        self.driver.port.data_dir = str(folder)
        self.sleep = self.driver.port.sleep_ms
        self.driver.port.sleep_ms = self._sleep_ms
        self.state = st.new()
        self.state[st.LOADED_MV] = STRONG_MV
        self.senses = [0, 0, 0, STRONG_MV, 215, 0, 0, 0]
        self.cell: Any = Cell(40101, 1, 1, -95, -95)
        self.wake = types.SimpleNamespace(
            port=self.driver.port,
            modem=self.driver,
            state=self.state,
            senses=self.senses,
            cell=self.cell,
            room=bytearray(ROOM_BYTES),
        )

    def _sleep_ms(self, ms: int) -> None:
        if ms >= 250:  # while the device waits for the agent, the agent works
            self.agent.at_s += ms // 1_000
            self.agent.works()
        self.sleep(ms)

    def contact(self, losing: Callable[[dict[int, Any]], bool] = lambda reports: False) -> Session:
        """A session, after whose ordinary turn the download goes on."""
        session = Session(self.agent, self.driver, self.wake.room)
        session.losing = losing
        session.take(self.agent.hears({14: [0, 1, self.card.eid, 0, 0, [], []]}))
        if session.handlers.download:
            download.run(self.wake, session)
        return session

    def until_over(self, most: int = 8) -> None:
        for _ in range(most):
            self.contact()
            self.agent.works()
            if self.agent.row().outcome and all(each.removed_s for each in self.agent.notices()):
                return
            self.agent.at_s += 3_600
        raise AssertionError(self.agent.shown())

    def has(self, name: str) -> bool:
        return bool(checked.exists(self.driver.port.data_dir + name))


@pytest.fixture
def make(agent: DownloadingAgent, tmp_path: Path) -> Callable[..., Device]:
    def made(dialect: str, *variants: str, euicc: Euicc | None = None) -> Device:
        folder = tmp_path / "data"
        folder.mkdir()
        return Device(agent, folder, dialect, euicc or card(), *variants)

    return made


def is_installed(agent: DownloadingAgent, device: Device, size: int = 12_000) -> bool:
    """Whether the order has come to its end, the card whole, nothing left in flash."""
    there = [each for each in device.card.profiles if each.iccid == LOCAL]
    assert agent.shown()["state"] == "installed"
    assert [sha256(each.package).digest() for each in there] == [sha256(local(size).package).digest()]
    assert device.card.enabled.iccid != LOCAL and device.card.notifications == []
    return not device.has(download.PACKAGE) and not device.has(download.LOADING)


@pytest.mark.parametrize("dialect", MODEMS)
@pytest.mark.parametrize("size", [12_000, 40_000])
def test_a_profile_is_loaded_byte_for_byte(agent, smdp, make, dialect, size):
    smdp.order(MATCH, local(size))
    agent.order()
    device = make(dialect)
    device.until_over()
    assert is_installed(agent, device, size)
    assert size // 1_024 < device.state[st.DOWNLOADED_TODAY] <= size // 1_024 + 12


@pytest.mark.parametrize("variants", [("no-csim",), ("no-cgla",)])
def test_either_command_leads_to_the_card(agent, smdp, make, variants):
    smdp.order(MATCH, local())
    agent.order()
    device = make("bg95", *variants)
    device.until_over()
    assert is_installed(agent, device)


REFUSING = [(frozenset(), ("lines-short",)), (frozenset({"blocks-120"}), ()), (frozenset(), ())]


@pytest.mark.parametrize("dialect", MODEMS)
@pytest.mark.parametrize(("quirks", "variants"), REFUSING)
def test_large_blocks_are_given_up_when_card_or_modem_refuses_them(
    agent, smdp, make, monkeypatch, dialect, quirks, variants
):
    smdp.order(MATCH, local())
    agent.order()
    device = make(dialect, *variants, euicc=card(quirks=quirks))
    sizes: list[int] = []
    command: Any = apdu.Transport._command

    def counted(self: Any, instruction: int, p1: int, p2: int, data: bytes) -> Any:
        sizes.append(len(data))
        return command(self, instruction, p1, p2, data)

    monkeypatch.setattr(apdu.Transport, "_command", counted)
    device.until_over()
    assert is_installed(agent, device) and sizes[0] <= 120
    assert sizes.count(255) == 1 if quirks or variants else sizes.count(255) > 40


POSTPONED = {
    16: lambda device: device.state.__setitem__(st.LOADED_MV, 3_200),
    17: lambda device: device.senses.__setitem__(4, -300),
    18: lambda device: setattr(device.wake, "cell", Cell(40101, 1, 1, -118, -118)),
    19: lambda device: device.state.__setitem__(st.PROFILE_DUE, st.PROFILE_OPEN),
    23: lambda device: device.state.__setitem__(st.DOWNLOADED_TODAY, 55),
}


@pytest.mark.parametrize("reason", POSTPONED)
def test_a_postponed_action_is_reported_and_done_later(agent, smdp, make, reason):
    smdp.order(MATCH, local())
    agent.order()
    device = make("bg95")
    kept = (list(device.state), list(device.senses), device.wake.cell)
    POSTPONED[reason](device)
    session = device.contact()
    assert session.reported[-1][2] == reason and not device.has(download.LOADING)
    assert agent.row().outcome is None
    device.state[:], device.senses[:], device.wake.cell = st.new(kept[0]), kept[1], kept[2]
    device.until_over()
    assert is_installed(agent, device)


def test_a_result_that_is_lost_is_found_on_the_card(agent, smdp, make):
    smdp.order(MATCH, local())
    agent.order()
    device = make("bg95")
    device.contact(lambda reports: reports.get(15, [0, 0, 0, b""])[3][:2] == b"\xbf\x37")
    assert device.has(download.LOADING) and agent.row().outcome is None
    device.until_over()
    assert is_installed(agent, device) and agent.row().loads <= 2


def test_a_modem_restart_during_a_profile_load_is_resolved_by_reading_the_card(
    agent, smdp, make, monkeypatch
):
    smdp.order(MATCH, local())
    agent.order()
    device = make("bg95")
    pieces: Any = apdu.Transport.pieces
    sent: list[bytes] = []

    def cut(self: Any, request: bytes, *more: Any) -> Any:
        sent.append(bytes(request[:1]))
        if len(sent) == 9 + 6:  # some segments are on the card
            device.card.reset(cold=True)
            raise ModemRestarted("RDY")
        return pieces(self, request, *more)

    monkeypatch.setattr(apdu.Transport, "pieces", cut)
    with pytest.raises(ModemRestarted):
        device.contact()
    assert device.has(download.LOADING) and not device.has(download.PACKAGE)
    device.until_over()
    assert is_installed(agent, device)


def test_a_session_that_breaks_anywhere_is_started_again(agent, smdp, make):
    smdp.order(MATCH, local())
    agent.order()
    device = make("bg95")
    turns: list[int] = []
    for at in (1, 2, 3, 8):
        turns.clear()

        def losing(reports: dict[int, Any], at: int = at) -> bool:
            turns.append(at)
            return len(turns) == at

        device.contact(losing)
        assert not device.has(download.PACKAGE)
    agent.at_s += 86_400
    device.state[st.DOWNLOADED_TODAY] = 0
    device.until_over()
    assert is_installed(agent, device)


@pytest.mark.parametrize(("sent_today", "most"), [(0, 76), (59, 17), (60, 1)])
def test_an_agent_that_asks_for_ever_costs_a_day_s_messages_at_most(agent, make, sent_today, most):
    device = make("bg95")
    device.state[st.DOWNLOADED_TODAY] = sent_today
    session = Session(agent, device.driver, device.wake.room)
    agent.hears = lambda reports: {wire.REQUEST_KEY: [1, 1, 1]}
    session.handlers.download = [1, 1, 1]
    download.run(device.wake, session)
    assert len(session.reported) == most


def test_a_request_beyond_the_day_s_limit_is_postponed(agent, make):
    device = make("bg95")
    device.state[st.DOWNLOADED_TODAY] = 60
    session = Session(agent, device.driver, device.wake.room)
    session.handlers.download = [1, 1, es10.COLLECT]
    download.run(device.wake, session)
    assert [report[2] for report in session.reported] == [23]


def test_a_package_too_large_to_be_kept_is_refused(agent, make):
    device = make("bg95")
    session = Session(agent, device.driver, device.wake.room)
    session.handlers.download = [7, 1, bytes.fromhex("BF4E8205AA") + bytes(0x5AA)]
    download.run(device.wake, session)
    assert [report[2:] for report in session.reported] == [[22, b""]]
    assert not device.has(SIGNED)


def test_answers_that_a_full_flash_refuses_at_the_end_are_not_announced(agent, make, monkeypatch):
    class Full(io.FileIO):
        def close(self) -> None:
            if not self.closed:
                self.truncate(0)
                super().close()
                raise OSError(28)

    def opened(path: str, mode: str) -> Any:
        return Full(path, mode) if path.endswith(download.ANSWERS) and mode == "wb" else open(path, mode)

    device = make("bg95")
    session = Session(agent, device.driver, device.wake.room)
    session.handlers.download = [7, 1, es10.COLLECT]
    monkeypatch.setattr(download, "open", opened, raising=False)
    download.run(device.wake, session)
    assert [report[2:] for report in session.reported] == [[22, b""]]


@pytest.mark.parametrize("named", [False, True])
def test_a_profile_is_deleted_unless_the_policy_names_it(agent, make, named):
    euicc = Euicc([Profile(ROAMING, "460011234567890"), Profile(LOCAL, "401011234567890")])
    device = make("bg95", euicc=euicc)
    names = [ROAMING, LOCAL] if named else [ROAMING]
    profiles = [[iccid_bytes(each), "iot", "", ""] for each in names]
    files.write(device.driver.port.data_dir + files.POLICY, [1, 0, 1, profiles, [[0, 1]]])
    session = Session(agent, device.driver, device.wake.room)
    session.handlers.download = [7, 1, es10.delete(LOCAL)]
    download.run(device.wake, session)
    assert session.reported[0][2] == (wire.NOT_ALLOWED if named else wire.DONE)
    assert [each.iccid for each in euicc.profiles] == ([ROAMING, LOCAL] if named else [ROAMING])


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([iot.disable(ROAMING)], wire.NOT_ALLOWED),
        ([iot.list_profiles(), iot.enable(LOCAL)], wire.NOT_ALLOWED),
        ([iot.list_profiles(), iot.delete(LOCAL)], wire.DONE),
    ],
)
def test_a_package_that_switches_at_once_is_not_forwarded(agent, make, orders, reason):
    device = make("bg95", euicc=card(iot=True))
    session = Session(agent, device.driver, device.wake.room)
    key = ec.generate_private_key(ec.SECP256R1())
    head = iot.Head("somebody", device.card.eid, 1, bytes(8))
    session.handlers.download = [7, 1, iot.package(head, orders, key)]
    download.run(device.wake, session)
    assert [report[2] for report in session.reported] == [reason]


@pytest.mark.parametrize("dialect", MODEMS)
def test_a_result_that_is_too_long_for_an_uplink_is_cut_off(agent, smdp, make, monkeypatch, dialect):
    """The agent then asks the card which profiles it has."""
    monkeypatch.setattr(notifications, "INSTALLED", bytes(3_600))
    smdp.order(MATCH, local())
    agent.order()
    device = make(dialect)
    for _ in range(3):
        device.contact()
        agent.works()
    assert agent.shown()["state"] == "installed" and agent.row().loads == 1
    assert [each.iccid for each in device.card.profiles] == [ROAMING, LOCAL]
    assert not device.has(download.ANSWERS)


def test_a_profile_is_renamed(agent, make):
    device = make("bg95")
    session = Session(agent, device.driver, device.wake.room)
    session.handlers.download = [7, 1, es10.rename(ROAMING, "Steppe")]
    download.run(device.wake, session)
    assert session.reported[0][2] == wire.DONE and device.card.profiles[0].nickname == "Steppe"


@pytest.mark.parametrize(
    "asked",
    [
        None,
        7,
        [],
        [1],
        [1, 1],
        [1, 1, None],
        [1, 1, -5],
        [1, "1", b""],
        [True, 1, b""],
        [1, 1, 0, b"", 3],
        [1, 1, 70_000, bytes(32), 3],
        [1, 1, 9, b"piece"],
        [1, 1, b"\xbf\x31\x00"],
        [1, 1, b"\xbf\x38\x00"],
        [1, 1, b"\xbf"],
        [1 << 40, 1, 5],
    ],
)
def test_a_downlink_that_asks_for_something_else_does_nothing(agent, make, asked):
    device = make("bg95")
    session = Session(agent, device.driver, device.wake.room)
    before = [each.iccid for each in device.card.profiles], device.card.enabled.iccid
    session.handlers.download = asked
    download.run(device.wake, session)
    assert all(report[2] in (wire.LOST, wire.NOT_ALLOWED, wire.DONE) for report in session.reported)
    assert ([each.iccid for each in device.card.profiles], device.card.enabled.iccid) == before
    assert not device.has(download.PACKAGE) and not device.has(download.LOADING)
