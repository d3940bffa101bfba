"""Orders: the guide comes in pieces, is replaced, is removed; what is no piece."""

import os

import guides
import scratch
from locator import state as st
from locator.codec import cbor
from locator.downlink import guide as orders
from locator.downlink.desk import Desk
from locator.scheduler import guide


class Port:
    """As much of a port as this needs."""

    def __init__(self):
        self.data_dir = scratch.folder()


def made():
    return Desk(Port(), None, None, None, st.new(), None)


def report(desk):
    """What it tells, as [in use, on its way, bytes]."""
    assert desk.state[st.TO_TELL] & st.TELL_GUIDE
    out = cbor.Writer(bytearray(32))
    out.head(cbor.MAP, 1)
    assert orders.write(desk, out) == 1
    return cbor.loads(bytes(out.buf[: out.n]))[12]


def send(desk, data, revision, piece=50, most=99):
    """Pieces as the agent answers reports with."""
    for _ in range(most):
        orders.told(desk)
        _, coming, offset = report(desk)
        if coming != revision:
            offset = 0
        desk.take({3: 0, 9: [revision, offset, data[offset : offset + piece]]})
        if report(desk)[0] == revision:
            return


def test_it_comes_in_pieces_and_is_used_when_it_is_whole():
    desk, data = made(), guides.made()
    desk.tell(st.TELL_GUIDE)
    assert report(desk) == [0, 0, 0]
    send(desk, data, 7, most=1)
    assert report(desk) == [0, 7, 50] and guide.load(desk.port.data_dir) is None
    send(desk, data, 7)
    assert report(desk) == [7, 0, 0]
    assert guide.load(desk.port.data_dir).journey(0, True, 0, 0).networks == (401001,)
    assert os.listdir(desk.port.data_dir) == ["guide"]


def test_another_way_is_planned_anew():
    desk = made()
    desk.tell(st.TELL_GUIDE)
    desk.state[st.ROW_AT], desk.state[st.ENDS_AT], desk.state[st.GUIDE_KM4] = 5, -1, 900
    send(desk, guides.made(), 7, most=1)
    assert desk.state[st.ENDS_AT] == -1 and desk.state[st.GUIDE_KM4] == 900
    send(desk, guides.made(), 7)
    assert desk.state[st.ROW_AT] == desk.state[st.ENDS_AT] == 0
    assert desk.state[st.GUIDE_KM4] == 0, "a place of the line before"
    desk.state[st.ENDS_AT], desk.state[st.GUIDE_KM4] = 77, 900
    desk.take({3: 0, 9: [0]})
    assert desk.state[st.ENDS_AT] == desk.state[st.GUIDE_KM4] == 0


def test_the_old_one_is_used_until_the_new_one_is_whole():
    desk = made()
    desk.tell(st.TELL_GUIDE)
    send(desk, guides.made(7), 7)
    send(desk, guides.made(8), 8, most=2)
    assert report(desk) == [7, 8, 100] and guide.load(desk.port.data_dir)
    send(desk, guides.made(9), 9, most=1)  # another one is meant now
    assert report(desk) == [7, 9, 50]
    send(desk, guides.made(9), 9)
    assert report(desk) == [9, 0, 0]


def test_a_piece_that_comes_twice_or_out_of_turn_changes_nothing():
    desk, data = made(), guides.made()
    desk.tell(st.TELL_GUIDE)
    send(desk, data, 7, most=1)
    for offset in (0, 20, 100):
        desk.take({3: 0, 9: [7, offset, data[offset : offset + 50]]})
        assert report(desk) == [0, 7, 50]
    send(desk, data, 7)
    desk.take({3: 0, 9: [7, 0, data[:100]]})
    assert report(desk) == [7, 0, 0]


def test_what_is_damaged_begins_anew():
    desk, data = made(), guides.made()
    desk.tell(st.TELL_GUIDE)
    bad = data[:150] + b"\xff" + data[151:]
    send(desk, bad, 7, most=4)
    assert report(desk) == [0, 0, 0]
    send(desk, data + b"\0", 7, piece=500, most=1)
    assert report(desk) == [0, 0, 0]
    send(desk, data, 7)
    assert report(desk) == [7, 0, 0]
    with open(desk.port.data_dir + "/guide", "wb") as f:  # flash goes bad
        f.write(bad)
    assert report(desk) == [0, 0, 0]
    send(desk, data, 7)
    assert report(desk) == [7, 0, 0]


def test_it_is_removed():
    desk = made()
    desk.tell(st.TELL_GUIDE)
    send(desk, guides.made(7), 7)
    send(desk, guides.made(8), 8, most=1)
    desk.take({3: 0, 9: [0]})
    assert report(desk) == [0, 0, 0] and not os.listdir(desk.port.data_dir)


def test_what_is_no_piece_changes_nothing():
    desk, data = made(), guides.made()
    desk.tell(st.TELL_GUIDE)
    send(desk, data, 7)
    head = data[:100]
    nonsense = [None, 0, [], [1], [0, 0], [0, 0, b""], [8, 0], [8, 0, b""], [8, 0, "x"], [8, 0, head, 1]]
    nonsense += [[-8, 0, head], [8, -1, head], [1 << 31, 0, head], [8, 4096, head], ["8", 0, head]]
    nonsense += [[8, 0, head], [7, 100, head], [8, 0, data[:11]], [8, 0, b"\2" + data[1:]]]
    nonsense += [[8, 0, bytes(500)], [True, 0, head], [7, False, head], {7: 0}, b"7"]
    for value in nonsense:
        desk.take({3: 0, 9: value})
        assert report(desk) == [7, 0, 0], value


def test_a_full_flash_is_no_end():
    desk, data = made(), guides.made()
    desk.tell(st.TELL_GUIDE)
    os.mkdir(desk.port.data_dir + "/guide.new")  # nothing can be written there
    desk.take({3: 0, 9: [7, 0, data[:100]]})
    desk.take({3: 0, 9: [0]})
    os.rmdir(desk.port.data_dir + "/guide.new")
    assert report(desk) == [0, 0, 0]
    send(desk, data, 7)
    assert report(desk) == [7, 0, 0]


def test_whatever_a_power_cut_leaves_the_new_one_comes_and_the_old_one_is_read_until_then():
    data = guides.made(8)
    for cut in range(0, len(data) + 1, 9):
        for torn in (b"", b"\xff\xff\xff\xff\xff"):
            desk = made()
            desk.tell(st.TELL_GUIDE)
            send(desk, guides.made(7), 7)
            with open(desk.port.data_dir + "/guide.new", "wb") as f:
                f.write(data[:cut] + torn)
            assert report(desk)[0] == 7 and guide.load(desk.port.data_dir)
            send(desk, data, 8)
            assert report(desk) == [8, 0, 0], cut
