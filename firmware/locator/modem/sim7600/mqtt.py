"""The MQTT client in a SIM7600, its services and TLS. Imported for a session.

The outcome of a two-stage command may come before or after its OK, so both are waited for.
"""

from micropython import const

from locator.modem import ModemError, ModemGone, PdpError, TlsError, parse
from locator.modem.driver import SHORT_MS, ca_name

_MS = const(9000)
_NET_MS = const(120000)
_ALREADY_STARTED = const(23)
_TLS_FAILED = (32, 33, 34)


def mqtt_open(driver, host, port, device, password, ca):
    """Connect with TLS, the broker verified against `ca` (PEM); the PDP context opens by itself."""
    driver.permit(host, port)
    driver.pdp_define()
    name = secure(driver, ca)
    driver.channel.lost = ()
    start_service(driver)
    driver.channel.forget(b"+CMQTT")
    driver.channel.inbox_n = 0
    driver.channel.command(b'+CMQTTACCQ=0,"%s",1' % device, _MS)
    driver.channel.command(b"+CMQTTSSLCFG=0,0", _MS)
    driver.channel.command(b'+CMQTTCFG="checkUTF8",0,0', _MS)
    login = (host, port, device, password)
    try:
        two_stage(driver, b'+CMQTTCONNECT=0,"tcp://%s:%d",120,1,"%s","%s"' % login, b"+CMQTTCONNECT:")
    except ModemError as e:
        if e.code in _TLS_FAILED:  # perhaps a download that broke off: the list shows no sizes
            driver.accepts(b'+CCERTDELE="%s"' % name, _MS)
            raise TlsError("open", e.code)
        raise
    driver.channel.connected((b"+CMQTTCONNLOST:", b"+CMQTTPING:", b"+CMQTTNONET"))


def mqtt_subscribe(driver, topic):
    """Subscribe to `topic` (bytes) at QoS 0."""
    driver.channel.prompted(b"+CMQTTSUB=0,%d,0" % len(topic), topic, _NET_MS)
    _check(driver, b"+CMQTTSUB:")


def mqtt_publish(driver, topic, data):
    """Publish `data` (bytes-like) at QoS 1 and wait for the broker's PUBACK."""
    driver.channel.prompted(b"+CMQTTTOPIC=0,%d" % len(topic), topic, _MS)
    driver.channel.prompted(b"+CMQTTPAYLOAD=0,%d" % len(data), data, _MS)
    two_stage(driver, b"+CMQTTPUB=0,1,60", b"+CMQTTPUB:")


def mqtt_receive(driver, timeout_ms):
    """The next message received, as bytes; None at the time-out."""
    start = driver.channel.wait(b"+CMQTTRXSTART:", timeout_ms)
    if start is None or driver.channel.wait(b"+CMQTTRXEND:", _MS) is None:
        return None
    return driver.take_inbox(parse.integer(parse.fields(start)[-1]))


def mqtt_close(driver):
    """Disconnect and leave the MQTT service, refusals ignored (MQTT note: DISC, REL, STOP). True if it
    was running."""
    driver.channel.lost = ()
    if driver.accepts(b"+CMQTTDISC=0,60", _NET_MS):
        driver.channel.wait(b"+CMQTTDISC:", _MS)
    driver.accepts(b"+CMQTTREL=0", _MS)
    running = driver.accepts(b"+CMQTTSTOP", _NET_MS)
    if running:
        driver.channel.wait(b"+CMQTTSTOP:", _MS)
    return running


def open_service(driver, name):
    """Start a service (bytes, `+CMQTTSTART`); it opens the PDP context. Raises `PdpError`."""
    try:
        two_stage(driver, name, name + b":")
    except ModemGone:
        raise
    except ModemError as e:
        if e.code == _ALREADY_STARTED:
            raise
        from locator.modem import refusals

        raise PdpError(name, 100 + refusals.ask(driver, b"ESM"))


def start_service(driver):
    """Start the MQTT service; one that is running is started again."""
    try:
        open_service(driver, b"+CMQTTSTART")
    except ModemGone:
        raise
    except ModemError:  # left over by a reset of ours, or by a failure; some firmware says ERROR alone
        if not mqtt_close(driver):
            raise
        open_service(driver, b"+CMQTTSTART")


def secure(driver, ca):
    """Set up TLS context 0: the server is verified against `ca` (PEM). Returns its name in the modem."""
    name = provide_ca(driver, ca)
    for text in (
        b'+CSSLCFG="sslversion",0,4',
        b'+CSSLCFG="authmode",0,1',
        b'+CSSLCFG="cacert",0,"%s"' % name,
        b'+CSSLCFG="ignorelocaltime",0,1',
        b'+CSSLCFG="enableSNI",0,1',
    ):
        driver.channel.command(text, _MS)
    return name


def provide_ca(driver, ca):
    """Download `ca` into the modem unless it has it; returns its name there."""
    name = ca_name(ca)
    for line in driver.listing(b"+CCERTLIST", b"+CCERTLIST:"):
        if parse.fields(line)[0] == name:
            return name
    driver.channel.prompted(b'+CCERTDOWN="%s",%d' % (name, len(ca)), ca, _MS)
    return name


def two_stage(driver, text, prefix):
    """A command whose outcome comes in a line of its own, before, after or instead of OK."""
    driver.channel.forget(prefix)
    try:
        driver.channel.command(text, _NET_MS)
    except ModemError as e:
        line = driver.channel.wait(prefix, SHORT_MS)
        raise e if line is None else ModemError(text, _last(line))
    _check(driver, prefix)


def _check(driver, prefix):
    line = driver.channel.wait(prefix, _NET_MS)
    if line is None or _last(line) != 0:
        raise ModemError(prefix, -1 if line is None else _last(line))


def _last(line):
    return parse.integer(parse.fields(line)[-1])
