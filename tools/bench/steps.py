"""The steps of the bench, with the verbs of the drivers.

A step returns what it found, by names with units, and marks its phases, to which power is later
assigned. It raises `StepFailed` in words; what the drivers raise is handled by the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locator.modem import REGISTERED
from locator.modem import edrx as extended
from locator.modem import survey as scan

from tools.bench import Silent, profiles, replies, work
from tools.bench.switch import switch
from tools.bench.work import Bench, Found, StepFailed, ending, since, tried

SHORT_MS = 1_000
CFUN_MS = 15_000
SIM_READY_MS = 20_000
RADIO_OFF_MS = 5_000
IDLE_MS = 10_000
FIX_MS = 240_000
TRACK_MS = 10_000
GNSS_STOP_MS = 30_000
FOUND_AGAIN_S = 60
ECHO_MS = 20_000
TAIL_MS = 20_000
"""Networks release the connection up to 20 s after the last traffic."""
EXTENDED_MS = 60_000
"""Three cycles of 20.48 s."""
LONGEST_ANSWER = 160
PARKED_MS = 30_000
ASLEEP_MS = 10_000
WAKE_TRIES = 20
PAYLOAD = b"OK\r\n\x00\xff" + bytes(range(256)) * 4
"""About an upload; with what a modem might take for its own lines."""


def identity(bench: Bench) -> Found:
    """The modem's identity and its supply."""
    bench.start()
    revision = bench.bare("+CGMR")
    found: Found = {
        "maker": bench.bare("+CGMI"),
        "model": bench.bare("+CGMM"),
        "revision": revision.partition(":")[2].strip() or revision,
        "imei": bench.mask.text(bench.bare("+CGSN")),
    }
    supply = bench.first("+CBC", "+CBC:")
    if supply:
        found["supply"] = supply
    return found


def sim(bench: Bench) -> Found:
    """The card, and its profiles if it is an eUICC that the modem lets us speak to."""
    deadline = bench.port.ticks_ms() + SIM_READY_MS
    while True:
        state = bench.first("+CPIN?", "+CPIN:")
        if state or bench.port.ticks_ms() >= deadline:
            break
        bench.note("the card is not ready yet")
        bench.port.sleep_ms(SHORT_MS)
    if not state:
        raise StepFailed(f"no card, or it is not ready after {SIM_READY_MS // 1000} s")
    if state != "READY":
        raise StepFailed(f"the card says {state}: unlock it with a phone or AT+CPIN first")
    _, iccid, imsi, _ = bench.driver.identity()
    if not iccid:
        raise StepFailed("the card is ready, but the modem does not report its ICCID: read it manually")
    found: Found = {"state": state, "iccid": bench.mask.text(iccid), "imsi": bench.mask.text(imsi)}
    listed = profiles.read(bench.at, bench.port)
    if listed is not None:
        found["profiles"] = [
            {**profile, "iccid": bench.mask.text(str(profile["iccid"]))} for profile in listed
        ]
    return found


def survey(bench: Bench) -> Found:
    """Every network heard: whether it takes the card, how soon, and its signal."""
    bench.phase("scan")
    bench.note("looking for networks, up to 4 minutes")
    begin = bench.port.ticks_ms()
    scan.scan(bench.driver)
    heard = replies.operators(bench.port.answer.decode("latin-1"))
    found: Found = {"scan_s": since(bench, begin), "networks": []}
    for plmn in dict.fromkeys(network.plmn for network in heard):
        same = [network for network in heard if network.plmn == plmn]
        bench.note(same[0].name)
        bench.phase("select")
        entry: Found = {"name": same[0].name, "heard_on": sorted({network.access for network in same})}
        entry |= tried(bench, plmn)
        if entry["result"] == "registered":
            entry["neighbours"] = _neighbours(bench)
        found["networks"].append(entry)
    bench.driver.clear_forbidden()  # the next step is to ask again the network that has refused
    if not heard:
        raise StepFailed("no network is heard: check the antenna, or the place")
    return found


def _neighbours(bench: Bench) -> list[Found] | None:
    """The neighbour cells, None where the modem has no command for them."""
    cells = scan.neighbours(bench.driver)
    if cells is None:
        return None
    names = ("access", "plmn", "channel", "identity", "level_dbm")
    return [dict(zip(names, (cell[0].decode("latin-1"), *cell[1:]), strict=True)) for cell in cells]


