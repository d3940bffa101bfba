"""Receives the route data (scheduler/route.py) in pieces.

Downlink key 9: `[revision, offset, bytes]` is a piece, `[0]` says that there is none. Uplink key 12:
`[revision in use, revision on its way, bytes of that]`, after a power-on, once a day and after each such
downlink.

Pieces are appended to a file next to the route data in use, which is replaced by rename when the new one is
whole: only the old one or the new one is ever read. The file's size is the progress.
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
    """Store the expected piece, or remove the route data. Anything else is answered in the same way: by the
    report of what is stored."""
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
    """Write the revision in use and the progress of the new one."""
    path = handlers.port.data_dir + route_file.FILE
    return out.pair(_KEY, (_in_use(path),) + _lies(path + _COMING)[:2])


def on_ack(handlers):
    """Do nothing: the report is read from flash."""


def _is_piece(value):
    if not cbor.is_list(value, int, int, bytes):
        return False
    revision, offset, _ = value
    return 0 < revision <= _MOST_REVISION and 0 <= offset < route_file.MOST_BYTES


def _keep(state, path, piece):
    """Append a piece to the stored ones, if it is the next one. It is empty after a power cut between the
    last piece and its use."""
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
    """Use the new route data if they are complete, or remove them if they are damaged. Other route data mean
    another trip."""
    _, have, size = _lies(coming)
    if have >= size:
        if have == size and checked.is_whole(coming):
            os.rename(coming, path)
            _begin_trip(state)
        else:
            os.remove(coming)


def _begin_trip(state):
    """Delete the position on the old route."""
    state[st.ROUTE_KM4] = 0
    st.replan(state)


def _in_use(path):
    """Return the revision of the route data in use, 0 if there is none."""
    revision, have, size = _lies(path)
    return revision if 0 < have == size and checked.is_whole(path) else 0


def _lies(path):
    """Return (revision, bytes, bytes when complete) of a file, zeros if it has no route data. Complete route
    data end with their CRC-32."""
    try:
        with open(path, "rb") as f:
            head = f.read(route_file.HEAD_SIZE)
        size = route_file.size_of(head) if len(head) == route_file.HEAD_SIZE else 0
        if size:
            return route_file.revision_of(head), os.stat(path)[6], size
    except OSError:
        pass
    return 0, 0, 0
