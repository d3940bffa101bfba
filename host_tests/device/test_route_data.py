"""The route data: received in pieces, replaced, removed; invalid pieces."""

import os

import routes
import scratch
from locator import state as st
from locator.codec import cbor
from locator.downlink import route as orders
from locator.downlink.handlers import Handlers
from locator.scheduler import route


def made():
    return Handlers(scratch.Port(), None, None, None, st.new(), None)


def report(handlers):
    """What it reports, as [in use, on its way, bytes]."""
    assert handlers.state[st.TO_REPORT] & st.REPORT_ROUTE
    out = cbor.Writer(bytearray(32))
    out.head(cbor.MAP, 1)
    assert orders.write(handlers, out) == 1
    return cbor.loads(bytes(out.buf[: out.n]))[12]


def send(handlers, data, revision, piece=50, most=99):
    """Pieces as the agent answers reports with."""
    for _ in range(most):
        orders.on_ack(handlers)
        _, coming, offset = report(handlers)
        if coming != revision:
            offset = 0
        handlers.take({3: 0, 9: [revision, offset, data[offset : offset + piece]]})
        if report(handlers)[0] == revision:
            return


def test_it_comes_in_pieces_and_is_used_when_it_is_whole():
    handlers, data = made(), routes.made()
    handlers.will_report(st.REPORT_ROUTE)
    assert report(handlers) == [0, 0, 0]
    send(handlers, data, 7, most=1)
    assert report(handlers) == [0, 7, 50] and route.load(handlers.port.data_dir) is None
    send(handlers, data, 7)
    assert report(handlers) == [7, 0, 0]
    assert route.load(handlers.port.data_dir).forecast(0, True, 0, 0).networks == (401001,)
    assert os.listdir(handlers.port.data_dir) == ["route"]


def test_another_route_is_planned_again():
    handlers = made()
    handlers.will_report(st.REPORT_ROUTE)
    handlers.state[st.LEVEL_AT], handlers.state[st.ENDS_AT], handlers.state[st.ROUTE_KM4] = 5, -1, 900
    send(handlers, routes.made(), 7, most=1)
    assert handlers.state[st.ENDS_AT] == -1 and handlers.state[st.ROUTE_KM4] == 900
    send(handlers, routes.made(), 7)
    assert handlers.state[st.LEVEL_AT] == handlers.state[st.ENDS_AT] == 0
    assert handlers.state[st.ROUTE_KM4] == 0, "a place of the line before"
    handlers.state[st.ENDS_AT], handlers.state[st.ROUTE_KM4] = 77, 900
    handlers.take({3: 0, 9: [0]})
    assert handlers.state[st.ENDS_AT] == handlers.state[st.ROUTE_KM4] == 0


def test_the_old_one_is_used_until_the_new_one_is_whole():
    handlers = made()
    handlers.will_report(st.REPORT_ROUTE)
    send(handlers, routes.made(7), 7)
    send(handlers, routes.made(8), 8, most=2)
    assert report(handlers) == [7, 8, 100] and route.load(handlers.port.data_dir)
    send(handlers, routes.made(9), 9, most=1)  # another one is meant now
    assert report(handlers) == [7, 9, 50]
    send(handlers, routes.made(9), 9)
    assert report(handlers) == [9, 0, 0]


def test_a_piece_that_comes_twice_or_out_of_turn_changes_nothing():
    handlers, data = made(), routes.made()
    handlers.will_report(st.REPORT_ROUTE)
    send(handlers, data, 7, most=1)
    for offset in (0, 20, 100):
        handlers.take({3: 0, 9: [7, offset, data[offset : offset + 50]]})
        assert report(handlers) == [0, 7, 50]
    send(handlers, data, 7)
    handlers.take({3: 0, 9: [7, 0, data[:100]]})
    assert report(handlers) == [7, 0, 0]


def test_damaged_route_data_is_requested_from_the_start_again():
    handlers, data = made(), routes.made()
    handlers.will_report(st.REPORT_ROUTE)
    bad = data[:150] + b"\xff" + data[151:]
    send(handlers, bad, 7, most=4)
    assert report(handlers) == [0, 0, 0]
    send(handlers, data + b"\0", 7, piece=500, most=1)
    assert report(handlers) == [0, 0, 0]
    send(handlers, data, 7)
    assert report(handlers) == [7, 0, 0]
    with open(handlers.port.data_dir + "/route", "wb") as f:  # flash goes bad
        f.write(bad)
    assert report(handlers) == [0, 0, 0]
    send(handlers, data, 7)
    assert report(handlers) == [7, 0, 0]


def test_it_is_removed():
    handlers = made()
    handlers.will_report(st.REPORT_ROUTE)
    send(handlers, routes.made(7), 7)
    send(handlers, routes.made(8), 8, most=1)
    handlers.take({3: 0, 9: [0]})
    assert report(handlers) == [0, 0, 0] and not os.listdir(handlers.port.data_dir)


def test_an_invalid_piece_changes_nothing():
    handlers, data = made(), routes.made()
    handlers.will_report(st.REPORT_ROUTE)
    send(handlers, data, 7)
    head = data[:100]
    nonsense = [None, 0, [], [1], [0, 0], [0, 0, b""], [8, 0], [8, 0, b""], [8, 0, "x"], [8, 0, head, 1]]
    nonsense += [[-8, 0, head], [8, -1, head], [1 << 31, 0, head], [8, 4096, head], ["8", 0, head]]
    nonsense += [[8, 0, head], [7, 100, head], [8, 0, data[:11]], [8, 0, b"\2" + data[1:]]]
    nonsense += [[8, 0, bytes(500)], [True, 0, head], [7, False, head], {7: 0}, b"7"]
    for value in nonsense:
        handlers.take({3: 0, 9: value})
        assert report(handlers) == [7, 0, 0], value


def test_a_full_flash_is_no_end():
    handlers, data = made(), routes.made()
    handlers.will_report(st.REPORT_ROUTE)
    os.mkdir(handlers.port.data_dir + "/route.new")  # nothing can be written there
    handlers.take({3: 0, 9: [7, 0, data[:100]]})
    handlers.take({3: 0, 9: [0]})
    os.rmdir(handlers.port.data_dir + "/route.new")
    assert report(handlers) == [0, 0, 0]
    send(handlers, data, 7)
    assert report(handlers) == [7, 0, 0]


def test_whatever_a_power_cut_leaves_the_new_one_comes_and_the_old_one_is_read_until_then():
    data = routes.made(8)
    for cut in range(0, len(data) + 1, 9):
        for torn in (b"", b"\xff\xff\xff\xff\xff"):
            handlers = made()
            handlers.will_report(st.REPORT_ROUTE)
            send(handlers, routes.made(7), 7)
            with open(handlers.port.data_dir + "/route.new", "wb") as f:
                f.write(data[:cut] + torn)
            assert report(handlers)[0] == 7 and route.load(handlers.port.data_dir)
            send(handlers, data, 8)
            assert report(handlers) == [8, 0, 0], cut
