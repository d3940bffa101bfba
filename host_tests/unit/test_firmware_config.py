"""The configuration of a device: the firmware reads what the agent writes, and a copy stands in for it."""

import json

import pytest
from landbridge import config
from landbridge.features.devices import enrol
from locator.config import Config

PEM = b"-----BEGIN CERTIFICATE-----\n" + 5 * (b"A" * 64 + b"\n") + b"-----END CERTIFICATE-----\n"
GIVEN = {
    "device": "lb-1",
    "key": "00" * 32,
    "broker_host": "h",
    "broker_port": 8883,
    "broker_password": "p",
    "apn": "iot",
    "interval_s": 900,
}


@pytest.mark.parametrize(
    ("more", "login"),
    [
        ({}, (b"", b"")),
        ({"apn_user": "me"}, (b"me", b"")),
        ({"apn_user": "me", "apn_password": "it is"}, (b"me", b"it is")),
        ({"apn_user": 'a"b'}, None),
        ({"apn_password": "a\rAT+CPOF"}, None),
        ({"apn_user": "ü"}, None),
        ({"apn_user": 7}, None),
    ],
)
def test_a_login_that_may_stand_in_a_command(tmp_path, more, login):
    (tmp_path / "device.json").write_text(json.dumps(GIVEN | more))
    if login is None:
        with pytest.raises(ValueError, match="apn_user"):
            Config(str(tmp_path))
    else:
        assert Config(str(tmp_path)).apn_login == login


def test_a_configuration_that_a_bit_has_changed_gives_way_to_its_copy(tmp_path):
    given = config.Devices(str(tmp_path), broker_host="h")
    folder = enrol.write_folder(given, "lb-1", bytes(32), PEM)
    for name in (enrol.SETTINGS, enrol.CERTIFICATE):
        good = (folder / name).read_bytes()
        for bit in range(0, 8 * len(good), 7):
            damaged = bytearray(good)
            damaged[bit // 8] ^= 1 << bit % 8
            (folder / name).write_bytes(damaged)
            read = Config(str(folder))
            assert (read.device, read.key, read.broker_host, read.ca()) == ("lb-1", bytes(32), b"h", PEM)
        for rest in (b"", None):
            (folder / name).unlink() if rest is None else (folder / name).write_bytes(rest)
            assert Config(str(folder)).ca() == PEM
            assert (folder / name).read_bytes() == good  # it is mended


def test_without_a_copy_a_damaged_configuration_is_none(tmp_path):
    (tmp_path / "device.json").write_text(json.dumps(GIVEN | {"crc": 1}))
    with pytest.raises(ValueError, match=r"device\.json"):
        Config(str(tmp_path))
