"""Records in flash: sequences, acknowledgements, torn and damaged records, thinning."""

import os

import scratch
from locator.codec import record
from locator.journal import again, rtc, store
from locator.journal.acks import MAX_RANGES, Acks
from locator.journal.numbers import Numbers


def fields(motion=0):
    return [record.FIX, 3, 0, 0, 845000000, 1, 2963000, 10639000, 122, 0, 0, 5, 9, 180, 41] + [
        460000,
        9311,
        123456789,
        97,
        motion,
    ]


def opened(path):
    numbers = Numbers(path, 0)
    return numbers, store.Journal(path, numbers)


def filled(path, n):
    numbers, journal = opened(path)
    for i in range(n):
        journal.append(fields(i % 200))
    return numbers, journal


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


def test_acknowledging_unwritten_records_frees_nothing():
    path = scratch.folder()
    _, journal = filled(path, 3)
    journal.acknowledge([4, 4000000000, 0, 0])
    assert journal.pending() == 3
    journal.append(fields())
    assert batch_of(journal) == [1, 2, 3, 4]


def test_a_torn_record_is_skipped_and_its_sequence_not_used_again():
    path = scratch.folder()
    filled(path, 3)
    with open(path + "/00000001.seg", "ab") as f:
        f.write(b"torn")
    numbers, journal = opened(path)
    assert journal.append(fields()) == 5
    assert batch_of(journal) == [1, 2, 3, 5]
    assert journal.pending() == 4
    assert numbers.damaged == 1


def test_a_damaged_record_is_skipped_and_counted():
    path = scratch.folder()
    filled(path, 5)
    name = path + "/00000001.seg"
    damage(name, 2)
    numbers, journal = opened(path)
    assert batch_of(journal) == [1, 2, 4, 5]
    assert numbers.damaged == 1
    assert [record.seq_of(buf, 0) for _, buf in store.scan(name)] == [1, 2, 4, 5]


def full(path):
    """A full journal of a few files, nothing acknowledged."""
    store.MAX_FILES = 4
    numbers, journal = opened(path)
    stops = (20, 64, 110)  # the last point of each
    for seq in range(1, 257):
        made = fields(seq % 200)
        made[2] = record.EVENT_DEPARTED if seq - 1 in stops else record.EVENT_LIGHT if seq == 40 else 0
        journal.append(made)
    return numbers, journal


def all_of(journal):
    """The sequences that wait, oldest first, acknowledging them batch by batch."""
    waiting = []
    while True:
        batch = batch_of(journal)
        if not batch:
            return waiting
        waiting += batch
        journal.acknowledge([each for seq in batch for each in (seq, seq)])


def with_few_files(test):
    kept = store.MAX_FILES
    try:
        test(scratch.folder())
    finally:
        store.MAX_FILES = kept


def check_thinning(path):
    numbers, journal = full(path)
    assert numbers.thinned == 0 and journal.pending() == 256
    assert journal.append(fields()) == 257
    kept = sorted([20, 21, 64, 65, 110, 111] + list(range(8, 64, 8)) + list(range(72, 129, 8)))
    assert numbers.thinned == 128 - len(kept)
    assert journal.pending() == 129 + len(kept)
    _, journal = opened(path)
    assert journal.pending() == 129 + len(kept)
    assert batch_of(journal, len(kept) + 1) == kept + [129]
    assert all_of(journal) == kept + list(range(129, 258))
    assert journal.pending() == 0 and journal.numbers.acks.ranges == [1, 257]
    assert Numbers(path, 0).thinned == numbers.thinned


def check_acknowledged_go_first(path):
    numbers, journal = full(path)
    journal.acknowledge([129, 256])
    journal.append(fields())
    assert numbers.thinned == 0
    assert all_of(journal) == list(range(1, 129)) + [257]
    assert again.resend(journal, 1, 400) == [129, 192]


def check_the_thinned_go_last(path):
    numbers, journal = full(path)
    for _ in range(20 * store.PER_SEGMENT):
        journal.append(fields())
    left = journal.pending()
    assert numbers.thinned + left == 256 + 20 * store.PER_SEGMENT
    assert len(os.listdir(path + "/journal")) <= 4
    waiting = all_of(journal)
    assert len(waiting) == left and waiting == sorted(waiting) and waiting[0] < 1000


class PowerCut(Exception):
    pass


def check_a_cut_in_thinning(path):
    _, journal = full(path)
    for _ in range(store.PER_SEGMENT):
        journal.append(fields())
    calls = []

    def cut(name):
        calls.append(name)
        raise PowerCut

    journal.give_up = cut  # the segment whose records its neighbour has by now
    try:
        journal.append(fields())
    except PowerCut:
        pass
    assert calls
    _, journal = opened(path)
    waiting = all_of(journal)
    assert waiting == sorted(set(waiting))