def attach(bench: Bench) -> Found:
    """From radio off to registered, any network."""
    bench.phase("radio off")
    bench.at.command(b"+CFUN=4", CFUN_MS)
    bench.port.sleep_ms(RADIO_OFF_MS)
    bench.phase("search")
    begin = bench.port.ticks_ms()
    bench.at.command(b"+CFUN=1", CFUN_MS)
    found = tried(bench, 0, begin)
    if found["result"] != "registered":
        why = found.get("cause") or bench.first("+CEER", "+CEER:")
        raise StepFailed(f"{found['result']} after {found['seconds']} s{': ' + why if why else ''}")
    bench.phase("idle")
    bench.port.sleep_ms(IDLE_MS)
    found["network_time"] = bench.driver.network_time() is not None
    return found


def gnss(bench: Bench) -> Found:
    """Time to the first fix, from cold to hot, the radio left on where the modem can do both."""
    if _gnss_state(bench).startswith("1"):  # a first fix is what we want to see
        _stop_gnss(bench)
    found: Found = {}
    for start, command in bench.kind.starts.items():
        found |= _fix(bench, start, command)
    return found


def _fix(bench: Bench, start: str, command: str) -> Found:
    """One start, with whatever the modem remembers if it does not know the `command`."""
    bench.phase("prepare")
    bench.ask(command)
    bench.phase(start)
    begin = _start_gnss(bench)
    with ending(lambda: _stop_gnss(bench)):
        fix, said = _first_fix(bench, start, begin)
        seconds = since(bench, begin)
        if fix:
            bench.phase("track")
            bench.port.sleep_ms(TRACK_MS)
        bench.phase("stop")
    if fix is None:
        raise StepFailed(
            f"no fix within {FIX_MS // 1000} s, {start}: does the antenna see the sky? "
            f"The last answer: {said}"
        )
    return {
        f"{start}_s": seconds,
        "lat_deg": fix.lat / 1e5,
        "lon_deg": fix.lon / 1e5,
        "hdop": fix.hdop / 5,
        "satellites": fix.sats,
    }


def _gnss_state(bench: Bench) -> str:
    """What the modem says of GNSS: on from `1`, off from `0`, nothing where it does not say."""
    return bench.first(f"{bench.kind.gnss}?", f"{bench.kind.gnss}:")


def _start_gnss(bench: Bench) -> int:
    """Start GNSS, and return when: it may be refused up to 30 s after it was stopped."""
    deadline = bench.port.ticks_ms() + GNSS_STOP_MS
    while True:
        begin = bench.port.ticks_ms()
        bench.driver.gnss_start(False)
        if not _gnss_state(bench).startswith("0"):
            return begin
        if begin >= deadline:
            raise StepFailed(f"GNSS does not start: it was refused for {GNSS_STOP_MS // 1000} s")
        bench.port.sleep_ms(SHORT_MS)


def _stop_gnss(bench: Bench) -> None:
    """Until it can be started again (GNSS note V3.00 of the SIM7600: up to 30 s)."""
    bench.driver.gnss_stop()
    if bench.kind.gnss_stopped:
        bench.at.wait(bench.kind.gnss_stopped, GNSS_STOP_MS)


def mqtt(bench: Bench) -> Found:
    """A message to the broker and back, over TLS, the broker verified."""
    if bench.driver.attach(FOUND_AGAIN_S, FOUND_AGAIN_S, 0)[0] != REGISTERED:
        raise StepFailed("not registered: no network to connect over")
    return _message(bench)


def edrx(bench: Bench) -> Found:
    """Idle with eDRX: what the network grants, and what it costs. A modem that went into PSM meanwhile would
    not be heard any more; that is for `park`."""
    if bench.driver.attach(FOUND_AGAIN_S, FOUND_AGAIN_S, 0)[0] != REGISTERED:
        raise StepFailed("not registered: no network to ask for eDRX")
    bench.phase("ask")
    bench.ask("+CPSMS=0")
    with ending(bench.start):
        extended.request(bench.driver, True)
        bench.port.sleep_ms(TAIL_MS)
        granted_s = extended.granted_ms(bench.driver) / 1000
        bench.phase("idle" if granted_s else "not granted")
        bench.port.sleep_ms(EXTENDED_MS)
        bench.phase("end")
        extended.request(bench.driver, False)
    return {"cycle_s": granted_s}


