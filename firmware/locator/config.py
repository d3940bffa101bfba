"""The device's configuration, as `landbridge devices add` made it and provisioning laid it down."""

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
        if len(self.key) != 32:
            raise ValueError("key")

    def ca(self):
        """Certificate of the broker's authority, PEM."""
        with open(self._folder + "/ca.pem", "rb") as f:
            return f.read()