def test_a_power_cut_in_thinning_sends_no_record_twice():
    with_few_files(check_a_cut_in_thinning)


def test_a_full_journal_is_thinned_by_the_rule():
    with_few_files(check_thinning)


def test_acknowledged_records_are_removed_before_unacknowledged_ones():
    with_few_files(check_acknowledged_go_first)


def test_thinned_records_are_kept_as_long_as_there_is_room():
    with_few_files(check_the_thinned_go_last)


def test_the_newest_are_read_first_when_it_is_urgent():
    _, journal = filled(scratch.folder(), 200)
    buf = bytearray(16 * record.SIZE)
    journal.acknowledge([195, 196])
    n = journal.read_batch(buf, 16, True)
    newest = [record.seq_of(buf, i * record.SIZE) for i in range(n)]
    assert newest == list(range(183, 195)) + [197, 198, 199, 200]
    journal.acknowledge([183, 194, 197, 200])
    assert journal.read_batch(buf, 16) == 16 and record.seq_of(buf, 0) == 1
    assert journal.pending() == 182


def test_acknowledged_records_are_sent_again_on_request():
    path = scratch.folder()
    _, journal = filled(path, 200)
    journal.acknowledge([1, 200])
    assert again.resend(journal, 60, 70) == []
    assert journal.pending() == 11 and all_of(journal) == list(range(60, 71))
    os.remove(path + "/journal/00000041.seg")
    _, journal = opened(path)
    assert again.resend(journal, 60, 999) == [65, 128]
    assert all_of(journal) == list(range(60, 65)) + list(range(129, 201))
    assert again.resend(journal, 300, 310) == [] and journal.pending() == 0


def test_requested_records_that_cannot_be_read_are_lost():
    path = scratch.folder()
    _, journal = filled(path, 5)
    damage(path + "/00000001.seg", 2)
    journal.acknowledge([1, 5])
    assert again.resend(journal, 1, 5) == [3, 3]
    assert all_of(journal) == [1, 2, 4, 5]


def damage(name, place):
    with open(name, "rb") as f:
        data = bytearray(f.read())
    data[place * record.SIZE + 20] ^= 1
    with open(name, "wb") as f:
        f.write(data)


def test_a_segment_that_cannot_be_read_holds_up_nothing():
    path = scratch.folder()
    numbers, journal = filled(path, 130)
    os.remove(path + "/journal/00000041.seg")
    assert batch_of(journal, 95) == list(range(1, 65)) + [129, 130]
    assert numbers.damaged == 64 and journal.pending() == 66


def test_a_newest_segment_that_is_lost_takes_no_sequence_with_it():
    for cut in (None, 46):
        path = scratch.folder()
        _, journal = filled(path, 100)
        journal.acknowledge([1, 100])
        name = path + "/00000041.seg"
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
    errno = 28

    def _append(self, fields):
        self.writes += 1
        if self.writes == 1:
            self.files.append(self.next_seq)
            raise OSError(self.errno)
        return store.Journal._append(self, fields)


def test_a_flash_that_is_full_before_the_journal_is_makes_room():
    for errno in (28, 36):
        path = scratch.folder()
        filled(path, 128)
        numbers = Numbers(path, 0)
        journal = FullFlash(path, numbers)
        journal.errno = errno
        assert journal.append(fields()) == 129
        assert numbers.thinned == 56
        assert batch_of(journal)[:9] == list(range(8, 65, 8)) + [65]


class TightFlash(store.Journal):
    """A journal on a flash that has no room for one more record of the newest segment until a file goes."""

    writes = 0

    def _append(self, fields):
        self.writes += 1
        if self.writes == 1:
            raise OSError(28)
        return store.Journal._append(self, fields)


def test_on_a_full_flash_a_segment_that_is_whole_goes_on():
    path = scratch.folder()
    filled(path, 131)
    numbers = Numbers(path, 0)
    journal = TightFlash(path, numbers)
    assert journal.append(fields()) == 132
    assert journal.files[-1] == 129 and numbers.thinned == 56
    _, journal = opened(path)
    assert batch_of(journal, 128)[-1] == 132 and journal.files[-1] == 129


def test_a_full_flash_that_costs_the_newest_segment_begins_another():
    for acknowledged in (True, False):
        path = scratch.folder()
        _, journal = filled(path, 5)
        if acknowledged:
            journal.acknowledge([1, 5])
        numbers = Numbers(path, 0)
        journal = TightFlash(path, numbers)
        assert journal.append(fields()) == 6 and journal.files == [6]
        _, journal = opened(path)
        assert batch_of(journal) == [6]


def test_power_ons_are_counted():
    path = scratch.folder()
    for boot in (1, 2, 3):
        numbers = Numbers(path, 0)
        numbers.count_power_on()
        assert numbers.boot == boot
    assert "state.bin.new" not in os.listdir(path)


