"""The slot of a boot."""

import os
import sys

import packed
import scratch
from start import slots, trial


class Home:
    """An empty flash as the current folder; `slots_complete` are the names of slots in it."""

    def __init__(self, slots_complete):
        self.before = os.getcwd()
        os.chdir(scratch.folder())
        os.mkdir("slots")
        for name in slots_complete:
            packed.write(name, packed.slot((("locator/wake.mpy", b"code"),)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.chdir(self.before)


def boot(ends):
    """One boot; `ends`: it comes to its sleep."""
    name = slots.choose()
    if ends and slots.on_trial:
        trial.ended()
    return name


def write(data):
    with open("slots/pointer.bin", "wb") as f:
        f.write(data)


def read():
    with open("slots/pointer.bin", "rb") as f:
        return f.read()


BOTH = ("slots/a", "slots/b")


def test_without_a_pointer_the_first_complete_slot_runs():
    for complete, runs in ((BOTH, "slots/a"), (("slots/b",), "slots/b"), ((), "slots/a")):
        with Home(complete):
            assert boot(True) == runs
            assert boot(True) == runs and slots.load()[0] == slots.SLOTS.index(runs)


def test_a_trial_that_is_answered_stays():
    with Home(BOTH):
        assert boot(True) == "slots/a" and trial.spare() == "slots/b"
        trial.start(2)
        assert boot(True) == "slots/b" and trial.spare() is None
        slots.choose()
        trial.confirm()
        for _ in range(trial.BOOTS + 2):
            assert boot(False) == "slots/b" and trial.spare() == "slots/a"


def test_boots_on_trial_that_do_not_reach_their_sleep_are_few():
    with Home(BOTH):
        boot(True)
        trial.start(2)
        for ends in (False, False, True, False, False, False):
            assert boot(ends) == "slots/b"
        assert boot(True) == "slots/a"
        pointer = trial.Pointer()
        assert (pointer.failed, pointer.reason, trial.spare()) == (2, trial.CRASHED, "slots/b")


def test_a_trial_without_an_answer_ends():
    with Home(BOTH):
        boot(True)
        trial.start(2)
        for _ in range(trial.BOOTS):
            assert boot(True) == "slots/b"
        assert boot(True) == "slots/a"
        assert trial.Pointer().reason == trial.NOT_ANSWERED


class Chip:
    """As `machine` and as `board`: a battery at a divider by two."""

    BATTERY_ADC, BATTERY_RATIO_MILLI = 34, 2000
    ATTN_11DB = 3
    battery_mv = 0

    def __init__(self):
        self.ADC = self
        self.Pin = str

    def __call__(self, pin, atten):
        assert pin == "34" and atten == self.ATTN_11DB
        return self

    def read_uv(self):
        return self.battery_mv * 500


def test_a_boot_on_a_weak_battery_is_no_trial_and_writes_nothing():
    kept = {name: sys.modules.get(name) for name in ("board", "machine")}
    chip = sys.modules["board"] = sys.modules["machine"] = Chip()
    try:
        with Home(BOTH):
            boot(True)
            trial.start(2)
            before = read()
            for chip.battery_mv in [2700, 2999] * trial.BOOTS:
                assert boot(False) == "slots/a" and not slots.on_trial and read() == before
            chip.battery_mv = 3000
            assert boot(True) == "slots/b" and trial.Pointer().boots == 1
    finally:
        for name, module in kept.items():
            sys.modules.pop(name)
            if module:
                sys.modules[name] = module


def test_an_exception_rolls_back():
    with Home(BOTH):
        boot(True)
        trial.start(3)
        slots.choose()
        trial.failed(False)
        assert boot(True) == "slots/a"
        assert trial.Pointer().failed == 3


def test_a_good_slot_that_cannot_be_loaded_gives_way_only_to_a_complete_one():
    with Home(BOTH):
        boot(True)
        trial.failed(False)
        assert boot(True) == "slots/a"
        trial.failed(True)
        assert boot(True) == "slots/b"
        packed.write("slots/a", packed.slot((("locator/wake.mpy", b"code"),))[:-1])
        trial.failed(True)
        assert boot(True) == "slots/b"


def test_a_damaged_pointer_is_none():
    with Home(BOTH):
        slots.choose()
        trial.start(2)
        good = read()
        assert boot(False) == "slots/b"
        for i in range(len(good)):
            for bit in range(8):
                write(good[:i] + bytes([good[i] ^ 1 << bit]) + good[i + 1 :])
                assert boot(True) == "slots/a"
            write(good[:i])
            assert boot(True) == "slots/a"
        write(good)
        assert boot(True) == "slots/b"


def test_a_roll_back_that_the_power_cut_short_goes_on():
    with Home(("slots/b",)):
        slots.choose()
        trial.start(2)  # its slot is gone already, and the pointer still has it on trial
        assert boot(True) == "slots/b"
        assert trial.Pointer().failed == 2 and trial.Pointer().reason == trial.CRASHED


def test_a_boot_that_cannot_be_counted_is_no_trial():
    with Home(BOTH):
        boot(True)
        trial.start(2)
        os.mkdir("slots/pointer.bin.new")
        assert boot(True) == "slots/a"
        trial.confirm()  # of the slot that does not run
        os.rmdir("slots/pointer.bin.new")
        assert boot(True) == "slots/b"


def test_a_release_that_has_failed_never_replaces_a_good_one():
    with Home(BOTH):
        boot(True)
        trial.start(2)
        for _ in range(trial.UNENDED):
            assert boot(False) == "slots/b"
        assert boot(True) == "slots/a"
        trial.failed(True)  # the good one, once: a sensor that did not answer, a read that failed
        assert boot(True) == "slots/a"
        os.remove("slots/pointer.bin")
        assert boot(True) == "slots/a"


def test_a_good_release_whose_file_has_changed_gives_way_to_the_other_one():
    with Home(BOTH):
        assert boot(True) == "slots/a"
        trial.failed(False)
        assert boot(True) == "slots/a"
        with open("slots/a", "r+b") as f:
            f.seek(-3, 2)
            f.write(b"?")
        trial.failed(False)
        assert boot(True) == "slots/b"


def test_a_release_whose_file_has_changed_stays_where_there_is_no_other():
    with Home(("slots/a",)):
        boot(True)
        with open("slots/a", "r+b") as f:
            f.seek(-3, 2)
            f.write(b"?")
        trial.failed(False)
        assert boot(True) == "slots/a"
