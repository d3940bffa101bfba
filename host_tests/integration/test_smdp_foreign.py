"""Our card and an SM-DP+ that is a program of its own: ours, or one of others.

In the environment: `SMDP`, the address of another (https://HOST[:PORT]); `SMDP_MATCHING_ID`, what to
download; `SMDP_CA`, a file with the root of its TLS; `SMDP_IDENTITY`, a folder with the certificates of a
card that it accepts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.support.cards import four_profiles
from host_tests.support.lpa import Direct, Es9, Es10, Lpa, ServerError, codec, segments
from tools.flash.layout import REPOSITORY
from tools.modem.card.euicc import Euicc
from tools.modem.card.rsp import folder

MATCH = os.environ.get("SMDP_MATCHING_ID", "MATCH-1")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of the server, whose root is in ca.pem."""
    if "SMDP" in os.environ:
        (tmp_path / "ca.pem").write_bytes(Path(os.environ["SMDP_CA"]).read_bytes())
        yield os.environ["SMDP"].removeprefix("https://").rstrip("/")
        return
    command = [sys.executable, "-m", "tools.world.services.smdp", "--offer", f"{MATCH}=12309"]
    command += ["--ca", str(tmp_path / "ca.pem")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout
            code = program.stdout.readline().strip().split("$")
            assert code[0] == "LPA:1" and code[2:] == [MATCH]
            yield code[1]
        finally:
            program.terminate()


@pytest.fixture
def lpa(address: str, tmp_path: Path) -> Lpa:
    identity = folder.load(Path(os.environ["SMDP_IDENTITY"])) if "SMDP_IDENTITY" in os.environ else None
    card = Euicc(four_profiles().profiles, identity=identity)
    return Lpa(Es10(Direct(card)), Es9(address, (tmp_path / "ca.pem").read_text()))


def test_a_whole_download(lpa: Lpa):
    package = lpa.fetch(MATCH)
    assert len(list(segments(package))) > 5
    assert codec().decode("Result", lpa.load(package))["data"]["final"][0] == "ok"
    assert lpa.notify() == [1]


def test_a_matching_id_that_it_does_not_know(lpa: Lpa):
    with pytest.raises(ServerError) as error:
        lpa.fetch("NOBODY-HAS-THIS-ONE")
    assert error.value.args == ("8.2.6", "3.8")
