"""Records in flash: sequences, acknowledgements, torn and damaged records, thinning."""

import os

import scratch
from locator.journal import record, store
from locator.journal.acks import MAX_RANGES, Acks
from locator.journal.ledger import Ledger


def fields(motion=0):
    return [record.FIX, 3, 0, 0, 845000000, 1, 2963000, 10639000, 122, 0, 0, 5, 9, 180, 41] + [
        460000,
        9311,
        123456789,
        97,
        motion,
    ]


def opened(path):
    ledger = Ledger(path, 0)
    return ledger, store.Journal(path, ledger)


def filled(path, n):
    ledger, journal = opened(path)
    for i in range(n):
        journal.append(fields(i % 200))
    return ledger, journal


def batch_of(journal, limit=64):
    buf = bytearray(limit * record.SIZE)
    n = journal.read_batch(buf, limit)
    return [record.unpack(buf, i * record.SIZE)[3] for i in range(n)]


def test_sequences_go_on_after_a_reset():
    path = scratch.folder()
    filled(path, 70)
    _, journal = opened(path)
    assert journal.next_seq == 71
    assert journal.append(fields()) == 71
    assert journal.pending() == 71


def test_acknowledged_records_are_not_read_again():
    path = scratch.folder()
    _, journal = filled(path, 70)
    journal.acknowledge([1, 64, 66, 66])
    assert batch_of(journal) == [65, 67, 68, 69, 70]
    _, journal = opened(path)
    assert batch_of(journal) == [65, 67, 68, 69, 70]
    assert journal.pending() == 5


def test_acknowledging_what_was_never_written_frees_nothing():
    path = scratch.folder()
    _, journal = filled(path, 3)
    journal.acknowledge([4, 4000000000, 0, 0])
    assert journal.pending() == 3
    journal.append(fields())
    assert batch_of(journal) == [1, 2, 3, 4]


def test_a_torn_record_is_skipped_and_its_sequence_not_used_again():
    path = scratch.folder()
    filled(path, 3)
    with open(path + "/journal/00000001.seg", "ab") as f:
        f.write(b"torn")
    ledger, journal = opened(path)
    assert journal.append(fields()) == 5
    assert batch_of(journal) == [1, 2, 3, 5]
    assert journal.pending() == 4
    assert ledger.damaged == 1


def test_a_damaged_record_is_skipped_and_counted():
    path = scratch.folder()
    filled(path, 5)
    name = path + "/journal/00000001.seg"
    with open(name, "rb") as f:
        data = bytearray(f.read())
    data[2 * record.SIZE + 20] ^= 1
    with open(name, "wb") as f:
        f.write(data)
    ledger, journal = opened(path)
    assert batch_of(journal) == [1, 2, 4, 5]
    assert ledger.damaged == 1
    assert [r[3] for _, r in store.scan(name)] == [1, 2, 4, 5]


def test_a_full_flash_thins_the_oldest_and_counts_them():
    path = scratch.folder()
    limit = store._MAX_SEGMENTS if hasattr(store, "_MAX_SEGMENTS") else 160
    ledger, journal = filled(path, limit * 64)
    assert ledger.thinned == 0
    journal.append(fields())
    assert ledger.thinned == 64
    assert journal.pending() == limit * 64 + 1 - 64
    assert batch_of(journal, 2) == [65, 66]


def test_message_numbers_are_never_given_twice():
    path = scratch.folder()
    given = []
    for _ in range(5):
        ledger = Ledger(path, 0)
        for _ in range(70):
            given.append(ledger.next_number())
    assert len(set(given)) == len(given)


def test_a_damaged_ledger_goes_on_in_fresh_numbers():
    path = scratch.folder()
    ledger = Ledger(path, 0)
    used = ledger.next_number()
    with open(path + "/state.bin", "wb") as f:
        f.write(b"damaged")
    ledger = Ledger(path, 7)
    assert used < ledger.next_number()


def test_the_ledger_before_stands_in_for_a_damaged_one():
    path = scratch.folder()
    given = []
    for _ in range(4):
        ledger = Ledger(path, 0)
        for _ in range(70):
            given.append(ledger.next_number())
        ledger.acks.add(1, 10)
        ledger.save()
        ledger.save()
        with open(path + "/state.bin", "wb") as f:
            f.write(b"damaged")
    assert len(set(given)) == len(given) and max(given) < 2000
    assert Ledger(path, 0).acks.has(10)


def test_two_damaged_ledgers_go_on_in_numbers_of_five_bytes():
    for random_byte in range(256):
        path = scratch.folder()
        for name in ("/state.bin", "/state.bin.old"):
            with open(path + name, "wb") as f:
                f.write(b"damaged")
        assert 1 << 32 <= Ledger(path, random_byte).next_number() < (1 << 40) - 64


def test_a_newest_segment_that_is_lost_takes_no_sequence_with_it():
    for cut in (None, 46):
        path = scratch.folder()
        _, journal = filled(path, 100)
        journal.acknowledge([1, 100])
        name = path + "/journal/00000041.seg"
        if cut is None:
            os.remove(name)
        else:
            with open(name, "rb") as f:
                data = f.read(cut)
            with open(name, "wb") as f:
                f.write(data)
        _, journal = opened(path)
        assert journal.append(fields()) == 101
        assert journal.pending() == 1
        assert batch_of(journal) == [101]


def test_with_the_acknowledgements_lost_old_segments_do_not_wait_for_ever():
    path = scratch.folder()
    _, journal = filled(path, 130)
    os.remove(path + "/journal/00000001.seg")
    for name in ("/state.bin", "/state.bin.old"):
        if name[1:] in os.listdir(path):
            os.remove(path + name)
    _, journal = opened(path)
    assert journal.pending() == 66
    journal.acknowledge([65, 130])
    assert journal.pending() == 0


class FullFlash(store.Journal):
    """A journal on a flash that is full until a segment goes."""

    writes = 0

    def _append(self, fields):
        self.writes += 1
        if self.writes == 1:
            self._segments.append(self.next_seq)
            raise OSError(28)
        return store.Journal._append(self, fields)


def test_a_flash_that_is_full_gives_up_the_oldest_segment():
    path = scratch.folder()
    filled(path, 128)
    ledger = Ledger(path, 0)
    journal = FullFlash(path, ledger)
    assert journal.append(fields()) == 129
    assert ledger.thinned == 64
    assert batch_of(journal)[0] == 65


def test_power_ons_are_counted():
    path = scratch.folder()
    for boot in (1, 2, 3):
        ledger = Ledger(path, 0)
        ledger.count_power_on()
        assert ledger.boot == boot
    assert "state.bin.new" not in os.listdir(path)


def test_ranges_join_and_stay_bounded():
    acks = Acks()
    for lo in (10, 30, 50):
        acks.add(lo, lo + 5)
    acks.add(16, 29)
    assert acks.ranges == [10, 35, 50, 55]
    assert acks.has(29) and not acks.has(36) and acks.covers(10, 35) and acks.count() == 32
    for i in range(40):
        acks.add(100 + 10 * i, 100 + 10 * i)
    assert len(acks.ranges) == 2 * MAX_RANGES
