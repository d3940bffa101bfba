"""A switch to another profile of an eUICC and back, each verified by ICCID and IMSI read again."""

from __future__ import annotations

from locator.esim import ISD_R, CardError, apdu, euicc, iccid_text, restart

from tools.bench.work import Bench, Found, StepFailed, since

ROUTES = {apdu.CGLA: "AT+CGLA", apdu.CSIM_CHANNEL: "AT+CSIM", apdu.CSIM_BASIC: "AT+CSIM, basic channel"}

_UNSIGNED = 4
"""Ways of enabling a profile that need no package of a remote manager."""


def switch(bench: Bench) -> Found:
    """There and back; the card is left on the profile on which it was found, or the step fails."""
    bench.driver.await_card()
    before = restart.identity(bench.driver)
    transport = _opened(bench)
    listed = euicc.profiles(transport)
    transport.close()
    others = [each.iccid for each in listed if each.kind == euicc.OPERATIONAL and not each.enabled]
    if before[0] not in [each.iccid for each in listed if each.enabled] or not others:
        raise StepFailed("the card has no second operational profile to switch to and back")
    found: Found = {"route": ROUTES[transport.interface], "profiles": len(listed)}
    bench.phase("there")
    begin = bench.port.ticks_ms()
    found["there"] = _enabled(bench, others[0], before[1])
    found["there_s"] = since(bench, begin)
    bench.phase("back")
    begin = bench.port.ticks_ms()
    back = _enabled(bench, before[0], restart.identity(bench.driver)[1])
    found["back_s"] = since(bench, begin)
    if not back:
        wanted = bench.mask.text(iccid_text(before[0]))
        raise StepFailed(f"the card is not on {wanted} again: enable it manually")
    if not found["there"]:
        raise StepFailed("no method of enabling another profile has changed ICCID and IMSI")
    return found


def _opened(bench: Bench) -> apdu.Transport:
    transport = apdu.Transport(bench.driver)
    try:
        transport.open(ISD_R)
    except CardError as error:
        raise StepFailed("no eUICC, or the modem does not pass commands to it") from error
    return transport


def _enabled(bench: Bench, iccid: bytes, imsi: bytes) -> str:
    """In which way the profile was enabled, "" if in none; `imsi`: the one until now."""
    if restart.identity(bench.driver)[0] == iccid:
        return "already"
    for way, (tag, refresh) in enumerate(euicc.METHODS[:_UNSIGNED]):
        transport = _opened(bench)
        try:
            result = euicc.enable(transport, iccid, way)
        except CardError:
            result = euicc.UNDEFINED
        transport.close()
        if result == euicc.OK and not (refresh and restart.wait(bench.driver)):
            restart.force(bench.driver)
        now = restart.identity(bench.driver)
        if now[0] == iccid and now[1] and now[1] != imsi:
            return f"by {'ICCID' if tag == 0x5A else 'AID'}, {'with' if refresh else 'without'} REFRESH"
    return ""
