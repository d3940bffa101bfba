"""An installation in one go: what `landbridge setup` writes works, can be repeated, and keeps its keys."""

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from landbridge import config_file
from landbridge.operations.setup.certificates import make

from host_tests.support.set_up import HOST, SetUp, code_of, command, ports
from tools.verify.harness.ports import free_port

ANSWERS = f'host = "{HOST}"\nmail_host = "mail.example.org"\nmail_password = "hidden"\nadmin = "anna"\n'
SENDER = "fleet@example.org"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("LANDBRIDGE_CONFIG", raising=False)
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "")  # undone at the end, whatever --data sets
    return tmp_path / "agent"


@pytest.fixture
def made(folder):
    setup = SetUp(folder)
    said = setup.first()
    assert said.code == 0, said
    yield setup
    setup.stop()


def test_a_repeat_changes_nothing(made):
    before = made.files()
    said = made.set_up()
    assert said.code == 0 and said.out.startswith("nothing has changed\n") and "link" not in said.out
    assert made.files() == before
    assert not [name for name in before if name.endswith(".old")]
    secret = {name for name in before if (made.folder / name).stat().st_mode & 0o077}
    assert all(name.startswith(("systemd/", "tls/")) and not name.endswith(".key") for name in secret)


def test_its_own_mosquitto_is_good(made):
    made.start()
    made.run("devices", "add", "lb-0001")
    said = made.run("broker", "check", "--device", "lb-0001")
    assert "WRONG" not in said.out and "lb-0001 may connect" in said.out
    doctor = made.run("doctor")
    assert "each device in use has a broker user" in doctor.out
    assert code_of(made.connected("lb-0001", "guessed")) != 0
    assert code_of(made.connected("", "")) != 0


def test_another_host_name_is_a_new_certificate_of_the_same_keys(made):
    before = made.files()
    said = made.set_up("--host", "other.landbridge.example")
    assert said.code == 0, said
    assert (
        "still connect to" not in said.out and "`systemctl restart landbridge-broker landbridge`" in said.out
    )
    after = made.files()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"answers.toml", "landbridge.toml", "tls/broker.pem"}
    assert after["landbridge.toml.old"] == before["landbridge.toml"]
    certificate = x509.load_pem_x509_certificate(after["tls/broker.pem"])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "other.landbridge.example" in names.get_values_for_type(x509.DNSName)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(after["tls/ca.pem"]))
    password = config_file.load_file_only(made.folder / "landbridge.toml").broker.password
    assert (
        password
        and password == config_file.load_file_only(made.folder / "landbridge.toml.old").broker.password
    )


def test_settings_of_an_operator_stay(made):
    file = made.folder / "landbridge.toml"
    text = re.sub(r"^interval_s = \d+$", "interval_s = 1801", file.read_text(), flags=re.M) + "# mine\n"
    file.write_text(text)
    made.set_up()
    assert file.read_text() == text
    made.set_up("--web-port", "18999")
    kept = config_file.load_file_only(file)
    assert (kept.devices.interval_s, kept.web.port) == (1801, 18999)


def test_answers_edited_in_the_configuration_stay(made, tmp_path):
    """What a person edits there is in force, also where the set-up wrote an answer before."""
    (tmp_path / "answers.toml").write_text('apn = "first.example"\nmail_host = "mail.example"\n')
    made.set_up("--answers", str(tmp_path / "answers.toml"), "--no-check")
    file = made.folder / "landbridge.toml"
    edited = file.read_text()
    for before, after in (
        ('apn = "first.example"', 'apn = "second.example"'),
        ('host = "mail.example"', 'host = "post.example"'),
        ('url = ""', 'url = "https://fleet.example"'),
    ):
        assert edited.count(f"\n{before}\n") == 1, before
        edited = edited.replace(f"\n{before}\n", f"\n{after}\n")
    file.write_text(edited)
    assert made.set_up("--no-check").code == 0
    assert file.read_text() == edited
    off = re.sub(r"(\[watch\][^[]*\nport = )\d+", r"\g<1>0", edited)
    file.write_text(off)
    assert off != edited and made.set_up("--no-check").code == 0
    assert file.read_text() == off
    made.set_up("--web-port", "18998", "--no-check")
    kept = config_file.load_file_only(file)
    assert (kept.devices.apn, kept.mail.host) == ("second.example", "post.example")
    assert (kept.web.url, kept.web.port) == ("https://fleet.example", 18998)
    made.set_up("--no-check", "--answers", str(tmp_path / "answers.toml"))
    assert config_file.load_file_only(file).devices.apn == "first.example"