def park(bench: Bench) -> Found:
    """Down as at the end of a wake: into PSM where the network grants it, else off."""
    if bench.driver.attach(FOUND_AGAIN_S, FOUND_AGAIN_S, 0)[0] != REGISTERED:
        raise StepFailed("not registered: PSM is not possible")
    granted = bool(bench.driver.psm_granted())
    bench.phase("down")
    begin = bench.port.ticks_ms()
    in_psm = bench.driver.stop(granted)
    found = {"psm_granted": granted, "in_psm": in_psm, "down_s": since(bench, begin)}
    bench.phase("psm" if in_psm else "off")
    bench.port.sleep_ms(PARKED_MS)
    return found


def resume(bench: Bench) -> Found:
    """Up again by the power key, to registered and, with a broker, through an upload."""
    bench.phase("boot")
    begin = bench.port.ticks_ms()
    bench.start()
    found: Found = {"boot_s": since(bench, begin)}
    bench.phase("register")
    found |= tried(bench, 0, begin)
    if found["result"] != "registered":
        raise StepFailed(f"{found['result']} after {found['seconds']} s")
    return found | (_message(bench) if bench.request.broker else {})


def sleep(bench: Bench) -> Found:
    """Sleep by DTR and the way back; whether the modem really slept."""
    bench.at.command(f"{bench.kind.sleep}=1".encode(), work.COMMAND_MS)
    bench.phase("doze")
    bench.port.modem_dtr(True)
    bench.port.sleep_ms(bench.kind.doze_ms)
    bench.phase("asleep")
    bench.port.sleep_ms(ASLEEP_MS)
    slept = not bench.at.hears(1)
    bench.phase("wake")
    begin = bench.port.ticks_ms()
    bench.port.modem_dtr(False)
    bench.port.sleep_ms(20)
    tries = 1
    while not bench.at.hears(1):
        if tries == WAKE_TRIES:
            raise Silent(b"")
        tries += 1
    found = {"slept": slept, "wake_ms": bench.port.ticks_ms() - begin, "tries": tries}
    bench.at.command(f"{bench.kind.sleep}=0".encode(), work.COMMAND_MS)
    return found


def _message(bench: Bench) -> Found:
    request, driver = bench.request, bench.driver
    host, _, port = request.broker.rpartition(":")
    bench.phase("connect")
    begin = bench.port.ticks_ms()
    user = request.user.encode()
    driver.mqtt_open(host.encode(), int(port), user, bench.password.encode(), request.ca.encode())
    found: Found = {"connect_s": since(bench, begin), "bytes": len(PAYLOAD)}
    with ending(driver.mqtt_close):
        bench.phase("send")
        topic = b"landbridge/%s/bench" % user
        driver.mqtt_subscribe(topic)
        begin = bench.port.ticks_ms()
        driver.mqtt_publish(topic, PAYLOAD)
        found["acknowledged_s"] = since(bench, begin)
        back = driver.mqtt_receive(ECHO_MS)
        found["back_s"] = since(bench, begin)
    bench.phase("tail")
    bench.port.sleep_ms(TAIL_MS)
    if back != PAYLOAD:
        came = f"{len(back)} other bytes" if back else "nothing"
        raise StepFailed(
            f"acknowledged after {found['acknowledged_s']} s, but {came} came back: "
            f"user {request.user} must be allowed to read and write {topic.decode()}"
        )
    return found


def _first_fix(bench: Bench, start: str, begin: int) -> tuple[Any, str]:
    """The fix, None for none in time, and the last answer: one in an unknown form is no fix, either."""
    said = ""
    while bench.port.ticks_ms() - begin < FIX_MS:
        bench.port.sleep_ms(SHORT_MS)
        bench.note(f"{start} start, {since(bench, begin):.0f} s")
        fix = bench.driver.gnss_poll()
        said = " ".join(bench.port.answer.decode("latin-1").split())[:LONGEST_ANSWER]
        if fix:
            return fix, said
    return None, said


STEPS: dict[str, Callable[[Bench], Found]] = {
    "identity": identity,
    "sim": sim,
    "survey": survey,
    "attach": attach,
    "gnss": gnss,
    "mqtt": mqtt,
    "edrx": edrx,
    "park": park,
    "resume": resume,
    "sleep": sleep,
    "switch": switch,
}
