"""Flashing, deploying and provisioning with unmodified tools on stand-ins, and a wake of what lies there."""

from __future__ import annotations

import os
import struct
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from mpremote.transport import TransportError
from serial import Serial

from host_tests.support.doubles import raising
from host_tests.support.identity import write_identity
from tools.flash import (
    LayoutError,
    console,
    deploy,
    deploy_sim,
    device,
    flash_sim,
    identity,
    micropython,
    provision,
    selftest,
)
from tools.flash.fake_board import FakeBoard

pytestmark = pytest.mark.slow


def test_a_flashed_board_completes_a_wake(monkeypatch):
    monkeypatch.setattr("sys.argv", ["flash_sim"])
    assert flash_sim.main() == 0


def test_a_deployment_with_interruptions_completes_a_wake(monkeypatch):
    monkeypatch.setattr("sys.argv", ["deploy_sim"])
    assert deploy_sim.main() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["/dev/none"], 1, "no such port /dev/none: is it a data cable?"),
        (["{folder}"], 1, "no permission for {folder}: sudo usermod"),
    ],
)
def test_the_prompt_of_no_tracker(arguments, code, words, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("sys.argv", ["console", *(each.format(folder=tmp_path) for each in arguments)])
    assert console.main() == code
    assert words.format(folder=tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "words"), [(console, "opens its prompt"), (deploy_sim, "cut off at every")]
)
def test_help_is_that_of_the_command(module, words, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["program", "--help"])
    with pytest.raises(SystemExit):
        module.main()
    out = capsys.readouterr().out
    assert words in " ".join(out.split()) and f"python -m {module.__name__}" in out


def given(folder: Path, name: str) -> dict[str, bytes]:
    folder.mkdir()
    write_identity(folder, name)
    return identity.read(folder)


RECORD = "data/journal/00000001.seg"


def test_the_wrong_tracker_is_refused_and_nothing_has_changed(tmp_path, monkeypatch, capsys):
    one = given(tmp_path / "one", "lb-1")
    given(tmp_path / "other", "lb-2")
    monkeypatch.chdir(tmp_path)
    with FakeBoard(tmp_path) as board:
        with closing(device.Device(board.port)) as there:
            provision.provision(there, one, replace=False)
            there.make_folder("data/journal")
            there.write(RECORD, b"a record")
        kept = Path(f"{board.flash}.landbridge.device.json")
        before = board.flash.read_bytes(), kept.read_bytes()
        monkeypatch.setattr("sys.argv", ["provision", "other", "--port", board.port])
        assert provision.main() == 1
        assert capsys.readouterr().err == (
            "this tracker is lb-1, not lb-2, and nothing has changed: connect the tracker for lb-2, or"
            " REPLACE=1, which erases the records of lb-1\n"
        )
        assert (board.flash.read_bytes(), kept.read_bytes()) == before
    assert not Path("out").exists()


def test_another_identity_takes_the_records_with_it(tmp_path):
    one, other = given(tmp_path / "one", "lb-1"), given(tmp_path / "other", "lb-2")
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        assert provision.provision(there, one, replace=False) == "lb-1"
        there.make_folder("data/journal")
        there.write(RECORD, b"a record")
        assert provision.provision(there, one, replace=False) == "lb-1"
        assert [there.read(f"config/{name}.copy") for name in identity.NAMES] == list(one.values())
        assert there.read(RECORD) == b"a record"
        with pytest.raises(LayoutError, match="this tracker is lb-1, not lb-2"):
            provision.provision(there, other, replace=False)
        assert provision.provision(there, other, replace=True) == "lb-2"
        assert there.run("import os\nprint(os.listdir('data'))").strip() == "[]"
        assert there.read("config/device.json") == there.read("config/device.json.copy")
        assert b"lb-2" in there.read("config/device.json")
        for name in identity.NAMES:  # the file system is formatted
            there.remove(f"config/{name}")
            there.remove(f"config/{name}.copy")
        with pytest.raises(LayoutError, match="this tracker is lb-2, not lb-1"):
            provision.provision(there, one, replace=False)
        assert b"lb-2" in Path(f"{board.flash}.landbridge.device.json").read_bytes()
        there.close()


