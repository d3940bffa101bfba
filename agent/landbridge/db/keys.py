"""Secrets at rest, above all keys of devices, encrypted with a key that is kept in a file.

For SQLite it lies in the folder of the database. A copy of the database alone opens no message of any
device.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection

from landbridge.config import is_server
from landbridge.core.errors import UserError

_MOST_BYTES = 1024
"""Upper limit of the size of a key file, in bytes."""
_LENT = "landbridge_keyring"


class Keyring:
    """Wraps and unwraps device keys with the key in `file`; without one, in `<database>.key`."""

    def __init__(self, database: str | Path, file: str = "") -> None:
        """`UserError` for a database on a server without a key file."""
        if not file and is_server(str(database)):
            raise UserError("a database on a server needs a key file: name it in [store] key_file")
        self.path = Path(file or f"{database}.key")
        self._fernet: Fernet | None = None

    def wrap(self, device_key: bytes, first: bool) -> bytes:
        """Return the stored form of `device_key`. The key file is created for the `first` device only,
        because a new one could not decrypt the others."""
        return self._cipher(make=first).encrypt(device_key)

    def unwrap(self, wrapped_key: bytes) -> bytes:
        """Return the 32-byte device key; `UserError` if the key file is missing or is not the right one."""
        try:
            return self._cipher(make=False).decrypt(wrapped_key)
        except InvalidToken:
            raise UserError(
                f"{self.path} is not the key file of this database; restore the right one"
            ) from None

    def signing_key(self, first: bool = False) -> Ed25519PrivateKey:
        """Return the signing key that all agents with this key file share. The key file is created as by
        `wrap`, else `UserError` if it is missing."""
        self._cipher(make=first)
        seed = HKDF(SHA256(), 32, b"", b"landbridge/signing").derive(self._read(make=False))
        return Ed25519PrivateKey.from_private_bytes(seed)

    def lend(self, connection: Connection) -> None:
        """Lend the keyring to this connection (`lent`)."""
        connection.execution_options(**{_LENT: self})

    def _cipher(self, make: bool) -> Fernet:
        if self._fernet is None:
            try:
                self._fernet = Fernet(self._read(make))
            except FileNotFoundError:
                raise UserError(
                    f"key file missing: {self.path}; restore it from the backup:"
                    " without it no message of this database's devices can be read"
                ) from None
            except OSError as error:
                raise UserError(
                    f"cannot use key file {self.path}: {error.strerror}; check its permissions"
                ) from None
            except ValueError:
                raise UserError(f"{self.path} is not a key file; restore the right one") from None
        return self._fernet

    def _read(self, make: bool) -> bytes:
        if not make:
            with self.path.open("rb") as file:
                return file.read(_MOST_BYTES)
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self._read(make=False)
        key = Fernet.generate_key()
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return key


def lent(connection: Connection) -> Keyring:
    """Return the keyring that was lent to this connection."""
    found: Keyring = connection.get_execution_options()[_LENT]
    return found
