"""Downloads of profiles from end to end: the agent's pipeline and worker, a scripted SM-DP+, a strict card,
and a device that does what docs/explanation/profile-download.md says, no more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import cbor2
from landbridge.config import Esim
from landbridge.core.clock import from_epoch_s
from landbridge.features.downloads import coding as wire
from landbridge.features.downloads import es10, queries, rules, trust
from landbridge.features.downloads.rules import Wanted
from landbridge.features.downloads.worker import Downloads
from landbridge.features.esim.queries import notifications
from landbridge.protocol import der, envelope
from landbridge.protocol.point import Point
from sqlalchemy import Row

from host_tests.support.agent import DEVICE, NOW_S
from host_tests.support.lpa import Direct, Es10, StatusWordError
from host_tests.support.pipeline import KEY, Agent
from host_tests.support.uplink_encoder import encode_uplink
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import Profile
from tools.world.services.smdp.profiles import Offered, offered
from tools.world.services.smdp.server import Server

ROAMING, LOCAL = "8986011234567890123", "8997101234567890123"
IMSI = "401011234567890"
MATCH = "7QX-2M"
CODE = f"LPA:1$smdp.example${MATCH}"
"""An activation code."""
MAY = (
    *(0xBF3E, 0xBF20, 0xBF22, 0xBF2D, 0xBF2E, 0xBF38, 0xBF21, 0xBF41, 0xBF2B, 0xBF30, 0xBF29, 0xBF33),
    *(0xBF4E, 0xBF51, 0xBF55, 0xBF56, 0xBF57),
)
"""What a device passes on, beside the segments of a package."""
_MOST_TURNS = 120


def local(size: int = 12_000) -> Offered:
    """The profile that is wanted."""
    return offered(LOCAL, IMSI, size, "Steppe", "Kazmobile")


def card(**more: Any) -> Euicc:
    """A card with a roaming profile."""
    return Euicc([Profile(ROAMING, "460011234567890", "Roaming")], **more)


class DownloadingAgent(Agent):
    """The agent with the worker for downloads, which works when a test says so."""

    def __init__(self, folder: Path, smdp: Server, servers: str | None = None, place: str = "") -> None:
        super().__init__(folder, place)
        self.at_s = NOW_S
        self.folder = folder
        (folder / "ci.pem").write_text(smdp.ca_pem)
        esim = Esim(smdp.address if servers is None else servers, str(folder / "ci.pem"))
        self.trusted = trust.load(esim)
        self.smdp = smdp
        clock: Any = self
        self.worker = Downloads(self.database, self.keyring, clock, self.trusted)

    def now_s(self) -> int:
        return self.at_s

    def now(self) -> datetime:
        return from_epoch_s(self.at_s)

    def code(self, matching_id: str = MATCH) -> str:
        return f"LPA:1${self.smdp.address}${matching_id}"

    def order(self, code: str | None = None, confirmation: str = "", then_enable: bool = False) -> int:
        """Order a download for the device."""
        wanted = Wanted(DEVICE, rules.code_of(code or self.code(), confirmation, self.trusted))
        with self.database.writing() as connection:
            return rules.order(connection, self.keyring, wanted, then_enable, "bench", self.at_s)

    def works(self) -> None:
        """Do what waits for the agent now."""
        self.worker.turn()
        self.worker.finish()

    def row(self, download: int = 1) -> Row[Any]:
        with self.database.reading() as connection:
            found = queries.find(connection, download)
        assert found is not None
        return found

    def shown(self, download: int = 1) -> dict[str, Any]:
        with self.database.reading() as connection:
            found = queries.find(connection, download)
            assert found is not None
            return queries.shown(connection, [found])[0]

    def notices(self) -> list[Row[Any]]:
        with self.database.reading() as connection:
            return notifications.of_device(connection, DEVICE)

    def hears(
        self, reports: dict[int, Any], points: Sequence[Point] = (), device: str = DEVICE
    ) -> dict[int, Any]:
        """The downlink to an uplink with these reports and points."""
        self.number += 1
        plain = encode_uplink([*points], reports=dict(sorted(reports.items())))
        assert len(plain) <= 3_500
        answer = self.take(envelope.seal(KEY, device, "up", self.number, plain), device)
        assert answer is not None and len(cbor2.dumps(answer[1])) <= 1_400
        return {key: value for key, value in answer[1].items() if key >= 4}


class LocatorWithCard:
    """The device: it knows no more of a download than what lies in flash and what the downlink says."""

    def __init__(
        self, agent: DownloadingAgent, euicc: Euicc, passing: bool = False, device: str = DEVICE
    ) -> None:
        """`passing`: time passes while it waits."""
        self.agent = agent
        self.name = device
        self.passing = passing
        self.may: Collection[int] = MAY
        self.watch: Callable[[], object] = lambda: None
        """Called after each piece."""
        self.lose_answer = False
        """Whether the answers to the next step are lost, after the card has done it."""
        self.garbles = False
        """Whether the result of the next load is none."""
        self.before_result: Callable[[], object] = lambda: None
        """Called between the load and its report."""
        self.card = euicc
        self.contacts = Direct(euicc)
        self._isd_r = Es10(self.contacts)
        self.is_open = False
        """Whether the card has a session, since its last reset."""
        self.loading: list[int] = []
        """[download, step] in flash from the first segment on."""
        self.turns = self.pulls = self.sessions = 0
        self.postponed = 0
        self.cut_at: int | None = None
        """The segment before which the power is cut."""
        self.restart_at: int | None = None
        """The tag of the request before which the modem restarts."""
        self.package = b""
        """The signed package for the next switch, in flash."""
        self.damage = False
        """Whether the package arrives damaged."""

    def restart(self) -> None:
        """Power off and on."""
        self.contacts.uicc.reset()
        self.card.reset(cold=True)
        self.contacts.opened()
        self.is_open = False

    def send(self, request: bytes) -> bytes:
        """One ES10 request in blocks of STORE DATA; `StatusWordError` when the card refuses it."""
        return self._isd_r.send(request)

    def contact(self, most: int = _MOST_TURNS) -> None:
        """A session: what waits first, then as the downlinks say."""
        self.sessions += 1
        reports: dict[int, Any] | None = {14: [0, 1, self.card.eid, 0, 0, [], []]}
        if self.loading:
            download, step = self.loading
            self.loading = []
            reports = {**(reports or {}), 15: [download, step, wire.INTERRUPTED, b""]}
        for _ in range(most):
            if reports is None:
                return
            self.turns += 1
            reports = self._obey(self._hears(reports))

    def _hears(self, reports: dict[int, Any]) -> dict[int, Any]:
        return self.agent.hears(reports, device=self.name)

    def _obey(self, downlink: dict[int, Any]) -> dict[int, Any] | None:
        """The reports of the next uplink; None: the session is over."""
        if wire.REQUEST_KEY in downlink:
            download, step, what = downlink[wire.REQUEST_KEY]
            if what == wire.OVER:
                self.is_open = False
                return None
            if isinstance(what, int):
                if self.passing:
                    self.agent.at_s += -(-what // 4)
                self.agent.works()
                return {15: [download, step, *self._asks(step)]}
            return {15: [download, step, *self._relay(what)]}
        if wire.OFFER_KEY in downlink:
            return self.load(*downlink[wire.OFFER_KEY])
        return None

    def _asks(self, _step: int) -> tuple[int, bytes]:
        return (wire.DONE, b"") if self.is_open else (wire.LOST, b"")

    def _relay(self, requests: bytes) -> tuple[int, bytes]:
        if self.postponed:
            return self.postponed, b""
        answers = b""
        for tag, _, request in der.objects(requests):
            if tag not in self.may:
                return wire.NOT_ALLOWED, b""
            if tag == self.restart_at:
                self.restart_at = None
                self.restart()
            if tag == 0xBF4E:
                self.package = der.only(request, 0xBF4E)
                answers += bytes.fromhex("BF4E020500")
                continue
            if tag == 0xBF2E:
                self.is_open = True
            if tag in (0xBF38, 0xBF21, 0xBF41) and not self.is_open:
                return wire.LOST, b""
            try:
                answers += self.send(request)
            except StatusWordError:
                return wire.NO_CARD, b""
        if self.lose_answer:
            self.lose_answer = False
            return wire.NO_CARD, b""
        return wire.DONE, answers

    def load(self, download: int, step: int, size: int, digest: bytes, count: int) -> dict[int, Any] | None:
        if not self.is_open:
            return {15: [download, step, wire.LOST, b""]}
        package = b""
        while len(package) < size:
            self.pulls += 1
            downlink = self._hears({16: [download, step, len(package)]})
            if wire.PIECE_KEY not in downlink:
                return self._obey(downlink)
            assert downlink[wire.PIECE_KEY][:3] == [download, step, len(package)]
            package += downlink[wire.PIECE_KEY][3]
            self.watch()
        if self.damage:
            package, self.damage = package[:-1] + bytes([package[-1] ^ 1]), False
        if hashlib.sha256(package).digest() != digest:
            return {15: [download, step, wire.DAMAGED, b""]}
        parts = list(parts_of(package))
        assert len(parts) == count
        self.loading = [download, step]
        answer = self._send_all(parts)
        self.is_open = False
        if answer is None:
            return None
        self.before_result()
        self.loading = []
        if self.garbles:
            self.garbles, answer = False, b"\x30\x00"
        return {15: [download, step, wire.DONE if answer else wire.INTERRUPTED, answer]}

    def _send_all(self, parts: list[bytes]) -> bytes | None:
        """What the card answers to the segments, empty without an answer; None: the power was cut."""
        for number, part in enumerate(parts):
            if number == self.cut_at:
                self.cut_at = None
                self.restart()
                return None
            try:
                if answer := self.send(part):
                    return answer
            except StatusWordError:
                break
        return b""

    def collected(self) -> bytes:
        """The answers to the first requests."""
        return b"".join(self.send(each.whole) for each in der.objects(es10.COLLECT))

    def notification(self, seq: int) -> bytes:
        """One of the card, as it has signed it."""
        answer = self.send(der.make(0xBF2B, der.make(0xA0, der.make(0x80, der.integer(seq)))))
        return der.value(answer, 0xBF2B, 0xA0)

    def tell_stripped(self, seq: int, operation: int, iccid: str, whole: bytes) -> None:
        """Send a notification without its certificates, as part of the report about the card."""
        data, signature = list(der.objects(der.only(whole, 0x30)))[:2]
        stripped = der.make(0x30, data.whole, signature.whole)
        piece = [seq, operation, iccid_bytes(iccid), len(stripped), 0, stripped]
        self._hears({14: [0, 1, self.card.eid, 0, 0, [], [], [], piece]})

    def until_over(self, most: int = 12) -> None:
        """Sessions until the order has ended and every notification is posted and removed."""
        for _ in range(most):
            self.contact()
            self.agent.works()
            row = self.agent.row()
            if row.outcome and all(each.removed_s for each in self.agent.notices()):
                return
            self.agent.at_s = max(self.agent.at_s + 3_600, row.next_s)
        raise AssertionError(f"not over: {self.agent.shown()}")


def parts_of(package: bytes) -> Any:
    """The segments of a package as a device pulls it."""
    at = 0
    while at < len(package):
        length = int.from_bytes(package[at : at + 2], "big")
        yield package[at + 2 : at + 2 + length]
        at += 2 + length


def iccids(euicc: Euicc) -> list[str]:
    """The profiles that are on a card."""
    return [each.iccid for each in euicc.profiles]


def ends(agent: DownloadingAgent, **card_has: Any) -> tuple[str, LocatorWithCard]:
    """Why an order has failed, and the device; its card is as it was."""
    device = LocatorWithCard(agent, card(**card_has))
    before = iccids(device.card)
    device.until_over()
    shown = agent.shown()
    assert shown["state"] == "failed" and shown["problem"]
    assert iccids(device.card) == before
    assert agent.row().wrapped_code is None and agent.row().wrapped_session is None
    return str(shown["problem"]), device