COUNTED = ("store.erase_key(", "os.remove(", "os.rename(", "store.set_blob(")
COUNT = """
left = {}
def step():
    global left
    left -= 1
    if left < 0:
        raise ValueError("cut")
"""


@pytest.mark.parametrize("steps", range(9))
def test_a_cut_never_leaves_the_old_identity_without_its_records(tmp_path, steps):
    one, other = given(tmp_path / "one", "lb-1"), given(tmp_path / "other", "lb-2")
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        provision.provision(there, one, replace=False)
        there.make_folder("data/journal")
        there.write(RECORD, b"a record")
        there.write("data/state.bin", b"numbers")
        run = there.run
        run(COUNT.format(steps))

        def counted(code: str, silent_s: float = 10) -> str:
            for each in COUNTED:
                code = code.replace(each, "step() or " + each)
            return run(code, silent_s)

        there.run = counted  # type: ignore[method-assign]
        with pytest.raises(LayoutError, match="cut"):
            provision.provision(there, other, replace=True)
        there.run = run  # type: ignore[method-assign]
        kept = Path(f"{board.flash}.landbridge.device.json")
        is_one = kept.exists() or b"lb-1" in there.read("config/device.json")
        if steps < 7:  # NVS has nothing new yet
            assert is_one == (steps < 3)
        if steps < 3:
            assert there.read(RECORD) == b"a record" and there.read("data/state.bin")
        else:
            with pytest.raises(LayoutError, match="the records of lb-1 were erased"):
                provision.provision(there, one, replace=True)
        assert provision.provision(there, other, replace=steps < 3) == "lb-2"
        assert there.run("import os\nprint(os.listdir('data'))").strip() == "[]"
        assert "replaced" not in there.run("import os\nprint(os.listdir('config'))")
        there.close()


def test_a_missing_port_is_reported_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda s: pytest.fail("waits for a port that does not exist"))
    with pytest.raises(LayoutError, match=r"no such port .*none: is it a data cable"):
        device.Device(str(tmp_path / "none"))


