"""Adds devices: makes keys and the configuration for their flash; retires them."""

import json
import os
import secrets
import shutil
from binascii import crc32
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from landbridge import config
from landbridge.core import files
from landbridge.core.clock import Clock, iso
from landbridge.core.errors import UserError
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.settings import queries as device_settings
from landbridge.features.trips import queries as trips
from landbridge.ingest.queries import dead_letters
from landbridge.protocol.envelope import broker_password, open_envelope
from landbridge.protocol.limits import WireError, is_device_id
from landbridge.tracking.trip_end import follow

KEY_BYTES = 32
SETTINGS, CERTIFICATE = "device.json", "ca.pem"
COPY = ".copy"
"""Files that are stored twice in flash."""
_LARGEST_CERTIFICATE = 4096
_MOST_WAITED_S = 7 * 86_400
"""Largest interval between uplinks (protocol/settings.toml, report_most_s)."""


class Enrolment:
    """Adds devices for `who`, with files for the flash of each. `UserError` when none can be added."""

    def __init__(self, settings: config.Config, keyring: Keyring, who: str, now_s: int) -> None:
        if not settings.devices.broker_host:
            raise UserError(
                "no broker for devices: name the host that they reach it by in [devices] broker_host"
            )
        self._devices, self._keyring, self._who, self._now_s = settings.devices, keyring, who, now_s
        self._certificate = _certificate(settings)
        self._keys: dict[str, bytes] = {}

    def add(self, connection: Connection, device: str, tags: Collection[str] = ()) -> None:
        """Add `device`; `write` makes its files."""
        if not is_device_id(device):
            raise UserError(f"{device!r} cannot be a device id: 1 to 32 of a-z, 0-9 and -", "device")
        _check_new(connection, device)
        if (folder := self.folder(device)).exists():
            raise _exists(folder)
        key = secrets.token_bytes(KEY_BYTES)
        wrapped = self._keyring.wrap(key, first=devices.are_none(connection))
        devices.add(connection, device, wrapped, self._now_s, tags)
        interval_s = {"interval_s": self._devices.interval_s}
        device_settings.change(connection, device, interval_s, self._who, self._now_s)
        self._keys[device] = key

    def write(self) -> None:
        """Write the files of all added devices, before the commit: a device without its files is not added.
        After an error none is left: their keys were never stored."""
        written = []
        try:
            for device, key in self._keys.items():
                write_folder(self._devices, device, key, self._certificate)
                written.append(device)
        except BaseException:
            for device in written:
                shutil.rmtree(self.folder(device))
            raise

    def folder(self, device: str) -> Path:
        """Return the folder with device.json and ca.pem and the copy of each, to lay on its flash."""
        return Path(self._devices.directory) / device


def enrol(
    settings: config.Config, database: Database, keyring: Keyring, clock: Clock, device: str, who: str
) -> Path:
    """Add one device; return the folder for its flash."""
    enrolment = Enrolment(settings, keyring, who, clock.now_s())
    with database.writing() as connection:
        enrolment.add(connection, device)
        enrolment.write()
    return enrolment.folder(device)


def retire(connection: Connection, device: str, now_s: int) -> Row[Any] | None:
    """End the trip of a device and forget its key; its history stays. Return the trip that has ended."""
    devices.device_in_use(connection, device)
    running = trips.running(connection, device)
    if running is not None:
        trips.end(connection, running.trip, max(now_s, running.started_s))
        follow(connection, device, running.trip, now_s)
    devices.retire(connection, device, now_s)
    return running


def forget_files(settings: config.Config, device: str) -> None:
    """Remove the files for the flash of a retired device: its key and password are in them."""
    shutil.rmtree(Path(settings.devices.directory) / device, ignore_errors=True)