def test_answers_from_a_file_and_options_before_them(folder, tmp_path):
    (tmp_path / "answers.toml").write_text(ANSWERS)
    options = ports()
    said = command("--data", str(folder), "setup", "--answers", str(tmp_path / "answers.toml"), *options)
    assert said.code == 0, said
    made = config_file.load_file_only(folder / "landbridge.toml")
    assert (made.devices.broker_host, made.devices.broker_port) == (HOST, int(options[1]))
    assert (made.mail.host, made.mail.password) == ("mail.example.org", "hidden")
    assert "hidden" not in (folder / "answers.toml").read_text()
    assert "anna" in command("--data", str(folder), "users", "list").out
    again = command("--data", str(folder), "setup")
    assert again.out.startswith("nothing has changed"), again


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("", "host is missing: --host mqtt.example.org"),
        ('host = "a b"', "host = 'a b' must be the name or address of a host"),
        ('host = "x.example"\nbroker = "emqx"', "broker = 'emqx' must be one of mosquitto, nats, existing"),
        ('host = "x.example"\nports = 1', "no ports; choose from host, broker,"),
        ('host = "x.example"\ncert_file = "b.pem"', "cert_file, key_file and ca_file belong together"),
        ('host = "x.example"\nbroker = "existing"', "password is missing"),
        ('host = "x.example"\nplugin = "p.so"\nmail_port = 0', "mail_port = 0 must be a port, 1 to 65535"),
    ],
)
def test_a_bad_answer_is_named_and_writes_nothing(folder, tmp_path, answers, message):
    (tmp_path / "answers.toml").write_text(answers)
    said = command("--data", str(folder), "setup", "--answers", str(tmp_path / "answers.toml"))
    assert said.code == 2 and message in said.err, said
    assert not folder.exists()


def words(folder: Path, unit: str) -> dict[str, list[str]]:
    """The settings of a unit, cut into words as systemd does it, for one of each name the first."""
    found: dict[str, list[str]] = {}
    for line in (folder / "systemd" / unit).read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(name, [value] if name == "WorkingDirectory" else shlex.split(value))
    return found


@pytest.mark.parametrize("name", ["my agent", "货柜 1", "50% 'off'", "var/lib/landbridge"])
def test_a_folder_of_any_name(folder, name):
    folder = folder / name
    said = command("--data", str(folder), "setup", "--host", HOST, *ports(), "--no-check")
    assert said.code == 0, said
    agent, broker = (words(folder, f"{unit}.service") for unit in ("landbridge", "landbridge-broker"))
    doubled = str(folder).replace("%", "%%")  # one alone begins a name of systemd's
    assert agent["ReadWritePaths"] == broker["ReadWritePaths"] == agent["WorkingDirectory"] == [doubled]
    assert agent["Environment"] == [f"LANDBRIDGE_CONFIG={doubled}/landbridge.toml"]
    assert broker["ExecStart"][1:] == ["-c", f"{doubled}/mosquitto/landbridge.conf"]
    assert f"`systemctl enable --now {shlex.quote(str(folder))}/systemd/*.service`" in said.out


def test_ports_may_be_the_usual_ones_of_others(folder):
    said = command("--data", str(folder), "setup", "--host", HOST, "--port", "8884", "--agent-port", "8883",
                   *ports()[4:], "--no-check")  # fmt: skip
    assert said.code == 0, said
    lines = (folder / "mosquitto" / "landbridge.conf").read_text().splitlines()
    at = [lines.index(f"listener {port}") for port in (8884, 8883)]
    assert at == sorted(at), "devices come first, at the port that was asked for"
    assert "require_certificate true" in lines[at[1] :] and "require_certificate true" not in lines[: at[1]]


def test_an_existing_broker_gets_no_configuration_from_us(folder, tmp_path):
    ca = make(tmp_path / "theirs", [HOST])[1]
    (tmp_path / "answers.toml").write_text(
        f'host = "{HOST}"\nbroker = "existing"\nagent_host = "{HOST}"\nusername = "agent"\npassword = "p"\n'
        f'ca_file = "{ca}"\n'
    )
    said = command("--data", str(folder), "setup", "--answers", str(tmp_path / "answers.toml"), *ports()[4:])
    assert f"at the broker {HOST}:8883, over TLS, there must be:\n  a user agent, who reads" in said.out
    made = config_file.load_file_only(folder / "landbridge.toml")
    assert (made.broker.host, made.broker.port, made.broker.username) == (HOST, 8883, "agent")
    assert made.broker.users == "" and made.broker.ca_file == str(ca)
    assert not (folder / "mosquitto").exists() and not (folder / "tls").exists()
    assert [path.name for path in (folder / "systemd").iterdir()] == ["landbridge.service"]