def boards(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir()


def provisioned(monkeypatch, port: str, folder: Path, *more: str) -> int:
    """What `make provision` ends with."""
    monkeypatch.setattr("sys.argv", ["provision", str(folder), "--port", port, *more])
    return provision.main()


def test_an_identity_that_the_list_has_given_to_another_chip_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given(tmp_path / "lb-1", "lb-1")
    boards(tmp_path / "a", tmp_path / "b")
    with FakeBoard(tmp_path / "a") as a:
        assert provisioned(monkeypatch, a.port, tmp_path / "lb-1") == 0
        assert provisioned(monkeypatch, a.port, tmp_path / "lb-1") == 0  # the same chip, once more
    assert a.chip.hex() in provision.LOG.read_text()
    with FakeBoard(tmp_path / "b") as b:
        assert provisioned(monkeypatch, b.port, tmp_path / "lb-1") == 1
        said = capsys.readouterr().err
        assert f"lb-1 was given to the chip {a.chip.hex()}" in said and "landbridge devices add" in said
        there = device.Device(b.port)
        assert there.read("config/device.json") == there.read("config/device.json.new") == b""
        there.close()
        assert provisioned(monkeypatch, b.port, tmp_path / "lb-1", "--replace") == 0
    with FakeBoard(tmp_path / "a") as a:
        assert provisioned(monkeypatch, a.port, tmp_path / "lb-1") == 1  # it is the other one's now


def test_an_identity_counts_as_given_from_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = given(tmp_path / "lb-1", "lb-1")
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        there.write = raising(LayoutError("cut"))  # type: ignore[method-assign]
        with pytest.raises(LayoutError, match="cut"):
            provision.provision(there, one, False, partial(provision.note, device=there, replace=False))
        there.close()
    assert board.chip.hex() in provision.LOG.read_text()


def test_a_list_that_knows_no_chips_refuses_none_and_learns_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given(tmp_path / "lb-1", "lb-1")
    provision.LOG.parent.mkdir()
    provision.LOG.write_text("time,device,micropython\n2026-01-01T00:00:00+00:00,lb-1,1.28\n")
    with FakeBoard(tmp_path) as board:
        assert provisioned(monkeypatch, board.port, tmp_path / "lb-1") == 0
    assert provision.provisioned_before("lb-1")[1] == board.chip.hex()


def test_the_firmware_of_another_board_needs_a_word_of_consent(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with FakeBoard(tmp_path) as board:

        def deployed(name: str, *more: str) -> int:
            monkeypatch.setattr("sys.argv", ["deploy", name, "--port", board.port, *more])
            return deploy.main()

        assert deployed("SIM") == 0  # nothing is on it
        assert deployed("REFERENCE_BG95") == 1
        said = capsys.readouterr().err
        assert (
            "this tracker is a SIM, whose pins are not those of REFERENCE_BG95: BOARD=SIM, or REPLACE=1"
            in said
        )
        assert deployed("SIM") == 0
        assert deployed("REFERENCE_BG95", "--replace") == 0
        assert deployed("SIM") == 1
        there = device.Device(board.port)
        there.write("board.mpy", b"damaged")
        there.close()
        assert deployed("LILYGO_T_SIM7600") == 0


def test_the_stand_in_for_nvs_has_the_errors_of_the_chip(tmp_path):
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        there.run("import esp32\nstore = esp32.NVS('landbridge')")
        ask = (
            "try:\n    store.get_blob('x', bytearray({}))\nexcept OSError as error:\n    print(error.args[0])"
        )
        assert there.run(ask.format(9)).strip() == "-4354"
        there.run("store.set_blob('x', bytes(9))\nstore.commit()")
        assert there.run(ask.format(8)).strip() == "-4364"
        assert there.run(ask.format(9)).strip() == ""
        there.close()


def test_errors_of_a_board_have_remedies(tmp_path, monkeypatch, capsys):
    ours, silent = os.openpty()
    with pytest.raises(LayoutError, match="no MicroPython answers"):
        device.Device(os.ttyname(silent), patience_s=0)
    assert capsys.readouterr().out == ""
    os.close(ours)
    os.close(silent)
    with FakeBoard(tmp_path) as board:
        monkeypatch.setattr(micropython, "OLDEST", (9, 9))
        with pytest.raises(LayoutError, match=r"is older than 9\.9: .* sleep bug .*make flash first"):
            device.Device(board.port)
        monkeypatch.undo()
        monkeypatch.setattr(device, "MPY_VERSION", 9)
        with pytest.raises(LayoutError, match=r"takes bytecode of version 6, not 9; make flash first"):
            device.Device(board.port)
        monkeypatch.undo()
        there = device.Device(board.port)
        there.free_bytes = 1000
        with pytest.raises(LayoutError, match=r"the flash has 1,000 bytes free.* ERASE=1; the tracker"):
            deploy.deploy(there, {"slots/a": b"x" * 1000})
        with pytest.raises(LayoutError, match="ValueError: bad"):
            there.run("raise ValueError('bad')")
        there.close()


def test_an_interrupted_deploy_goes_on_with_the_room_that_is_left(tmp_path):
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        wanted = {"boot.py": b"b" * 2000, "slots/a": b"x" * 60_000, "start/slots.mpy": b"s" * 900}
        there.make_folder("slots")
        there.write("slots/a.new", wanted["slots/a"])
        there.write("boot.py.new", b"b" * 100)
        there.free_bytes = 40_000
        # What MicroPython starts comes last.
        assert deploy.deploy(there, wanted) == ["slots/a", "start/slots.mpy", "boot.py"]
        there.run("import os\nos.listdir('data')")
        assert deploy.deploy(there, wanted) == []
        there.close()


def test_deployed_again_the_first_slot_runs_whatever_an_update_has_left(tmp_path):
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        wanted = {"slots/a": b"x" * 500}
        assert deploy.deploy(there, wanted) == ["slots/a"]
        for confirmed, on_trial, renewed in ((0, 0, False), (1, 0, True), (0, 1, True)):
            there.write("slots/b", b"an update")
            there.write("slots/pointer.bin", bytes((0x53, confirmed, on_trial, 0, 0)))
            assert bool(deploy.deploy(there, wanted)) is renewed
            assert (there.read("slots/b") == b"") is renewed is (there.read("slots/pointer.bin") == b"")
        there.close()


def test_a_file_system_that_cannot_be_mounted_is_not_formatted(tmp_path):
    (tmp_path / "flash.bin").write_bytes(bytes(4096 * 240))
    with FakeBoard(tmp_path) as board, Serial(board.port, timeout=60) as port:
        assert port.read_until(b"corrupted").endswith(b"corrupted")
    assert (tmp_path / "flash.bin").read_bytes() == bytes(4096 * 240)


def test_a_board_that_loses_its_power_while_its_port_stays_is_reported(tmp_path):
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        assert there.transport.serial.timeout == there.transport.serial.write_timeout == device.ANSWER_S

        def cut(done: int, _: int) -> None:
            board.cut_power()
            there.transport.serial.timeout = 0.1  # nothing comes any more
            there.transport.read_until = partial(there.transport.read_until, timeout=0.1)

        with pytest.raises(LayoutError, match=r"no longer answers.*: check cable and supply, repeat"):
            there.write("slots/a.new", b"x" * 5000, cut)
        there.close()


@pytest.mark.parametrize("error", [TransportError("timeout"), struct.error("2 bytes"), OSError(5, "I/O")])
def test_whatever_a_silent_board_raises_has_the_remedy(tmp_path, error):
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        transport, there.transport = there.transport, mock.create_autospec(there.transport, instance=True)
        for name in ("exec_raw", "fs_exists", "fs_writefile"):
            getattr(there.transport, name).side_effect = error
        for failing in (
            lambda: there.run("1"),
            lambda: there.hash("x"),
            lambda: there.read("x"),
            lambda: there.write("x", b""),
            lambda: there.remove("x"),
            lambda: there.make_folder("x"),
        ):
            with pytest.raises(LayoutError, match="check cable and supply, repeat"):
                failing()
        there.transport = transport
        there.close()


BOARD = """
class Port:
    data_dir, config_dir, now_ms = "data", "config", 0
    rtc_memory, reset_cause, wake_reason = b"", 1, 0
    def __getattr__(self, name):
        return lambda *_: 0
    def ticks_ms(self):
        return self.now_ms
    def sleep_ms(self, ms):
        self.now_ms += ms
    def uart_readinto(self, buf, timeout_ms):
        self.now_ms += timeout_ms
        return 0
    def senses(self):
        return (3600, 215, 0, 0, 0, 0, 0)
MODEM, BATTERY_ADC, LED_PIN = "bg95", 34, None
make_port = Port
"""


def test_the_self_test_and_the_prompt_go_through_a_real_repl(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with FakeBoard(tmp_path) as board:
        there = device.Device(board.port)
        fitted = {"board.py": BOARD.encode()}
        deploy.deploy(there, deploy.files("SIM") | fitted)
        there.run("import os\nos.remove('board.mpy')")
        there.close()
        monkeypatch.setattr("sys.argv", ["selftest", "--port", board.port])
        assert selftest.main() == 1  # there is no modem
        said = capsys.readouterr().out
        assert "215 x 0.1 C" in said and "power on, code -1" in said and "The current in sleep" in said
        (report,) = (tmp_path / "out" / "selftest").glob("*.txt")
        text = report.read_text()
        assert "identity|bad|device.json: damaged, or a key is missing: make provision" in text
        there = device.Device(board.port)
        printed = there.run(console.source("shell") + "\nstatus()\njournal()\n")
        assert "battery mV   3600" in printed and "0 wait for the agent" in printed
        there.close()
