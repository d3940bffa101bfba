"""Processes of the agent that begin as copies of one that has loaded it: to load it takes longer than most of
what a test has it do. Each is a process of its own, with its own memory, which a test may kill. Devices start
as usual: copies share one layout of the memory, and MicroPython's heap sees addresses.

`python -m host_tests.support.copies DESCRIPTOR` is the process that is copied; it ends with its socket.
"""

import fcntl
import gc
import importlib
import inspect
import itertools
import marshal
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

_PROGRAMS = (
    "host_tests.support.agent_that_dies",
    "host_tests.support.pages_in_haste",
    "landbridge",
    "landbridge.pages",
    "tools.verify.kill.agent",
    "tools.verify.notify.sinks",
    "tools.world.services.agent",
    "tools.world.services.broker",
)
_SCRIPT = str(Path(sys.executable).with_name("landbridge"))
_AGENT = (
    "landbridge.cli", "landbridge.ingest.pipeline", "landbridge.web.server", "tools.world.services.chaos",
    "amqtt.broker", "aiosmtpd.controller",
)  # fmt: skip
"""What they load, but not themselves."""
_CLIENT = f"""#!{sys.executable} -IS
import _socket, marshal, os, signal, struct, sys
ours, theirs = os.pipe()
asked = {{
    "program": ["", {_SCRIPT!r}, *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ),
    "is_apart": False, "numbers": (0, 1, 2),
}}
number = struct.Struct("<i")
passed = struct.pack("4i", theirs, 0, 1, 2)
asking = _socket.socket(fileno=int(os.environ["COPIES"]))
asking.sendmsg([marshal.dumps(asked)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, passed)])
os.close(theirs)
copy = number.unpack(os.read(ours, 4))[0]
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, lambda found, _: os.kill(copy, found))
code = os.waitstatus_to_exitcode(number.unpack(os.read(ours, 4))[0])
sys.exit(code if code >= 0 else 128 - code)
"""
_NOT_COPIED = {
    "executable": None, "preexec_fn": None, "close_fds": True, "shell": False,
    "gid": None, "gids": None, "uid": None, "umask": -1,
}  # fmt: skip
"""What a copy cannot be given, and how it is unless it is asked for."""
_USUAL = subprocess.Popen
_NUMBER = struct.Struct("<i")
_MOST_BYTES = 1 << 17
_MOST_DESCRIPTORS = 16
_STANDARD = (0, 1, 2)
_starting = threading.Lock()
_originals: list[tuple[socket.socket, subprocess.Popen[Any]]] = []
"""The process that is copied, from its first copy on."""


class Copied(subprocess.Popen[Any]):
    """`subprocess.Popen`, which copies what it can."""

    _report = -1
    """Where the number of a copy comes from, and after its end its status."""

    def _execute_child(self, *given: Any) -> None:
        usual = super()._execute_child  # type: ignore[misc]
        how = inspect.signature(usual).bind(*given).arguments
        program = _program(how["args"])
        if not program or any(how[name] != usually for name, usually in _NOT_COPIED.items()):
            usual(*given)
            return
        self._report, theirs = os.pipe()
        asked = {
            "program": program,
            "folder": os.fspath(how["cwd"] or os.getcwd()),
            "environment": dict(os.environ if how["env"] is None else how["env"]),
            "is_apart": how["start_new_session"],
            "numbers": (*_STANDARD, *how["pass_fds"]),
        }
        ends = (how[name] for name in ("p2cread", "c2pwrite", "errwrite"))
        standard = [number if end == -1 else end for number, end in zip(_STANDARD, ends, strict=True)]
        try:
            socket.send_fds(
                original(),
                [marshal.dumps(asked)],
                [theirs, *standard, *how["pass_fds"]],
            )
        finally:
            os.close(theirs)
        self.pid = _NUMBER.unpack(os.read(self._report, _NUMBER.size))[0]
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(how[name] for name in pipes))  # type: ignore[attr-defined]

    def _try_wait(self, wait_flags: int) -> Any:
        if self._report == -1:
            return super()._try_wait(wait_flags)  # type: ignore[misc]
        if wait_flags & os.WNOHANG and not _has_come(self._report):
            return 0, 0
        status = _NUMBER.unpack(os.read(self._report, _NUMBER.size))[0]
        os.close(self._report)
        return self.pid, status

    def _internal_poll(self, *given: Any, **more: Any) -> int | None:
        if self._report == -1:
            return super()._internal_poll(*given, **more)  # type: ignore[misc, no-any-return]
        lock = self._waitpid_lock  # type: ignore[attr-defined]
        if self.returncode is None and lock.acquire(False):
            try:
                if self.returncode is None and (ended := self._try_wait(os.WNOHANG))[0]:
                    self._handle_exitstatus(ended[1])  # type: ignore[attr-defined]
            finally:
                lock.release()
        return self.returncode


