"""Which slot a boot runs."""

import os

import scratch
import slots


class Home:
    """An empty flash as the current folder; `slots_complete` are the names of slots in it."""

    def __init__(self, slots_complete):
        self.before = os.getcwd()
        os.chdir(scratch.folder())
        for name in slots_complete:
            os.mkdir(name)
            with open(name + slots.COMPLETE, "wb"):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.chdir(self.before)


def boot(ends):
    """One boot; `ends`: it comes to its sleep."""
    name = slots.choose()
    if ends:
        slots.ended()
    return name


def write(data):
    with open("slots.bin", "wb") as f:
        f.write(data)


def read():
    with open("slots.bin", "rb") as f:
        return f.read()


BOTH = ("slot_a", "slot_b")


def test_without_a_pointer_the_first_complete_slot_runs():
    for complete, runs in ((BOTH, "slot_a"), (("slot_b",), "slot_b"), ((), "slot_a")):
        with Home(complete):
            assert boot(True) == runs
            assert "slots.bin" not in os.listdir(".")


def test_a_trial_that_is_answered_stays():
    with Home(BOTH):
        assert boot(True) == "slot_a" and slots.spare() == "slot_b"
        slots.try_out(2)
        assert boot(True) == "slot_b" and slots.spare() is None
        slots.choose()
        slots.confirm()
        slots.ended()
        for _ in range(slots.BOOTS + 2):
            assert boot(False) == "slot_b" and slots.spare() == "slot_a"


def test_a_trial_that_does_not_reach_its_sleep_is_the_last():
    with Home(BOTH):
        boot(True)
        slots.try_out(2)
        assert boot(False) == "slot_b"
        assert boot(True) == "slot_a"
        pointer = slots.Pointer()
        assert (pointer.failed, pointer.reason, slots.spare()) == (2, slots.CRASHED, "slot_b")


def test_a_trial_that_nobody_answers_ends():
    with Home(BOTH):
        boot(True)
        slots.try_out(2)
        for _ in range(slots.BOOTS):
            assert boot(True) == "slot_b"
        assert boot(True) == "slot_a"
        assert slots.Pointer().reason == slots.NOT_ANSWERED


def test_an_exception_rolls_back():
    with Home(BOTH):
        boot(True)
        slots.try_out(3)
        slots.choose()
        slots.failed(False)
        assert boot(True) == "slot_a"
        assert slots.Pointer().failed == 3


def test_a_good_slot_that_cannot_be_loaded_gives_way_only_to_a_complete_one():
    with Home(BOTH):
        boot(True)
        slots.failed(False)
        assert boot(True) == "slot_a"
        slots.failed(True)
        assert boot(True) == "slot_b"
        os.remove("slot_a" + slots.COMPLETE)
        slots.failed(True)
        assert boot(True) == "slot_b"


def test_a_damaged_pointer_is_none():
    with Home(("slot_b",)):
        slots.choose()
        slots.try_out(2)
        good = read()
        assert boot(False) == "slot_a"  # on trial, and there is nothing: the next boot is another
        for i in range(len(good)):
            for bit in range(8):
                write(good[:i] + bytes([good[i] ^ 1 << bit]) + good[i + 1 :])
                assert boot(True) == "slot_b"
            write(good[:i])
            assert boot(True) == "slot_b"
        write(good)
        assert boot(True) == "slot_a"


def test_a_boot_that_cannot_be_counted_is_no_trial():
    with Home(BOTH):
        boot(True)
        slots.try_out(2)
        os.mkdir("slots.bin.new")
        assert boot(True) == "slot_a"
        slots.confirm()  # of the slot that does not run
        os.rmdir("slots.bin.new")
        assert boot(True) == "slot_b"
