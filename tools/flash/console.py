"""Sources for a tracker's prompt: those of tools/flash/on_device/, with the firmware's constants inlined.

A slot holds no constants (tools/flash/minify.py). `python -m tools.flash.console PORT` opens the
prompt with shell.py run.
"""

import argparse
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tools.ending import one_line
from tools.flash import FIRMWARE, LayoutError
from tools.flash.device import check_port
from tools.flash.layout import ON_DEVICE, modules, outside
from tools.flash.minify import minify, module_name


@cache
def source(name: str) -> str:
    """The text of on_device/`name`.py as it is sent; to share the names of the firmware takes seconds."""
    paths = modules(FIRMWARE / "locator")
    sources = {module_name(path.relative_to(FIRMWARE)): path.read_text() for path in paths}
    return minify(sources | {name: (ON_DEVICE / f"{name}.py").read_text()}, outside())[name]


@one_line(LayoutError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.flash.console",
        description="Stops a tracker and opens its prompt, with status() plan() journal() at() keep_tilt(). "
        "Ctrl-X leaves it; then press RESET.",
    )
    parser.add_argument("port", help="for example /dev/ttyUSB0")
    port = parser.parse_args().port
    check_port(port)
    with tempfile.TemporaryDirectory() as folder:
        shell = Path(folder, "shell.py")
        shell.write_text(source("shell"))
        mpremote = (sys.executable, "-m", "mpremote", "connect", port)
        return subprocess.run([*mpremote, "run", str(shell), "repl"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
