"""The keys in use: the envelopes of both directions, of one epoch. What begins another one is in `epochs`."""

from locator.codec import checked
from locator.codec.cose import DOWN, UP, Envelope


class Keys:
    """`folder` is the device's data directory, `config` its configuration (`locator.config`)."""

    def __init__(self, folder, config):
        self.device = config.device
        self.path = folder + "/epoch.bin"
        self._key = config.key
        # A file that is lost or damaged: the agent answers the old epoch with the present one.
        self.derive(checked.read(self.path) or 0)

    def derive(self, epoch):
        """Be those of this epoch."""
        self.epoch = epoch
        self.up = Envelope(self._key, UP, self.device, epoch)
        self.down = Envelope(self._key, DOWN, self.device, epoch)
