"""The second factor of a sign-in: codes that change with time (TOTP, RFC 6238), and recovery codes."""

import secrets
from typing import Any

import pyotp
import segno
from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.clock import unix_s
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.users.queries import people

_ISSUER = "Landbridge"
_STEP_S = 30
_DRIFT = 1
"""Steps by which the clock of a telephone may be wrong."""
_CODES, _GROUPS = 10, 4
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""No two of them look alike."""


def begin(connection: Connection, keyring: Keyring, row: Row[Any]) -> None:
    """Give the user a secret, which counts once a code of it has been typed in."""
    if row.totp_since_s is not None:
        raise UserError(_("the second factor is enabled already; disable it first"))
    wrapped = keyring.wrap(pyotp.random_base32().encode(), first=devices.are_none(connection))
    people.change(connection, row.user, totp=wrapped)


def shown(keyring: Keyring, row: Row[Any]) -> dict[str, str]:
    """Return the secret that waits for its first code: as text, and as a QR code to show."""
    totp = _totp(keyring, row)
    address = totp.provisioning_uri(name=row.name, issuer_name=_ISSUER)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, light="#fff")
    return {"secret": totp.secret, "picture": picture}


def confirm(connection: Connection, keyring: Keyring, row: Row[Any], code: str, now_s: int) -> list[str]:
    """Enable the second factor by a first code; return the recovery codes, which are not stored."""
    if row.totp is None or row.totp_since_s is not None:
        raise UserError(_("there is no second factor to confirm; set it up again"))
    if not _is_code(connection, keyring, row, code, now_s):
        raise UserError(_("this code is wrong; wait for the next one, and check your phone's clock"), "code")
    people.change(connection, row.user, totp_since_s=now_s)
    codes = _new_codes(connection, row.user)
    audit.add(connection, f"user {row.name}", _("second factor of {name} enabled", name=row.name), now_s)
    return codes


def renew_codes(connection: Connection, row: Row[Any], now_s: int) -> list[str]:
    """Return new recovery codes; the earlier ones stop working."""
    if row.totp_since_s is None:
        raise UserError(_("the second factor is disabled; enable it first"))
    audit.add(connection, f"user {row.name}", _("new recovery codes for {name}", name=row.name), now_s)
    return _new_codes(connection, row.user)


def disable(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Disable the second factor."""
    people.change(connection, row.user, totp=None, totp_since_s=None)
    people.set_recovery_codes(connection, row.user, [])
    audit.add(connection, who, _("second factor of {name} disabled", name=row.name), now_s)


def passes(connection: Connection, keyring: Keyring, row: Row[Any], code: str, now_s: int) -> bool:
    """Whether `code` is the user's, now or as a recovery code; it is used up."""
    return _is_code(connection, keyring, row, code, now_s) or people.take_recovery_code(
        connection, row.user, secret.hashed(_plain(code))
    )


def _is_code(connection: Connection, keyring: Keyring, row: Row[Any], code: str, now_s: int) -> bool:
    given, totp = _plain(code), _totp(keyring, row)
    here = unix_s(now_s) // _STEP_S
    # All of them are compared: how long it takes says nothing.
    fitting = [
        step
        for step in range(here - _DRIFT, here + _DRIFT + 1)
        if pyotp.utils.strings_equal(totp.generate_otp(step), given)
    ]
    return bool(fitting) and people.take_step(connection, row.user, fitting[-1])


def _totp(keyring: Keyring, row: Row[Any]) -> pyotp.TOTP:
    return pyotp.TOTP(keyring.unwrap(row.totp).decode(), interval=_STEP_S)


def _plain(code: str) -> str:
    return "".join(each for each in code.lower() if each.isalnum())


def _new_codes(connection: Connection, user: int) -> list[str]:
    """80 bits each, so that a hash of them is enough."""
    codes = ["-".join(_word() for _ in range(_GROUPS)) for _ in range(_CODES)]
    people.set_recovery_codes(connection, user, [secret.hashed(_plain(each)) for each in codes])
    return codes


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))
