"""Message numbers: none is given twice, whatever becomes of flash, clock and board."""

import scratch
from locator.journal.numbers import Numbers


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
