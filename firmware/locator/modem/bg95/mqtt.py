"""The MQTT client in a BG95, and its TLS. Imported for a session."""

from micropython import const

from locator.modem import ModemError, PdpError, TlsError, parse
from locator.modem.driver import SHORT_MS, SIM_MS, ca_name

_OPEN_MS = const(150000)
_ANSWER_MS = const(25000)  # pkt_timeout 5 s, 3 repeats
_OPEN_FAILED = const(-1)
_NO_PDP = const(3)


def mqtt_open(driver, host, port, device, password, ca):
    """Activate the PDP context and connect with TLS, the broker verified against `ca` (PEM)."""
    driver.permit(host, port)
    driver.channel.lost = ()
    driver.pdp_open()
    if driver.listing(b"+QMTOPEN?", b"+QMTOPEN:"):  # left over by a reset of ours, or by a failure
        if driver.accepts(b"+QMTCLOSE=0"):
            driver.channel.wait(b"+QMTCLOSE:", _ANSWER_MS)
    driver.channel.forget(b"+QMT")
    driver.channel.inbox_n = 0
    secure(driver, ca)
    for text in (
        b'"version",0,4', b'"pdpcid",0,1', b'"ssl",0,1,1', b'"keepalive",0,120', b'"session",0,1',
        b'"timeout",0,5,3,0', b'"recv/mode",0,0,1',
    ):  # fmt: skip
        driver.channel.command(b"+QMTCFG=" + text, SHORT_MS)
    driver.channel.command(b'+QMTOPEN=0,"%s",%d' % (host, port), SIM_MS)
    code = driver.outcome(b"+QMTOPEN:", _OPEN_MS)[-1]
    if code == _NO_PDP:
        raise PdpError("open")
    if code == _OPEN_FAILED:
        if driver.part("context").reaches(driver, host, port):
            raise TlsError("open", code)
    if code != 0:
        raise ModemError("open", code)
    # Some firmware reports a failed CONNECT by these alone; a +QMTSTAT: 0,1 may be the last connection's.
    driver.channel.connected((b"+QMTSTAT: 0,3", b"+QMTSTAT: 0,4"))
    driver.channel.command(b'+QMTCONN=0,"%s","%s","%s"' % (device, device, password), SIM_MS)
    result = _final(driver, b"+QMTCONN:", 1)
    if result[1:3] != [0, 0]:
        raise ModemError("connect", result[-1])
    driver.channel.connected((b"+QMTSTAT:", b'+QIURC: "pdpdeact"'))


def mqtt_subscribe(driver, topic):
    """Subscribe to `topic` (bytes) at QoS 0."""
    driver.channel.command(b'+QMTSUB=0,1,"%s",0' % topic, SIM_MS)
    result = _final(driver, b"+QMTSUB:", 2)
    if result[2:3] != [0] or result[3:4] == [128]:
        raise ModemError("subscribe")


def _final(driver, prefix, at):
    """The outcome whose integer at place `at` is not 1, "sent again": that is still under way."""
    deadline = driver.port.ticks_ms() + _ANSWER_MS
    while True:
        result = driver.outcome(prefix, deadline - driver.port.ticks_ms())
        if result[at : at + 1] != [1]:
            return result


def mqtt_publish(driver, topic, data):
    """Publish `data` (bytes-like) at QoS 1 and wait for the broker's PUBACK."""
    driver.message = driver.message % 65535 + 1
    text = b'+QMTPUB=0,%d,1,0,"%s",%d' % (driver.message, topic, len(data))
    driver.channel.prompted(text, data, _ANSWER_MS)
    deadline = driver.port.ticks_ms() + _ANSWER_MS
    while True:
        result = driver.outcome(b"+QMTPUB:", deadline - driver.port.ticks_ms())
        if result[1:2] != [driver.message] or result[2:3] == [1]:
            continue  # an older message, or "sent again": still under way
        if result[2:3] != [0]:
            raise ModemError("publish")
        return


def mqtt_receive(driver, timeout_ms):
    """The next message received, as bytes; None at the time-out."""
    line = driver.channel.wait(b"+QMTRECV:", timeout_ms)
    if line is None:
        return None
    return driver.take_inbox(parse.integer(parse.fields(line)[-1]))


def mqtt_close(driver):
    """Disconnect from the broker; the modem's refusal is no failure."""
    driver.channel.lost = ()
    if driver.accepts(b"+QMTDISC=0"):
        driver.channel.wait(b"+QMTDISC:", _ANSWER_MS)


def secure(driver, ca):
    """Set up TLS context 1: the server is verified against `ca` (PEM)."""
    name = provide_ca(driver, ca)
    for text in (
        b'"sslversion",1,3', b'"ciphersuite",1,0XFFFF', b'"seclevel",1,1', b'"cacert",1,"%s"' % name,
        b'"ignorelocaltime",1,1',
    ):  # fmt: skip
        driver.channel.command(b"+QSSLCFG=" + text, SHORT_MS)
    driver.accepts(b'+QSSLCFG="sni",1,1')  # newer firmware only


def provide_ca(driver, ca):
    """Upload `ca` unless the modem has it; returns its name there."""
    name = ca_name(ca)
    listed = b'%s",%d' % (name, len(ca))  # an upload that broke off is shorter
    for line in driver.listing(b'+QFLST="%s"' % name, b"+QFLST:"):
        if line.endswith(listed):  # some firmware puts UFS: in front
            return name
    driver.accepts(b'+QFDEL="%s"' % name)
    text = b'+QFUPL="%s",%d,60' % (name, len(ca))
    driver.channel.prompted(text, ca, 60000, b"CONNECT")
    return name
