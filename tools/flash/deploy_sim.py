"""`make deploy-sim`: `make deploy` and `make provision` on a stand-in for a board, cut off at every file.

mpremote, unmodified, speaks over a pseudo terminal with a real MicroPython whose flash is a file. The power
goes in the middle of each file in turn, then between the files that take their places; each time it is
repeated. At the end the flash holds what one undisturbed run leaves, and completes one wake against the
simulated modem, broker and agent.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tools.ending import one_line
from tools.flash import LayoutError, deploy, identity, provision
from tools.flash.device import Device, Progress
from tools.flash.fake_board import FakeBoard
from tools.flash.image import unpack
from tools.flash.wake_sim import wake
from tools.world.services.processes import ServiceError

BOARD = "SIM"


class PowerCut(Exception):
    """Of the board, by us."""


def whole(folder: Path, wanted: dict[str, bytes], config: Path) -> None:
    """One undisturbed run, and a second one that finds nothing to do."""
    with FakeBoard(folder) as board:
        device = Device(board.port)
        deploy.deploy(device, wanted)
        provision.provision(device, identity.read(config), replace=False)
        if deploy.deploy(device, wanted):
            raise LayoutError("a second run has written again")
        device.close()


def cut_at(folder: Path, wanted: dict[str, bytes], path: str) -> None:
    """A run that loses its power in the middle of the file `path`."""
    with FakeBoard(folder) as board:
        device = Device(board.port)

        def bar(name: str, size: int) -> Progress | None:
            def cut(done: int, _: int) -> None:
                if 2 * done >= size:
                    board.cut_power()
                    raise PowerCut

            return cut if name == path else None

        try:
            deploy.deploy(device, wanted, bar)
        except PowerCut:
            return
        finally:
            device.close()
    raise LayoutError(f"{path} was there already")


def cut_in_between(folder: Path, wanted: dict[str, bytes]) -> None:
    """A run that loses its power when half of the files have taken their places."""
    with FakeBoard(folder) as board:
        device = Device(board.port)
        run = device.run

        def half(code: str, silent_s: float = 10) -> str:
            lines = code.splitlines()
            at = next(i for i, line in enumerate(lines) if "os.rename" in line)
            lines[at - 1] = lines[at - 1].replace(":", f"[:{len(wanted) // 2}]:")
            run("\n".join(lines))
            board.cut_power()
            raise PowerCut

        device.run = half  # type: ignore[method-assign]
        try:
            deploy.deploy(device, wanted)
        except PowerCut:
            return
        finally:
            device.close()


def tree(flash: Path, folder: Path) -> dict[str, bytes]:
    """The files in the file system of a board, by path."""
    unpack(flash.read_bytes(), folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"a folder"
        for path in folder.rglob("*")
    }


def deployed(folder: Path, config: Path) -> bytes:
    """The flash after all those cuts. Raises `LayoutError` when it is not what one run leaves."""
    wanted = deploy.files(BOARD)
    once, often = folder / "once", folder / "often"
    for each in (once, often):
        each.mkdir(parents=True)
    whole(once, wanted, config)
    for path in deploy.in_order(wanted):
        cut_at(often, wanted, path)
    cut_in_between(often, wanted)
    whole(often, wanted, config)
    if tree(once / "flash.bin", folder / "tree-once") != tree(often / "flash.bin", folder / "tree-often"):
        raise LayoutError("after interruptions the flash holds something else")
    print(f"cut at each of {len(wanted)} files and between them, repeated: the flash holds the same")
    return (often / "flash.bin").read_bytes()


@one_line(LayoutError, ServiceError, OSError)
def main() -> int:
    """The command line."""
    argparse.ArgumentParser(prog="python -m tools.flash.deploy_sim", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        count = wake(Path(name, "world"), lambda config: deployed(Path(name, "boards"), config))
    print(f"one wake from what was deployed: {count} records acknowledged")
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
