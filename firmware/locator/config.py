"""The device's configuration, as `landbridge devices add` made it and provisioning stored it.

`apn_user` and `apn_password` may be missing: most access points ask for neither. Where it lies knows
`config_kept`, which is there no longer than it reads.
"""

from binascii import unhexlify

from locator import unload

_OTHERS = ((b"pool.ntp.org", 123), (b"xtrapath1.izatcloud.net", 443))


class Config:
    """Reads `device.json` and `ca.pem`, in `folder` or in NVS. Raises ValueError when unusable."""

    def __init__(self, folder):
        from locator import config_kept

        values = config_kept.values(folder)
        unload("config_kept")
        self._folder = folder
        self._ca_crc = values.get("ca_crc")
        self.device = values["device"]
        self.key = unhexlify(values["key"])
        self.broker_host = values["broker_host"].encode()
        self.broker_port = values["broker_port"]
        # To whom the access point may lead, where no policy says otherwise: the broker, and whom modem/ntp.py
        # and modem/sim7600/assistance.py ask.
        self.hosts = ((self.broker_host, self.broker_port),) + _OTHERS
        self.broker_password = values["broker_password"].encode()
        self.apn = values["apn"].encode()
        self.apn_login = tuple(_login(values.get(key, "")) for key in ("apn_user", "apn_password"))
        if len(self.key) != 32:
            raise ValueError("key")

    def ca(self):
        """Certificate of the broker's authority, PEM."""
        from locator import config_kept

        pem = config_kept.ca(self._folder, self._ca_crc)
        unload("config_kept")
        return pem


def _login(text):
    """User or password of the access point, as they can be sent in an AT command."""
    if type(text) is not str or not all(" " <= letter <= "~" and letter != '"' for letter in text):
        raise ValueError("apn_user, apn_password: printable ASCII without quotes")
    return text.encode()