def test_on_a_terminal_it_asks(folder):
    """The questions have defaults; only the host name has none."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "landbridge", "--data", str(folder), "setup", *ports()],
        stdin=theirs,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    os.write(ours, f"{HOST}\n\n\n\nberta\n".encode())
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    assert "Host name under which trackers reach the broker" in out and "[mosquitto]" in out
    assert config_file.load_file_only(folder / "landbridge.toml").devices.broker_host == HOST
    assert "berta" in command("--data", str(folder), "users", "list").out


def test_the_systemd_units_name_existing_paths(made):
    for unit in (made.folder / "systemd").iterdir():
        text = unit.read_text()
        assert "/var/lib/landbridge" not in text and "/opt/landbridge" not in text
        (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
        assert Path(line.removeprefix("ExecStart=").split()[0]).name in ("landbridge", "mosquitto")
        assert str(made.folder) in text


def test_the_units_are_good_for_systemd(made):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    units = [str(path) for path in (made.folder / "systemd").iterdir()]
    for unit in (Path(each) for each in units):
        text = re.sub(r"^(ExecStart=)\S+", rf"\g<1>{sys.executable}", unit.read_text(), flags=re.M)
        unit.write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    # Of units that these come after it may have more to say.
    assert not [line for line in done.stderr.splitlines() if "landbridge" in line], done


def test_a_missing_plugin_is_named(folder, monkeypatch):
    monkeypatch.setattr("landbridge.operations.setup.brokers.PLUGIN", "none_such.so")
    said = command("--data", str(folder), "setup", "--host", HOST)
    assert said.code == 2 and "apt install mosquitto" in said.err and not folder.exists()


def test_a_configuration_written_by_hand_is_kept(folder, tmp_path):
    ca = make(tmp_path / "theirs", [HOST])[1]
    folder.mkdir()
    file = folder / "landbridge.toml"
    file.write_text(
        f'[broker]\nhost = "b.example"\nusername = "me"\npassword = "p"\nca_file = "{ca}"\n'
        f'users = "mosquitto"\n[web]\nport = {free_port()}\n[watch]\nport = {free_port()}\n'
        f'[store]\ndatabase = "mine.sqlite3"\n[devices]\nbroker_host = "{HOST}"\n'
    )
    file.chmod(0o600)
    said = command("--data", str(folder), "setup", "--no-check")
    assert said.code == 0, said
    made = config_file.load_file_only(file)
    assert (made.broker.host, made.broker.username, made.broker.password) == ("b.example", "me", "p")
    assert (made.broker.users, made.store.database) == ("mosquitto", "mine.sqlite3")
    assert (folder / "mine.sqlite3").exists() and not (folder / "mosquitto").exists()
    assert command("--data", str(folder), "setup", "--no-check").out == "nothing has changed\n"


def test_what_no_answer_was_given_for_stays_as_it_was_written_by_hand(folder, tmp_path):
    ca = make(tmp_path / "theirs", [HOST])[1]
    folder.mkdir()
    file = folder / "landbridge.toml"
    mail = f'[mail]\nhost = "post.example"\nport = 25\nusername = "us"\nsender = "{SENDER}"\n'
    file.write_text(
        f'[broker]\nhost = "b.example"\npassword = "p"\nca_file = "{ca}"\ntls = false\n{mail}'
        f'[web]\nport = {free_port()}\n[watch]\nport = {free_port()}\n[devices]\nbroker_host = "{HOST}"\n'
    )
    file.chmod(0o600)
    for more in ((), ("--mail-host", "smtp.example"), ()):
        assert command("--data", str(folder), "setup", *more, "--no-check").code == 0
        made = config_file.load_file_only(file)
        assert not made.broker.tls
        assert (made.mail.port, made.mail.username, made.mail.sender) == (25, "us", SENDER)
    assert made.mail.host == "smtp.example"


def test_mail_that_was_written_by_hand_after_the_set_up_stays(made):
    file = made.folder / "landbridge.toml"
    plain = file.read_text()
    edited = plain.replace('host = "localhost"\n# TCP port. 1 to', 'host = "post.example"\n# TCP port. 1 to')
    edited = edited.replace("\nport = 587\n", "\nport = 25\n").replace("landbridge@localhost", SENDER)
    file.write_text(edited)
    assert made.set_up("--no-check").code == 0 and file.read_text() == edited
    made.set_up("--mail-host", "smtp.example", "--no-check")
    mail = config_file.load_file_only(file).mail
    assert (mail.host, mail.port, mail.sender) == ("smtp.example", 25, SENDER)
