"""The journal from one wake to the next."""

import woken
from locator import state as st
from locator import wake
from locator.hal import DEEPSLEEP_RESET, HARD_RESET, POWER_ON, WATCHDOG_RESET
from locator.journal import rtc
from locator.journal.numbers import Numbers
from locator.journal.store import Journal


def test_only_a_completed_wake_saves_the_index_of_the_journal():
    it = woken.device("", 3100)
    saved = []
    write = it.port.rtc_write
    it.port.rtc_write = lambda data: (saved.append(rtc.journal_of(bytes(data))), write(data))
    woken.live(it, 1)
    assert len(it.journal.files) == 1
    assert saved[-1] == it.journal.keep() and not any(len(each) for each in saved[:-1])
    it.modem = woken.Modem("fix")
    it.state[st.SKIP_FIX], before = 0, len(saved)
    while woken.live(it, 1) == 0:
        before = len(saved)
    assert saved[before:] and not any(len(each) for each in saved[before:])


class Reset(woken.Port):
    """After a reset for `cause`; the last wake knew of one file, and another was written since."""

    config_dir, modem_rail = "", print

    def __init__(self, cause):
        woken.Port.__init__(self)
        self.reset_cause = cause
        Journal(self.data_dir, Numbers(self.data_dir, 0)).append([1] * 20)
        one = Journal(self.data_dir, Numbers(self.data_dir, 0))
        room = bytearray(1024)
        data = rtc.pack_into(room, st.kept(st.new()), b"")
        self.rtc_memory = bytes(rtc.pack_journal(room, data, one.keep()))
        one._room = 0
        one.append([1] * 20)


def test_the_saved_index_of_the_journal_is_used_after_a_deep_sleep_only():
    kept = wake.Config
    known = wake.Journal
    files = []
    wake.Journal = lambda *us: files.append(known(*us).files) or 1 / 0
    try:
        wake.Config = lambda folder: None
        for cause in (DEEPSLEEP_RESET, POWER_ON, HARD_RESET, WATCHDOG_RESET):
            try:
                wake.Wake(Reset(cause), Board, (), 0)
            except ZeroDivisionError:
                pass
    finally:
        wake.Config, wake.Journal = kept, known
    assert files == [[1], [1, 2], [1, 2], [1, 2]]


class Board:
    MODEM = "bg95"