def adopt(
    connection: Connection, keyring: Keyring, clock: Clock, device: str, settings: Path
) -> list[Row[Any]]:
    """Add `device`, which has the settings in this device.json already; returns what it has sent so far
    (payload, received_s), which stays in quarantine. `UserError` when they are not its own."""
    key = _key_of(device, settings)
    _check_new(connection, device)
    waiting = dead_letters.in_quarantine(connection, device)
    if waiting and not any(_opens(key, device, each.payload) for each in waiting):
        raise UserError(
            f"the key in {settings} decrypts no message of {device}: it belongs to another device"
        )
    wrapped = keyring.wrap(key, first=devices.are_none(connection))
    # It has worked before, so its quarantined messages are its own.
    known_s = min([each.received_s - _MOST_WAITED_S for each in waiting], default=clock.now_s())
    devices.add(connection, device, wrapped, known_s)
    return waiting


def _check_new(connection: Connection, device: str) -> None:
    row = devices.find(connection, device)
    if row and row.retired_s is not None:
        raise UserError(
            f"device {device} was retired at {iso(row.retired_s)}, and its key is deleted: add its tracker"
            " under another id with `landbridge devices add`, and `make provision` it with REPLACE=1",
            "device",
        )
    if row:
        raise UserError(f"device {device} already exists; `landbridge devices show {device}`", "device")


def _key_of(device: str, settings: Path) -> bytes:
    try:
        given = files.json_of(files.text(settings), str(settings))
        key = bytes.fromhex(given["key"])
        if given["device"] != device or len(key) != KEY_BYTES:
            raise ValueError(f"it is of {given['device']}, its key has {len(key)} bytes")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{settings} is no {SETTINGS} of {device}: {error}") from None
    return key


def _opens(key: bytes, device: str, payload: bytes) -> bool:
    try:
        open_envelope(key, device, "up", payload)
    except WireError:
        return False
    return True


def _certificate(settings: config.Config) -> bytes:
    file = settings.devices.ca_file or settings.broker.ca_file
    if not file:
        raise UserError("no CA for devices: name the PEM file of the broker's CA in [devices] ca_file")
    try:
        pem = files.contents(Path(file))
    except UserError as error:
        raise UserError(f"cannot read CA of [devices] ca_file: {error}") from None
    if b"-----BEGIN CERTIFICATE-----" not in pem or len(pem) > _LARGEST_CERTIFICATE:
        raise UserError(
            f"CA {file} is not a PEM certificate of at most {_LARGEST_CERTIFICATE} bytes;"
            " name the CA alone in [devices] ca_file"
        )
    return pem


def unknown_to(connection: Connection, settings: config.Devices) -> list[Path]:
    """Return the device.json of devices that the database does not know, as after a restore of a backup from
    before they were added: their trackers are in use."""
    known = set(devices.names(connection))
    found = sorted(Path(settings.directory).glob(f"*/{SETTINGS}"))
    return [each for each in found if is_device_id(each.parent.name) and each.parent.name not in known]


def _exists(folder: Path) -> UserError:
    # Its file may hold the only copy of a device's key.
    return UserError(
        f"{folder} already exists: if a tracker has it in its flash, `{adoption(folder / SETTINGS)}`; else"
        " move it away and add the device again",
        "device",
    )


def adoption(settings: Path) -> str:
    """Return the command that adds the device of a device.json with the key that it has."""
    return f"landbridge devices adopt {settings.parent.name} {settings}"


def write_folder(given: config.Devices, device: str, key: bytes, certificate: bytes) -> Path:
    folder = Path(given.directory) / device
    values: dict[str, str | int] = {
        "device": device,
        "key": key.hex(),
        "broker_host": given.broker_host,
        "broker_port": given.broker_port,
        "broker_password": broker_password(key, device),
        "apn": given.apn,
    }
    if given.apn_user:
        values |= {"apn_user": given.apn_user, "apn_password": given.apn_password}
    values["ca_crc"] = crc32(certificate)
    values["crc"] = crc_of(values)
    try:
        folder.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        raise _exists(folder) from None
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}; correct [devices] directory") from None
    try:
        for copy in ("", COPY):
            (folder / (CERTIFICATE + copy)).write_bytes(certificate)
            handle = os.open(folder / (SETTINGS + copy), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump(values, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"cannot write {folder}: {error.strerror}; correct [devices] directory") from None
    return folder


def crc_of(values: Mapping[str, str | int]) -> int:
    """The checksum that the device compares (firmware/locator/config.py)."""
    return crc32("".join(f"{key}={values[key]}\n" for key in sorted(values)).encode())
