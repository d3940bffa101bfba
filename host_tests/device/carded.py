"""A device with a profile policy, as far as the modules of the card and the downlink handlers need one."""

import scratch
from locator import state as st
from locator.codec import cbor
from locator.downlink import profiles as orders
from locator.esim import access, files, memory, restart, switch
from locator.scheduler import profile

CARD = (bytes(range(10)), b"460001")
ASK = profile.KNOWN | st.PROFILE_ASK


class Driver:
    """Of a modem on which all goes well."""

    apn = b""
    hosts = updates = ()

    def use(self, apn, login, hosts):
        self.apn, self.hosts = apn, hosts

    def await_card(self):
        pass

    def accepts(self, text, timeout_ms=0):
        return True

    pdp_define = clear_forbidden = radio_on = await_card


class Device:
    """One with a policy of so many profiles, the first of which is in use. It stands in for the downlink
    handlers, too."""

    def __init__(self, count):
        self.port, self.driver, self.state = scratch.Port(), Driver(), st.new()
        self.folder = self.port.data_dir
        profiles = [[bytes([i] * 10) if i else CARD[0], "apn%d" % i, "", ""] for i in range(count)]
        self.policy = [5, 0, 1, profiles, [[0] + list(range(1, count + 1))]]
        files.write(self.folder + files.POLICY, self.policy)
        access.keep(self.folder, [b"apn0", b"", b"", [], []])
        access.answered(self.folder)
        kept = memory.Memory(self.folder)
        kept.follow(self.policy)
        kept.p[profile.PROFILE] = 1
        kept.save()

    def will_report(self, bit):
        self.state[st.TO_REPORT] |= bit

    def flip(self, name, at):
        with open(self.folder + name, "rb") as f:
            data = bytearray(f.read())
        data[at] ^= 1
        with open(self.folder + name, "wb") as f:
            f.write(data)

    def switch(self):
        return switch.Switch(self.port, self.driver, self.state, lambda: None)

    def ask(self, read=lambda driver: CARD):
        """The attempt to register that asks the policy."""
        self.state[st.PROFILE_DUE] |= ASK
        was, restart.identity = restart.identity, read
        try:
            self.switch().prepare()
        finally:
            restart.identity = was

    def next_wake_uses(self):
        self.driver.apn = b"provisioned"
        access.use(self.folder, self.driver)
        return self.driver.apn

    def reports(self):
        """What is reported to the agent of the card, None for nothing."""
        out = cbor.Writer(bytearray(700))
        out.head(cbor.MAP, 1)
        pairs = orders.write(self, out)
        return cbor.loads(bytes(out.buf[: out.n]))[14] if pairs else None

    def take(self, ordered):
        out = cbor.Writer(bytearray(700))
        out.item(ordered)
        orders.take(self, [ordered[0], bytes(out.buf[: out.n])])
