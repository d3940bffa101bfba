"""Notifications of the eUICC: from the card into flash, and to the agent in pieces."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from landbridge.db.database import Database, open_database
from landbridge.db.opened import opened
from landbridge.downlinks import registry as downlinks
from landbridge.features.devices import queries as devices
from landbridge.features.esim import coding as wire
from landbridge.features.esim import handler as cards
from landbridge.features.esim.queries import notifications as stored
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink
from locator import state as st
from locator.codec import cbor, checked
from locator.downlink import profiles as obeyed
from locator.esim import euicc, files, iccid_bytes, memory, notices, tlv
from locator.scheduler import profile

from host_tests.support.agent import DEVICE
from host_tests.support.cards import EUROPE_ICCID, four_profiles, started_driver
from host_tests.support.cards import opened as opened_card
from host_tests.support.command import Command
from tools.modem.card.card import Card
from tools.modem.card.euicc import Euicc

CARDS = downlinks.Handler(cards.on_report, pending=cards.pending)
NOW_S = 850_000_000


class Device:
    """On a bench, too."""

    def __init__(self, folder: Path, card: Card) -> None:
        self.driver = started_driver("bg95", card)
        self.port = types.SimpleNamespace(data_dir=str(folder))
        self.state = st.new()
        memory.Memory(str(folder)).save()

    def will_report(self, bit: int) -> None:
        self.state[st.TO_REPORT] |= bit

    def collects(self) -> bool:
        """What a wake does after a switch, registered; whether there may be more."""
        notices.collect(self.driver, self.state, self.port.data_dir)
        return bool(self.state[st.PROFILE_DUE] & profile.NOTICES)

    def reports(self) -> Any:
        out = cbor.Writer(bytearray(1300))
        out.head(cbor.MAP, obeyed.write(self, out) and 1)
        return cbor2.loads(bytes(b"\xa1" + out.buf[: out.n - 1]))[wire.REPORT_KEY]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "landbridge.sqlite3")
    with database.writing() as connection:
        devices.add(connection, DEVICE, b"wrapped", NOW_S)
    yield database
    database.close()


def hears(database: Database, said: Any) -> None:
    with database.writing() as connection:
        uplink = Uplink(reports={wire.REPORT_KEY: said})
        assert downlinks.answer(connection, DEVICE, uplink, NOW_S, (CARDS,)).refused == []


def switched(folder: Path) -> tuple[Euicc, Device]:
    card = four_profiles()
    device = Device(folder, card)
    transport = opened_card(device.driver)
    assert euicc.enable(transport, EUROPE_ICCID, 1) == euicc.OK
    transport.close()
    return card, device


def uploads(database: Database, device: Device) -> int:
    """Upload the notification that was collected; returns in how many pieces."""
    pieces = 0
    while device.state[st.TO_REPORT] & profile.REPORT:
        said = device.reports()
        assert len(cbor2.dumps(said)) < 700
        hears(database, said)
        if pieces == 0:
            hears(database, said)  # the downlink was lost: it comes again
        device.state[st.TO_REPORT] = 0
        obeyed.on_ack(device)
        pieces += 1
    return pieces


def test_each_is_uploaded_once_without_certificates_and_stays_on_the_card(database: Database, tmp_path: Path):
    card, device = switched(tmp_path)
    whole = [each for _, each in tlv.wholes(tlv.find(card.es10(b"\xbf\x2b\x00"), 0xBF2B, 0xA0))]
    assert [each.operation for each in card.notifications] == [0x40, 0x20]
    pieces = []
    while device.collects():
        assert device.state[st.TO_REPORT] & profile.REPORT
        pieces.append(uploads(database, device))
    assert pieces == [1, 1] and len(card.notifications) == 2
    with database.reading() as connection:
        rows = stored.of_device(connection, DEVICE)
    assert [row.operation for row in rows] == [0x40, 0x20]
    for row, there in zip(rows, whole, strict=True):
        assert len(row.content) == row.total < 255 < len(there)
        signed = tlv.wholes(tlv.find(there, 0x30))[:2]
        assert row.content == tlv.make(0x30, b"".join(part for _, part in signed))
    assert device.reports()[8] == [] and not device.collects()


def test_removed_notifications_make_room_for_the_next(database: Database, tmp_path: Path):
    card, device = switched(tmp_path)
    while device.collects():
        uploads(database, device)
    card.notifications.clear()
    transport = opened_card(device.driver)
    assert euicc.enable(transport, iccid_bytes(card.profiles[0].iccid), 1) == euicc.OK
    transport.close()
    while device.collects():
        uploads(database, device)
    with database.reading() as connection:
        assert [row.operation for row in stored.of_device(connection, DEVICE)] == [0x40, 0x20, 0x40, 0x20]
    assert len(checked.read(str(tmp_path) + files.NOTICE)[files.UPLOADED]) == 1


def test_a_card_that_refuses_or_reports_nothing_costs_no_session(tmp_path: Path):
    device = Device(tmp_path, Card())
    device.state[st.PROFILE_DUE] = profile.KNOWN | profile.NOTICES
    assert not device.collects() and device.state[st.PROFILE_DUE] == profile.KNOWN
    device = Device(tmp_path, four_profiles())
    assert not device.collects() and not (tmp_path / files.NOTICE[1:]).exists()


def test_one_that_is_too_long_stays_on_the_card(tmp_path: Path, monkeypatch: Any):
    card, device = switched(tmp_path)
    monkeypatch.setattr(files, "MOST_CONTENT", 100)
    assert not device.collects() and len(card.notifications) == 2


BAD = [
    [1, 0x40, bytes(10), 5, 0],
    [1, 0x40, bytes(10), 5, 0, b""],
    [1, 0x40, bytes(10), 5, 3, b"abc"],
    [1, 0x40, b"short", 5, "0", b"abc"],
    [1, 0x40, bytes(10), 9999, 0, b"abc"],
]


@pytest.mark.parametrize("piece", BAD)
def test_pieces_that_are_none(piece: Any):
    with pytest.raises(WireError):
        wire.decode_report([1, 0, "", 0, 0, [], [], [], piece])


def test_the_command(landbridge: Command, tmp_path: Path):
    command = landbridge
    command("devices", "add", DEVICE)
    with opened() as it, it.database.writing() as connection:
        stored.keep(connection, DEVICE, wire.Piece(7, 0x40, "8949", 4, 0, b"ab"), NOW_S)
        stored.keep(connection, DEVICE, wire.Piece(8, 0x20, "8949", 2, 0, b"cd"), NOW_S)
    said = command("esim", "notifications", DEVICE, "--save", str(tmp_path / "saved"))
    assert "enable" in said and "disable" in said
    saved = [json.loads(path.read_text()) for path in (tmp_path / "saved").iterdir()]
    assert saved == [{"pendingNotification": "Y2Q="}]
