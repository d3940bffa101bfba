"""A part of the hostile-broker tests, and that they would notice a fault."""

import json
import shutil

import pytest
from locator.codec import cose

from tools.flash.layout import FIRMWARE
from tools.verify.harness.figures import Part
from tools.verify.hostile import broker as hostile_broker
from tools.verify.hostile import crypto as hostile_crypto
from tools.verify.hostile import downlinks as hostile_downlinks
from tools.verify.hostile import hostile
from tools.world.services import hostile as broker
from tools.world.services.hostile import Message

pytestmark = pytest.mark.slow


def test_published_vectors_and_a_slice_of_the_random_checks_are_right_on_both_runtimes():
    part = hostile_crypto.run(seed=3, checks=200)
    assert part.failures == []
    assert part.figures["published vectors"] == 25
    assert part.figures["right on CPython"] == part.figures["right on MicroPython"] == 225
    assert part.figures["inverted bits refused on MicroPython"] > 9_000


def published_wrong():
    """What the device's code gets wrong of the published vectors."""
    return hostile_crypto.on_cpython([json.dumps(case) for case in hostile_crypto.published()])["wrong"]


def test_a_device_that_does_not_check_the_tag_is_found(monkeypatch):
    honest = cose.Ccm.decrypt
    monkeypatch.setattr(cose.Ccm, "decrypt", lambda *call: honest(*call) or True)
    assert all("bit" in wrong for wrong in published_wrong()) and published_wrong()


@pytest.mark.parametrize(("what", "place"), [("nonce", 1), ("aad", 2)])
def test_a_device_that_forgives_one_bit_is_found_out(monkeypatch, what, place):
    honest = cose.Ccm.decrypt

    def decrypt(*call):
        forgiven = [*call]
        forgiven[place] = bytes([call[place][0] ^ 1]) + call[place][1:]
        forgiven[3] = bytearray(call[3])
        return honest(*call) or honest(*forgiven)

    monkeypatch.setattr(cose.Ccm, "decrypt", decrypt)
    wrong = published_wrong()
    assert wrong and all(each.endswith(f"{what} bit 0") for each in wrong)


def test_an_hmac_that_cuts_long_keys_is_found_out(monkeypatch):
    honest = cose.hmac_sha256
    monkeypatch.setattr(cose, "hmac_sha256", lambda key, data: honest(key[:64], data))
    assert published_wrong() == ["hkdf RFC 5869 A.2", "hmac RFC 4231 6", "hmac RFC 4231 7"]


def test_the_command_ends_with_1_after_a_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["hostile"])
    monkeypatch.setattr(hostile, "PARTS", {"one": lambda seed: Part({"tried": seed}, ["taken"])})
    assert hostile.main() == 1
    assert "one: tried 1\nfailures 1" in capsys.readouterr().out
    assert json.loads((tmp_path / hostile.OUT).read_text())["one"]["failures"] == ["taken"]


def test_the_device_takes_no_hostile_downlink_and_reports_after_each():
    part = hostile_downlinks.run(seed=3, many=20)
    assert part.failures == []
    assert part.figures["accepted"] == part.figures["stuck"] == 0
    assert part.figures["settings, one bit"] > 200 and part.figures["bad tag"] == 64


def test_a_device_that_takes_old_replies_is_found_out(tmp_path):
    firmware = shutil.copytree(FIRMWARE, tmp_path / "firmware")
    path = firmware / "locator" / "session" / "session.py"
    text = path.read_text()
    assert "if reply.get(_ANSWERED) in self._sent:" in text
    path.write_text(text.replace("if reply.get(_ANSWERED) in self._sent:", "if reply:"))
    part = hostile_downlinks.run(seed=3, many=1, firmware=firmware, parts=["replayed"])
    assert any("replay" in failure and "freed" in failure for failure in part.failures)


def test_with_a_hostile_broker_nothing_is_lost_and_no_command_runs_twice():
    part = hostile_broker.run(seed=1, days=1)
    assert part.failures == []
    assert part.figures["records"] > 20 and part.figures["restarts"] == 1
    assert sum(figure for name, figure in part.figures.items() if name.startswith("messages")) > 5


UP, DOWN = "landbridge/lb-1/up", "landbridge/lb-1/down"


@pytest.mark.parametrize("deed", [broker.HONEST, *broker.DEEDS])
def test_the_broker_commits_every_deed(tmp_path, deed):
    hostility = broker.Hostility(tmp_path, 1, [b"theirs"])
    hand = broker.Hand(tmp_path)
    hand.deal(Message(UP, b"first up"))
    hand.deal(Message(DOWN, b"first down"))
    (tmp_path / "deed").write_text(deed)
    ups, downs = hand.deal(Message(UP, b"up")), hand.deal(Message(DOWN, b"down"))
    assert (Message(UP, b"up") in ups) == (deed != broker.HOLD_UP)
    assert (Message(DOWN, b"down") in downs) == (deed != broker.HOLD_DOWN)
    least = {broker.HONEST: 2, broker.HOLD_UP: 1, broker.HOLD_DOWN: 1, broker.FLOOD: broker.MANY}
    assert len(ups) + len(downs) >= least.get(deed, 4)
    hostility.rest()
    hostility.before_publish()
    assert hostility.reply_awaited() and hostility.deeds == {broker.HONEST: 1}
    later = [*hand.deal(Message(UP, b"later")), *hand.deal(Message(DOWN, b"later"))]
    assert (Message(UP, b"up") in later) == (deed == broker.HOLD_UP)
    assert (Message(DOWN, b"down") in later) == (deed == broker.HOLD_DOWN)
