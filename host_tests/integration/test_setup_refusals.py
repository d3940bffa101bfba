"""Invalid input of `landbridge setup` gives one sentence with its remedy, and nothing is written."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from landbridge import config_file
from landbridge.core.errors import UserError
from landbridge.operations.setup import brokers, certificates, given_certificates

from host_tests.support.set_up import HOST, Said, SetUp, command, ports
from tools.verify.harness.ports import free_port

pytestmark = pytest.mark.slow
NOBODY = 65534


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "")  # undone at the end, whatever --data sets
    return tmp_path / "agent"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[SetUp]:
    """An installation that repeats are refused for."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LANDBRIDGE_CONFIG", "")
        setup = SetUp(tmp_path_factory.mktemp("made") / "agent")
        said = setup.first()
        assert said.code == 0, said
        yield setup
        setup.stop()


def refused(said: Said, message: str) -> None:
    """It is one sentence on one line."""
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1, said


def tried(folder: Path, *options: str) -> Said:
    return command("--data", str(folder), "setup", "--no-check", "--host", HOST, *options)


@pytest.mark.parametrize("taken", ["--port", "--agent-port", "--web-port", "--watch-port"])
def test_a_port_that_is_taken(folder, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1" if "w" in taken else "", 0))
        other.listen()
        port = other.getsockname()[1]
        options = ports()
        options[options.index(taken) + 1] = str(port)
        name = taken.removeprefix("--").replace("-", "_")
        refused(
            tried(folder, *options),
            f"{name} = {port} is in use, `ss -ltnp sport = :{port}` shows by which program",
        )
    assert not folder.exists()


def test_a_port_that_is_named_twice_or_is_for_root(folder):
    port = str(free_port())
    refused(
        tried(folder, "--web-port", port, "--watch-port", port), f"web_port and watch_port are both {port}"
    )
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first > 443:
        refused(tried(folder, *ports(), "--port", "443"), "port = 443: the services are not root")
    assert not folder.exists()


def test_a_repeat_may_run_next_to_its_earlier_output(made):
    made.start()
    assert made.set_up().out.startswith("nothing has changed")
    made.stop()


def test_an_address_of_another_machine(folder, tmp_path):
    (tmp_path / "answers.toml").write_text('web_host = "192.0.2.1"\n')
    said = tried(folder, *ports(), "--answers", str(tmp_path / "answers.toml"))
    refused(said, "web_host = '192.0.2.1' is not an address of this machine")
    assert not folder.exists()


def test_a_folder_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    refused(tried(tmp_path / "file" / "agent", *ports()), "name another folder with --data")
    (tmp_path / "theirs").mkdir(mode=0o555)
    if os.geteuid():
        refused(tried(tmp_path / "theirs" / "agent", *ports()), "cannot write")
    assert not (tmp_path / "theirs" / "agent").exists()


def test_a_database_that_cannot_be_reached(folder):
    place = f"postgresql://landbridge:hidden@127.0.0.1:{free_port()}/landbridge"
    said = tried(folder, *ports(), "--database", place)
    refused(said, "check server, user and rights")
    assert "hidden" not in said.err and not folder.exists()


def test_a_database_that_is_none(folder):
    folder.mkdir()
    (folder / "landbridge.sqlite3").write_bytes(b"no database" * 100)
    refused(tried(folder, *ports()), "cannot use database")
    assert [path.name for path in folder.iterdir()] == ["landbridge.sqlite3"]


class Given:
    """Files of an operator's CA in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.ca_key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._issued("CA", self.ca_key.public_key(), 300, ())
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.write("ca.pem", self.ca)
        self.issue(HOST, "localhost")
        self.write_key(serialization.NoEncryption())

    def issue(self, *names: str, days: int = 300) -> None:
        self.write("broker.pem", self._issued("broker", self.key.public_key(), days, names))

    def write(self, name: str, certificate: x509.Certificate) -> None:
        (self.folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def write_key(self, encryption: serialization.KeySerializationEncryption) -> None:
        form = serialization.PrivateFormat.PKCS8
        pem = self.key.private_bytes(serialization.Encoding.PEM, form, encryption)
        (self.folder / "broker.key").write_bytes(pem)

    def answers(self) -> Path:
        names = {"ca_file": "ca.pem", "cert_file": "broker.pem", "key_file": "broker.key"}
        lines = [f'{key} = "{self.folder / name}"\n' for key, name in names.items()]
        (self.folder / "answers.toml").write_text("".join(lines))
        return self.folder / "answers.toml"

    def _issued(
        self, name: str, key: ec.EllipticCurvePublicKey, days: int, names: tuple[str, ...]
    ) -> x509.Certificate:
        end = datetime.now(UTC) + timedelta(days=days)
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=400))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        )
        if names:
            found = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
            built = built.add_extension(found, critical=False)
        return built.sign(self.ca_key, hashes.SHA256())


@pytest.fixture
def given(tmp_path):
    return Given(tmp_path / "given")


def with_given(folder: Path, given: Given) -> Said:
    return tried(folder, *ports(), "--answers", str(given.answers()))


def test_good_certificates_are_used(folder, given):
    said = with_given(folder, given)
    assert said.code == 0, said
    text = (folder / "mosquitto" / "landbridge.conf").read_text()
    assert f"certfile {given.folder}/broker.pem" in text and f"keyfile {given.folder}/broker.key" in text
    assert config_file.load_file_only(folder / "landbridge.toml").broker.ca_file == f"{given.folder}/ca.pem"


def expired(given: Given) -> str:
    given.issue(HOST, "localhost", days=-1)
    return "broker.pem has expired on "


def not_yet_valid(given: Given) -> str:
    given.issue(HOST, "localhost", days=500)
    return "check the clock of this machine"


def of_another_host(given: Given) -> str:
    given.issue("other.example", "localhost")
    return f"broker.pem is not for host = '{HOST}'"


def not_for_the_agent(given: Given) -> str:
    given.issue(HOST)
    return "broker.pem is not for agent_host = 'localhost'"


def another_key(given: Given) -> str:
    given.key = ec.generate_private_key(ec.SECP256R1())
    given.write_key(serialization.NoEncryption())
    return "broker.key is not the key of "


def a_key_with_a_passphrase(given: Given) -> str:
    given.write_key(serialization.BestAvailableEncryption(b"secret"))
    return "broker.key is not a PEM key without passphrase"


def another_ca(given: Given) -> str:
    given.ca_key = ec.generate_private_key(ec.SECP256R1())
    given.issue(HOST, "localhost")
    return "ca.pem is not the CA of "


def no_ca(given: Given) -> str:
    (given.folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    return "ca.pem is not a PEM certificate"


def a_large_ca(given: Given) -> str:
    pem = (given.folder / "ca.pem").read_text()
    (given.folder / "ca.pem").write_text(pem * 20)
    return "ca.pem has more than 4096 bytes, too large for trackers"


def no_certificate(given: Given) -> str:
    (given.folder / "broker.pem").unlink()
    return "broker.pem: it is missing"


def no_key(given: Given) -> str:
    (given.folder / "broker.key").unlink()
    return "broker.key: it is missing"


@pytest.mark.parametrize(
    "spoil",
    [
        expired, not_yet_valid, of_another_host, not_for_the_agent, another_key, a_key_with_a_passphrase,
        another_ca, no_ca, a_large_ca, no_certificate, no_key,
    ],
    ids=lambda spoil: spoil.__name__,
)  # fmt: skip
def test_given_certificates_that_do_not_fit(folder, given, spoil):
    message = spoil(given)
    refused(with_given(folder, given), message)
    assert not folder.exists()


def test_a_repeat_with_certificates_that_have_expired_since_changes_nothing(folder, given):
    options = ["--answers", str(given.answers()), *ports()]
    assert tried(folder, *options).code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    message = expired(given)
    refused(command("--data", str(folder), "setup", "--web-port", str(free_port())), message)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sets up for another user")
def test_a_key_that_the_user_of_the_broker_cannot_read(given):
    given.folder.parent.chmod(0o711)
    given.folder.chmod(0o711)
    key = given.folder / "broker.key"
    key.chmod(0o600)
    reached = subprocess.run(["test", "-x", str(given.folder)], user=NOBODY, extra_groups=[], check=False)
    with pytest.raises(UserError, match=f"broker.key cannot be read .*u:{NOBODY}:r"):
        given_certificates.check_readable((str(key),), NOBODY)
    if reached.returncode == 0:
        key.chmod(0o644)
        given_certificates.check_readable((str(key),), NOBODY)


def test_another_user_or_password_of_the_agent_at_its_own_mosquitto(made, tmp_path):
    before = made.files()
    for line in ('username = "somebody"\n', 'password = "another"\n'):
        (tmp_path / "answers.toml").write_text(line)
        refused(
            made.set_up("--answers", str(tmp_path / "answers.toml")), "another user or password of the agent"
        )
    password = config_file.load_file_only(made.folder / "landbridge.toml").broker.password
    (tmp_path / "answers.toml").write_text(f'password = "{password}"\n')
    assert made.set_up("--answers", str(tmp_path / "answers.toml")).code == 0
    assert made.files() == before


def test_another_broker_takes_nothing_over_from_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "")
    setup = SetUp(tmp_path / "agent")
    assert setup.first().code == 0
    secret = config_file.load_file_only(setup.folder / "landbridge.toml").broker.password
    setup.start()
    setup.run("devices", "add", "lb-0001")
    setup.stop()
    refused(setup.set_up("--broker", "existing"), "password is missing")
    ca = certificates.make(tmp_path / "theirs", [HOST])[1]
    (tmp_path / "answers.toml").write_text(
        'broker = "existing"\nhost = "other.example"\nagent_host = "other.example"\npassword = "p"\n'
        f'ca_file = "{ca}"\n'
    )
    said = setup.set_up("--answers", str(tmp_path / "answers.toml"), "--no-check")
    assert said.code == 0, said
    made = config_file.load_file_only(setup.folder / "landbridge.toml").broker
    assert (made.host, made.port, made.username, made.password) == (
        "other.example",
        8883,
        "landbridge-agent",
        "p",
    )
    assert (made.users, made.cert_file, made.cert_key_file, made.ca_file) == ("", "", "", str(ca))
    assert "`systemctl disable --now landbridge-broker`" in said.out
    assert f"still connect to {HOST}:{setup.port}" in said.out and "`systemctl restart" in said.out
    assert [path.name for path in (setup.folder / "systemd").glob("*.service")] == ["landbridge.service"]
    assert setup.set_up("--no-check").out == "nothing has changed\n"
    # Back to its own, whose users still know the first password.
    refused(
        setup.set_up("--broker", "mosquitto", *setup.first_ports), "another user or password of the agent"
    )
    (tmp_path / "back.toml").write_text(f'password = "{secret}"\n')
    again = ("--broker", "mosquitto", "--answers", str(tmp_path / "back.toml"))
    with socket.socket() as theirs:
        theirs.bind(("", 0))
        theirs.listen()
        # The existing broker, on this machine: its port was in force, but is not ours.
        port = str(theirs.getsockname()[1])
        assert setup.set_up("--port", port, "--no-check").code == 0
        refused(setup.set_up(*again), f"port = {port} is in use")
    back = setup.set_up(*again, *setup.first_ports)
    assert back.code == 0, back
    setup.start()
    assert "WRONG" not in setup.run("broker", "check").out
    setup.stop()


@pytest.mark.parametrize("step", range(12))
def test_setup_completes_when_repeated_after_a_full_disk(folder, monkeypatch, step):
    real, calls = os.fsync, list[int]()

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == step + 1 and stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(28, "no space")
        real(handle)

    options = ports()
    with monkeypatch.context() as full:
        full.setattr("landbridge.operations.setup.written.os.fsync", fsync)
        said = tried(folder, *options)
    assert said.code == (2 if len(calls) == step + 1 else 0), said
    assert said.code == 0 or "no space" in said.err
    assert not list(folder.rglob("*.new"))
    again = tried(folder, *options)
    assert again.code == 0, again
    assert tried(folder).out == "nothing has changed\n"
    made = config_file.load_file_only(folder / "landbridge.toml")
    assert brokers.has_user(brokers.users_file(folder), "landbridge-agent", made.broker.password)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user(tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o755)
    # Loaded before: Python itself may be root's.
    script = (
        "import os; from pathlib import Path; from landbridge.operations.setup import checks; "
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); "
        f"checks._folder(Path({str(tmp_path / 'theirs' / 'agent')!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode and "name another folder with --data" in done.stderr
