"""Notifications of the eUICC for the servers of its profiles (SGP.22 5.7.9 to 5.7.11): one at a time it is
fetched into flash, passed to the agent in pieces (downlink/profiles.py), and removed when the agent has it.
"""

from locator import state as st
from locator.codec import cbor, checked
from locator.esim import CardError, apdu, euicc, files, memory
from locator.scheduler import profile


def collect(driver, state, folder):
    """Remove what the agent has, fetch the next: there may be more while state[PROFILE_DUE] has NOTICES.
    Raises `ModemError`."""
    state[st.PROFILE_DUE] &= ~profile.NOTICES  # whatever happens: a report is worth more
    kept = checked.read(folder + files.NOTICE)
    if kept and kept[files.SENT] < len(kept[files.CONTENT]):
        _report(state)
        return
    transport = apdu.Transport(driver, memory.Memory(folder).interface)
    try:
        transport.open(euicc.ISD_R)
        if kept and euicc.forget(transport, kept[files.SEQ]) not in (euicc.OK, euicc.NOT_FOUND):
            return
        checked.remove(folder + files.NOTICE)
        if _fetch(transport, folder):
            _report(state)
    except (CardError, MemoryError, OSError):  # after the next switch
        pass
    finally:
        transport.close()


def _fetch(transport, folder):
    """The first that is not too long, into flash; whether there is one."""
    for seq, operation, iccid in euicc.notifications(transport):
        content = euicc.notification(transport, seq)
        if 0 < len(content) <= files.MOST_CONTENT:
            out = cbor.Writer(bytearray(len(content) + 64))
            files.put(out, [seq, operation, iccid, 0, content])
            checked.write(folder + files.NOTICE, bytes(out.buf[: out.n]))
            return True
    return False


def _report(state):
    state[st.PROFILE_DUE] |= profile.NOTICES
    state[st.TO_REPORT] |= profile.REPORT
