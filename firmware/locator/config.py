"""The device's configuration, as `landbridge devices add` made it and provisioning laid it down.

`apn_user` and `apn_password` may be missing: most access points ask for neither.
"""

import json
from binascii import unhexlify

_KEYS = {"device", "key", "broker_host", "broker_port", "broker_password", "apn"}


class Config:
    """Reads `device.json` and `ca.pem` in `folder`. Raises OSError or ValueError when unusable."""

    def __init__(self, folder):
        with open(folder + "/device.json") as f:
            values = json.load(f)
        if type(values) is not dict or _KEYS - set(values):
            raise ValueError("device.json: a key is missing")
        self._folder = folder
        self.device = values["device"]
        self.key = unhexlify(values["key"])
        self.broker_host = values["broker_host"].encode()
        self.broker_port = values["broker_port"]
        self.broker_password = values["broker_password"].encode()
        self.apn = values["apn"].encode()
        self.apn_login = tuple(_login(values.get(key, "")) for key in ("apn_user", "apn_password"))
        if len(self.key) != 32:
            raise ValueError("key")

    def ca(self):
        """Certificate of the broker's authority, PEM."""
        with open(self._folder + "/ca.pem", "rb") as f:
            return f.read()


def _login(text):
    """User or password of the access point, as they can stand in an AT command."""
    if type(text) is not str or not all(" " <= letter <= "~" and letter != '"' for letter in text):
        raise ValueError("apn_user, apn_password: printable ASCII without quotes")
    return text.encode()
