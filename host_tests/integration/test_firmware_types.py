"""The types of all device code, against MicroPython's stubs for the ESP32."""

import subprocess
import sys

import pytest

from tools.flash import REPOSITORY

STUBS = REPOSITORY / "typings"


@pytest.mark.skipif(not STUBS.is_dir(), reason="stubs are missing: make test installs them")
def test_device_code_fits_micropythons_stubs():
    command = [sys.executable, "-m", "mypy", "--config-file", ".ci/mypy-device.ini"]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
