"""The configuration in files and in NVS."""

import json
import os
import sys
from binascii import crc32

import scratch
from locator.config import Config
from raising import raises

PEM = b"-----BEGIN CERTIFICATE-----\n" + bytes(1500)


class Nvs:
    """As `esp32`, whose NVS takes so many more blobs."""

    def __init__(self, takes=9):
        self.kept, self.takes = {}, takes

    def __enter__(self):
        self._before = sys.modules.get("esp32")
        sys.modules["esp32"] = self
        return self

    def __exit__(self, *_):
        del sys.modules["esp32"]
        if self._before:
            sys.modules["esp32"] = self._before

    def NVS(self, space):
        assert space == "landbridge"
        return self

    def set_blob(self, key, data):
        if not self.takes:
            raise OSError(-0x1105)
        self.takes -= 1
        self._pending = key, bytes(data)

    def commit(self):
        key, self.kept[key] = self._pending

    def get_blob(self, key, buf):
        if key not in self.kept:
            raise OSError(-0x1102)
        if len(buf) < len(self.kept[key]):
            raise OSError(-0x110C)
        buf[: len(self.kept[key])] = self.kept[key]
        return len(self.kept[key])


def files(name="lb-1"):
    values = {"device": name, "key": "00" * 32, "broker_host": "h", "broker_port": 8883}
    values["broker_password"], values["apn"], values["ca_crc"] = "p", "iot", crc32(PEM)
    text = "".join("%s=%s\n" % (key, values[key]) for key in sorted(values))
    values["crc"] = crc32(text.encode())
    folder = scratch.folder()
    for file, data in (("device.json", json.dumps(values).encode()), ("ca.pem", PEM)):
        for copy in ("", ".copy"):
            with open(folder + "/" + file + copy, "wb") as f:
                f.write(data)
    return folder


def emptied(folder):
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)
    return folder


def read(folder):
    config = Config(folder)
    return config.device, config.key, config.ca()


WHOLE = ("lb-1", bytes(32), PEM)


def test_the_first_wake_moves_it_and_a_file_system_made_again_takes_nothing_with_it():
    folder = files()
    with Nvs() as nvs:
        assert read(folder) == WHOLE
        assert sorted(nvs.kept) == ["ca.pem", "device.json"] and nvs.takes == 7
        assert read(emptied(folder)) == WHOLE and nvs.takes == 7
        assert read(files("lb-2"))[0] == "lb-2"  # another device's was laid on
        assert read(emptied(folder))[0] == "lb-2"


def test_files_that_do_not_fit_into_nvs_stay_and_are_moved_later():
    for takes in range(2):
        folder = files()
        with Nvs(takes) as nvs:
            assert read(folder) == WHOLE and "device.json" not in nvs.kept
            nvs.takes = 9
            assert read(folder) == WHOLE and read(emptied(folder)) == WHOLE


def test_a_damaged_nvs_entry_is_read_from_the_files():
    folder = files()
    with Nvs() as nvs:
        read(folder)
        for name in ("device.json", "ca.pem"):
            for damaged in (nvs.kept[name][:-3], b"", b"\xff" + nvs.kept[name][1:]):
                nvs.kept[name] = damaged
                assert read(folder) == WHOLE
    with Nvs():
        assert "device.json" in str(raises(ValueError, read, emptied(folder)))
