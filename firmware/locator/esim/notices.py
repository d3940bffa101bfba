"""Notifications of the eUICC for the servers of its profiles (SGP.22 5.7.9): one at a time is fetched into
flash and uploaded in pieces (downlink/profiles.py). Uploaded ones are noted: the card keeps them until the
agent has them removed, after a server has accepted them (esim/download.py).
"""

from locator import state as st
from locator.codec import checked
from locator.esim import ISD_R, CardError, apdu, euicc, files, memory, tlv
from locator.scheduler import profile


def collect(driver, state, folder):
    """Fetch the next one that was not uploaded; there may be more while state[PROFILE_DUE] has NOTICES.
    Raises `ModemError`."""
    state[st.PROFILE_DUE] &= ~profile.NOTICES  # in any case: a session is more important
    kept = checked.read(folder + files.NOTICE) or [0, 0, b"", 0, b"", []]
    if kept[files.SENT] < len(kept[files.CONTENT]):
        _report(state)
        return
    transport = apdu.Transport(driver, memory.Memory(folder).interface)
    try:
        transport.open(ISD_R)
        if _fetch(transport, folder, kept):
            _report(state)
    except (CardError, MemoryError, OSError):  # after the next switch
        pass
    finally:
        transport.close()


def _fetch(transport, folder, kept):
    """Copy the first one that was not uploaded and is not too long into flash; return whether there is
    one."""
    listed = [list(each) for each in euicc.notifications(transport)]
    uploaded = [each for each in kept[files.UPLOADED] + [kept[: files.SENT]] if each in listed]
    for each in listed:
        content = b"" if each in uploaded else _without_certificates(euicc.notification(transport, each[0]))
        if 0 < len(content) <= files.MOST_CONTENT:
            files.write_notice(folder, each + [0, content, uploaded])
            return True
    return False


def _without_certificates(content):
    """Return the signed part and its signature: the agent knows the certificates of the card and of its
    maker. The result of an installation has none."""
    parts = tlv.wholes(tlv.find(content, 0x30) or b"")
    if len(parts) != 4 or len(parts[0][1]) + len(parts[1][1]) > 255:
        return content
    return tlv.make(0x30, parts[0][1] + parts[1][1])


def _report(state):
    state[st.PROFILE_DUE] |= profile.NOTICES
    state[st.TO_REPORT] |= profile.REPORT
