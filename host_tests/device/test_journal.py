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
    """A journal of a few files that nobody has acknowledged and that is full."""
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


def test_what_was_acknowledged_is_sent_again_on_request():
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


def test_message_numbers_are_never_given_twice():
    path = scratch.folder()
    given = []
    for _ in range(5):
        numbers = Numbers(path, 0)
        for _ in range(70):
            given.append(numbers.next_number())
    assert len(set(given)) == len(given)


def test_a_damaged_file_goes_on_in_fresh_numbers():
    path = scratch.folder()
    numbers = Numbers(path, 0)
    used = numbers.next_number()
    with open(path + "/state.bin", "wb") as f:
        f.write(b"damaged")
    numbers = Numbers(path, 7)
    assert used < numbers.next_number()


def test_the_earlier_copy_replaces_a_damaged_file():
    path = scratch.folder()
    given = []
    for _ in range(4):
        numbers = Numbers(path, 0)
        numbers.acks.add(1, 10)
        numbers.save()
        for _ in range(70):
            given.append(numbers.next_number())
        numbers.acks.add(11, 12)
        numbers.save()
        with open(path + "/state.bin", "wb") as f:
            f.write(b"damaged")
    assert len(set(given)) == len(given) and max(given) < given[0] + 2000
    assert Numbers(path, 0).acks.has(10)


def damaged_twice(path):
    for name in ("/state.bin", "/state.bin.old"):
        with open(path + name, "wb") as f:
            f.write(b"damaged")


def test_two_damaged_files_go_on_in_numbers_of_five_bytes():
    for random in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        path = scratch.folder()
        damaged_twice(path)
        assert 1 << 32 <= Numbers(path, random).next_number() < (1 << 40) - 64


def test_numbers_after_damage_rise_once_the_time_is_known():
    path, last, now_s = scratch.folder(), 0, 850000000
    for random in (0xFFFFFFFF, 0, 77, 0):
        damaged_twice(path)
        numbers = Numbers(path, random)
        numbers.date(now_s)
        number = numbers.next_number()
        assert last < number < (1 << 40) - 64
        numbers = Numbers(path, random)
        last = numbers.next_number()  # without the time they go on by counting
        assert number < last <= number + 64
        now_s += 60


def test_numbers_drawn_without_the_time_are_left_for_dated_ones_when_it_is_known():
    path = scratch.folder()
    damaged_twice(path)
    drawn = Numbers(path, 0xFFFFFFFF).next_number()
    numbers = Numbers(path, 0)
    numbers.date(850000000)
    assert numbers.next_number() == 850000000 << 8 > drawn


def test_where_nothing_lies_numbers_go_on_as_after_damage():
    path = scratch.folder()
    drawn = Numbers(path, 5).next_number()
    path = scratch.folder()
    numbers = Numbers(path, 5)
    numbers.date(850000000)
    first = numbers.next_number()
    assert 1 << 32 <= drawn < first == (850000000 << 8) + 5
    assert first < Numbers(path, 7).next_number() <= first + 64


NOW_S = 850000000
STATE = ("/state.bin", "/state.bin.old")


def contact(path, now_s, random=0, n=8):
    """The numbers of a wake with a contact at that time, None: unknown."""
    numbers = Numbers(path, random)
    if now_s:
        numbers.date(now_s)
    return [numbers.next_number() for _ in range(n)]


def image(path):
    """What of a flash has to do with numbers."""
    kept = []
    for name in STATE:
        try:
            with open(path + name, "rb") as f:
                kept.append(f.read())
        except OSError:
            kept.append(None)
    return kept


def write_back(kept, path):
    for i in range(2):
        if kept[i] is not None:
            with open(path + STATE[i], "wb") as f:
                f.write(kept[i])


def test_a_flash_image_that_is_written_back_repeats_no_number_once_the_time_is_known():
    path, now_s, given = scratch.folder(), NOW_S, []
    for _ in range(3):
        given += contact(path, now_s)
        now_s += 14400
    kept = image(path)
    for _ in range(30):
        given += contact(path, now_s)
        now_s += 14400
    write_back(kept, path)
    for _ in range(30):
        given += contact(path, now_s)
        now_s += 14400
    assert len(set(given)) == len(given) == 504
    assert given == sorted(given)  # the agent's window takes each


def test_a_second_board_with_the_identity_repeats_no_number_once_the_time_is_known():
    boards = scratch.folder(), scratch.folder()
    given = contact(boards[0], NOW_S)
    write_back(image(boards[0]), boards[1])
    for i in range(1, 31):
        for board in (0, 1):  # powered on by one switch: they report in the same second
            given += contact(boards[board], NOW_S + 14400 * i, 100 * board)
    assert len(set(given)) == len(given) == 488


def test_numbers_begin_at_the_clock_once_in_a_wake():
    path = scratch.folder()
    numbers = Numbers(path, 0)
    numbers.date(NOW_S)
    first = numbers.next_number()
    written = image(path)
    for i in range(1, 64):
        numbers.date(NOW_S + 60 * i)
        assert numbers.next_number() == first + i == (NOW_S << 8) + i
    assert image(path) == written
    assert contact(path, NOW_S - 86400)[0] == first + 64  # a clock that is behind takes nothing back


def test_only_the_agent_is_believed_years_ahead_and_no_clock_takes_the_numbers():
    path = scratch.folder()
    last = contact(path, NOW_S)[-1]
    for wrong_s in (NOW_S + 20 * 31557600, (1 << 31) - 1, 1 << 32, 1 << 40):
        assert last < contact(path, wrong_s)[0] <= last + 64
        last += 64
    numbers = Numbers(path, 0)
    numbers.date(NOW_S + 20 * 31557600, True)
    assert numbers.next_number() == (NOW_S + 20 * 31557600) << 8
    for wrong_s in (1 << 31, 1 << 32, 1 << 40):
        for is_sure in (False, True):
            numbers = Numbers(scratch.folder(), 0)
            numbers.date(wrong_s, is_sure)
            assert numbers.next_number() < 1 << 39


def test_after_a_clock_that_was_ahead_numbers_go_on_by_counting_until_it_is_reached():
    path = scratch.folder()
    ahead = contact(path, NOW_S + 3600)
    given = ahead + contact(path, NOW_S + 60) + contact(path, NOW_S + 1800)
    assert len(set(given)) == len(given) and given[-1] < ahead[0] + 256
    assert contact(path, NOW_S + 3601)[0] == (NOW_S + 3601) << 8


def test_a_flash_that_takes_nothing_gives_the_numbers_that_are_reserved():
    path = scratch.folder()
    before = contact(path, NOW_S, n=1)[0]
    numbers = Numbers(path, 0)
    numbers._next -= 63  # of the wake before
    numbers.save = takes_nothing
    numbers.date(NOW_S + 60)
    assert numbers.next_number() == before + 1
    for _ in range(62):
        numbers.next_number()
    for _ in range(2):  # and none that is not
        try:
            numbers.next_number()
            raise AssertionError
        except OSError:
            pass


def takes_nothing(reserved=0):
    raise OSError(28)


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


def test_only_the_newest_segment_is_next_to_what_a_session_writes():
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