def _program(arguments: Any) -> list[str]:
    """What can be copied: "-m" and a module, or a script; and its arguments."""
    if not isinstance(arguments, list | tuple):
        return []
    match words := [os.fsdecode(each) for each in arguments]:
        case [sys.executable, "-m", name, *_] if name in _PROGRAMS:
            return words[1:]
        case [script, *_] if script == _SCRIPT:
            return ["", *words]
    return []


def _has_come(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def original() -> socket.socket:
    """Return the socket of the process that is copied, which runs from its first copy on."""
    with _starting:
        if not _originals:
            _originals.append(_start())
        return _originals[0][0]


def _start() -> tuple[socket.socket, subprocess.Popen[Any]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for pytest, which ends it
        )
    return ours, process


@contextmanager
def copied() -> Iterator[None]:
    """Let `subprocess` copy, as long as the context lasts."""
    with mock.patch.object(subprocess, "Popen", Copied):
        yield
    while _originals:
        asking, process = _originals.pop()
        asking.close()
        process.wait()


@contextmanager
def started_as_usual() -> Iterator[None]:
    """Let processes start as usual: the order of sets, which copies share, is another in each."""
    with mock.patch.object(subprocess, "Popen", _USUAL):
        yield


def command(folder: Path) -> dict[str, str]:
    """Put a program into `folder` that is `landbridge` for a shell; return what it wants of the environment.
    The shell has to inherit `original()`."""
    program = folder / "landbridge"
    program.write_text(_CLIENT)
    program.chmod(0o755)
    return {"COPIES": str(original().fileno())}


class _Original:
    """The process that is copied."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._reports: dict[int, int] = {}
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())

    def serve(self) -> list[str] | None:
        """Return what a copy is to run, in the copy; in this process None, at its end."""
        while True:
            ready = select.select([self._asked, self._woken], [], [])[0]
            if self._woken in ready:
                self._woken.recv(_MOST_BYTES)
                self._report_ends()
            if self._asked in ready:
                message, descriptors, *_ = socket.recv_fds(self._asked, _MOST_BYTES, _MOST_DESCRIPTORS)
                if not message:
                    return None
                if (number := os.fork()) == 0:
                    for end in (self._asked, self._woken, self._wake):
                        end.detach()  # `_begin` closes them
                    return _begin(descriptors[1:], **marshal.loads(message))
                self._reports[number] = descriptors[0]
                os.write(descriptors[0], _NUMBER.pack(number))
                for each in descriptors[1:]:
                    os.close(each)

    def _report_ends(self) -> None:
        while self._reports:
            number, status = os.waitpid(-1, os.WNOHANG)
            if not number:
                return
            report = self._reports.pop(number)
            os.write(report, _NUMBER.pack(status))
            os.close(report)


def _begin(
    descriptors: list[int],
    program: list[str],
    folder: str,
    environment: dict[str, str],
    is_apart: bool,
    numbers: tuple[int, ...],
) -> list[str]:
    """Be as if this process had just been started."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    above = max(*numbers, *descriptors) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, above) for each in descriptors]
    for each, number in zip(moved, numbers, strict=True):
        os.dup2(each, number)
    for low, high in itertools.pairwise([*sorted(numbers), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(low + 1, high)
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    if is_apart:
        os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return program


def main() -> None:
    """Load, then be copied."""
    original = _Original(socket.socket(fileno=int(sys.argv[1])))
    for each in _AGENT:
        importlib.import_module(each)
    gc.collect()
    gc.freeze()
    program = original.serve()
    if not program:
        return
    kind, what, *rest = program
    sys.argv = [what if kind == "" else kind, *rest]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(what, run_name="__main__")


if __name__ == "__main__":
    main()