def test_ranges_join_and_stay_bounded():
    acks = Acks()
    for lo in (10, 30, 50):
        acks.add(lo, lo + 5)
    acks.add(16, 29)
    assert acks.ranges == [10, 35, 50, 55]
    assert acks.has(29) and not acks.has(36) and acks.covers(10, 35) and acks.count(1, 99) == 32
    for i in range(40):
        acks.add(100 + 10 * i, 100 + 10 * i)
    assert len(acks.ranges) == 2 * MAX_RANGES


def test_a_value_beyond_a_byte_is_reported_as_the_nearest():
    assert record.felt(3600, -55) == (180, -11)
    assert record.felt(3609, 57) == (180, 11)
    for battery_mv, temperature_dc in ((9000, 850), (0, -900)):
        body = list(record.felt(battery_mv, temperature_dc))
        buf = bytearray(record.SIZE)
        record.pack_into(buf, [record.REUSED, 1, 0, 1, 5, 1] + [0] * 7 + body + [0] * 5)
        assert record.unpack(buf)[13:15] == ((255, 127) if battery_mv else (0, -128))


def test_a_journal_that_is_known_is_not_listed():
    path = scratch.folder()
    _, journal = filled(path, 200)
    store._make_folder(path + "/journal/elsewhere.seg")  # to list it would fail
    again_opened = store.Journal(path, Numbers(path, 0), journal.keep())
    assert (again_opened.files, again_opened.old) == (journal.files, journal.old)
    assert again_opened.append(fields()) == 201 and again_opened.pending() == 201


def test_a_thinned_journal_is_known_as_well():
    path = scratch.folder()
    _, journal = filled(path, 200)
    journal.make_room()
    again_opened = store.Journal(path, Numbers(path, 0), journal.keep())
    assert again_opened.old == 1 and batch_of(again_opened) == batch_of(journal)


def test_journal_data_follows_the_state_and_disturbs_nothing():
    _, journal = filled(scratch.folder(), 200)
    room = bytearray(2048)
    data = bytes(rtc.pack_into(room, [1, 2, 3], b"log"))
    whole = bytes(rtc.pack_journal(room, data, journal.keep()))
    assert rtc.journal_of(whole) == journal.keep()
    assert list(rtc.unpack(whole, 3)) == [1, 2, 3] and rtc.log_of(whole, 3) == b"log"
    for i in range(len(data), len(whole)):
        found = rtc.journal_of(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        assert found == () or found == journal.keep()
        assert rtc.journal_of(whole[:i]) == ()
    assert rtc.journal_of(data) == rtc.journal_of(b"") == ()


def test_a_full_journal_fits_into_rtc_memory():
    from locator import state
    from locator.journal import log

    kept = 4 * (1 + store.MAX_FILES)
    assert 2 * rtc.HEAD_SIZE + 4 * state.SIZE + log.MAX_BYTES + kept <= 2048


def test_only_the_newest_segment_lies_in_the_directory_of_session_files():
    path = scratch.folder()
    _, journal = filled(path, 129)
    assert [name for name in os.listdir(path) if name.endswith(".seg")] == ["00000081.seg"]
    assert sorted(os.listdir(path + "/journal")) == ["00000001.seg", "00000041.seg"]
    assert all_of(journal) == list(range(1, 130))


def test_a_segment_that_is_full_and_not_yet_put_away_goes_on_in_the_next_one():
    for is_put_away in (False, True):
        path = scratch.folder()
        _, journal = filled(path, 64)
        if is_put_away:  # and then the power failed
            os.rename(path + "/00000001.seg", path + "/journal/00000001.seg")
        _, journal = opened(path)
        assert journal.append(fields()) == 65 and all_of(journal) == list(range(1, 66))
        assert sorted(os.listdir(path + "/journal")) == ["00000001.seg"]


def test_a_segment_that_cannot_be_put_away_is_still_read():
    path = scratch.folder()
    _, journal = filled(path, 64)
    os.rename(path + "/journal", path + "/gone")
    try:
        journal.append(fields())
    except OSError:
        pass
    assert all_of(journal)[:64] == list(range(1, 65))


def test_a_segment_that_is_cut_short_and_cannot_be_put_away_uses_no_sequence_twice():
    path = scratch.folder()
    _, journal = filled(path, 100)
    journal.acknowledge([1, 100])
    name = path + "/00000041.seg"
    with open(name, "rb") as f:
        data = f.read(46)
    with open(name, "wb") as f:
        f.write(data)
    _, journal = opened(path)
    rename, failed = os.rename, []

    def refuses(before, after):
        if not failed:
            failed.append(before)
            raise OSError(5)
        rename(before, after)

    calls = {"rename": refuses, "stat": os.stat, "remove": os.remove, "listdir": os.listdir}
    store.os = type("Os", (), calls)
    try:
        assert journal.append(fields()) == 101 and failed
    finally:
        store.os = os
    assert journal.pending() == 1 and batch_of(journal) == [101]
