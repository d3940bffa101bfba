"""Receives the route data (scheduler/route.py) in pieces.

Downlink key 9: `[revision, offset, bytes]` is a piece, `[0]` says that there is none to have. Uplink key 12:
`[revision in use, revision on its way, bytes of that]`, after a power-on, once a day and after each such
downlink.

Pieces are appended to a file next to the route data in use, which is replaced by rename when the new one is
whole: only the old one or the new one is ever read. How far it has come is what the file's size says.
"""

import os

from micropython import const

from locator import state as st
from locator.codec import cbor, checked
from locator.scheduler import route_file

_KEY = const(12)
_COMING = ".new"
_MOST_REVISION = const(0x7FFFFFFF)


def take(handlers, value):
    """Keep the piece that is wanted, or remove the route data. What is anything else is answered like a piece
    that was wanted: by what is here."""
    path = handlers.port.data_dir + route_file.FILE
    handlers.will_report(st.REPORT_ROUTE)
    try:
        if value == [0]:
            checked.remove(path)
            checked.remove(path + _COMING)
            _begin_trip(handlers.state)
        elif _is_piece(value) and _in_use(path) != value[0]:
            _keep(handlers.state, path, value)
    except OSError:  # the agent sends the same piece again
        pass


def write(handlers, out):
    """What is in use and what is on its way."""
    path = handlers.port.data_dir + route_file.FILE
    return out.pair(_KEY, (_in_use(path),) + _lies(path + _COMING)[:2])


def on_ack(handlers):
    """Nothing to forget: what was reported lies in flash."""


def _is_piece(value):
    if not cbor.is_list(value, int, int, bytes):
        return False
    revision, offset, _ = value
    return 0 < revision <= _MOST_REVISION and 0 <= offset < route_file.MOST_BYTES


def _keep(state, path, piece):
    """Append a piece to those that are there, if it is the next one; of no bytes after a power cut between
    the last piece and its use."""
    revision, offset, data = piece
    coming = path + _COMING
    if offset == 0:
        size = route_file.size_of(data) if len(data) >= route_file.HEAD_SIZE else 0
        if not size or route_file.revision_of(data) != revision:
            return
        checked.remove(coming)
    elif _lies(coming)[:2] != (revision, offset):
        return
    with open(coming, "ab") as f:
        f.write(data)
    _finish(state, path, coming)


def _finish(state, path, coming):
    """Use the new one when it is all there, or remove it when that is not what it ought to be. Other route
    data is another trip."""
    _, have, size = _lies(coming)
    if have >= size:
        if have == size and checked.is_whole(coming):
            os.rename(coming, path)
            _begin_trip(state)
        else:
            os.remove(coming)


def _begin_trip(state):
    """Where the old line was left says nothing of the new one."""
    state[st.ROUTE_KM4] = 0
    st.replan(state)


def _in_use(path):
    """The revision of the route data that is read, 0 when there is none that is whole."""
    revision, have, size = _lies(path)
    return revision if 0 < have == size and checked.is_whole(path) else 0


def _lies(path):
    """(revision, bytes, bytes of the whole) of what lies in a file, zeros when that is no route data. A whole
    one ends with its CRC-32."""
    try:
        with open(path, "rb") as f:
            head = f.read(route_file.HEAD_SIZE)
        size = route_file.size_of(head) if len(head) == route_file.HEAD_SIZE else 0
        if size:
            return route_file.revision_of(head), os.stat(path)[6], size
    except OSError:
        pass
    return 0, 0, 0
