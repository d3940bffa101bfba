"""The steps of deploy/Dockerfile in a clean Debian root file system, and what compose.yaml starts in it.

`python -m tools.verify.image.image` needs root, debootstrap and iproute2, and takes Debian from where this
machine's apt does. It runs each RUN, COPY, ENV, WORKDIR and USER, then the services setup, broker and agent
with their commands and health checks: as the image's user, without capabilities, the root read-only, the
database in PostgreSQL. A device is added, `landbridge doctor` finds nothing wrong, and a Prometheus, if there
is one, watches the agent with the configuration that is shipped. No Docker takes part.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tools.flash.layout import REPOSITORY
from tools.verify.harness.postgres import Postgres, binaries
from tools.verify.image import scraped
from tools.verify.image.container import Container, Root
from tools.verify.image.dockerfile import Step, steps, words

FOLDER = Path("out/image").absolute()
DEPLOY = REPOSITORY / "deploy"
_RELEASES = {"13": "trixie"}
_NEEDED = {"debootstrap": "debootstrap", "ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}
_HEALTHY_S = 120.0
_DATA = "/var/lib/landbridge"


class Image:
    """A root file system, and what its instructions have said."""

    def __init__(self, folder: Path) -> None:
        self.root = Root(folder)
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.folder, self.user, self.volume = "/", "0:0", ""
        self.command: list[str] = []
        self.health: list[str] = []

    def take(self, step: Step) -> None:
        """Do what an instruction says."""
        match step.name:
            case "FROM":
                self._debian(step.rest)
            case "RUN":
                self.root.build(step.rest, self.environment, self.folder)
            case "COPY":
                self._copy(*step.rest.split())
            case "ENV":
                name, _, value = step.rest.partition("=")
                self.environment[name] = value
            case "WORKDIR":
                self.folder = step.rest
                self.root.inside(step.rest).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = step.rest
            case "VOLUME":
                self.volume = step.rest
            case "CMD":
                self.command = words(step.rest)
            case "HEALTHCHECK":
                self.health = words(step.rest)

    def _debian(self, name: str) -> None:
        release = re.fullmatch(r"debian:(\d+)-slim(?:@sha256:[0-9a-f]{64})?", name)
        if release is None or release[1] not in _RELEASES:
            raise SystemExit(f"FROM {name} is not known here: its release belongs into _RELEASES")
        said = _said("apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)")
        mirrors = [line.removesuffix(" Debian") for line in said.splitlines() if line.endswith(" Debian")]
        mirror = next((each for each in mirrors if each.startswith("http")), None)
        if mirror is None:
            raise SystemExit("apt has no Debian mirror: add one to its sources")
        suite = _RELEASES[release[1]]
        _said("debootstrap", "--variant=minbase", suite, str(self.root.folder), mirror)
        ours = Path("/etc/apt/apt.conf.d")
        shutil.copytree(ours, self.root.inside(ours), dirs_exist_ok=True)

    def _copy(self, *names: str) -> None:
        *sources, target = names
        for source in sources:
            there = self.root.inside(Path(self.folder) / target)
            if (REPOSITORY / source).is_dir():
                # Links stay links, as Docker copies them.
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(REPOSITORY / source, there, symlinks=True, ignore=ignored)
            else:
                there = there / Path(source).name if target.endswith("/") else there
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(REPOSITORY / source, there)


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout


class Services:
    """The services of compose.yaml that use our image."""

    def __init__(self, image: Image, container: Container, log: Path) -> None:
        self._image, self._container, self._log = image, container, log
        log.touch()
        self._services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    def run(self, command: list[str]) -> str:
        """Run a command in the container; return what it prints."""
        done = subprocess.run(self._inside(command), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"{' '.join(command)}: {done.stdout}{done.stderr}\n{self._log.read_text()[-3000:]}"
            )
        return done.stdout

    def run_service(self, name: str) -> str:
        """Run a service that ends."""
        return self.run(self._services[name]["command"])

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Run a service that stays, from when it is healthy on."""
        with self._log.open("ab") as log:
            command = self._inside(self._services[name].get("command", self._image.command))
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                self._await(name, process)
                yield
            finally:
                process.terminate()
                process.wait()

    def _await(self, name: str, process: subprocess.Popen[bytes]) -> None:
        own = self._services[name].get("healthcheck")
        check = self._inside(own["test"][1:] if own else self._image.health)
        end = time.monotonic() + _HEALTHY_S
        while subprocess.run(check, capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name} is not healthy; its log: {self._log.read_text()[-3000:]}")
            time.sleep(0.2)
        print(f"{name} is healthy")

    def _inside(self, command: list[str]) -> list[str]:
        image = self._image
        environment = image.environment | {"HOME": _DATA}
        return self._container.command(command, environment, image.folder, image.user)


def build(folder: Path) -> Image:
    """Make the root file system, from nothing."""
    image = Image(folder)
    for step in steps((DEPLOY / "Dockerfile").read_text()):
        print(f"{step.name} {step.rest[:90]}", flush=True)
        image.take(step)
    return image


def try_out(image: Image, database: Postgres, log: Path) -> None:
    """Start what compose.yaml starts, and use it."""
    answers = (DEPLOY / "answers.example.toml").read_text()
    answers = answers.replace("postgresql://landbridge@database/landbridge", database.url)
    database.folder.chmod(0o711)  # its socket is for another user here
    image.root.inside("/etc/landbridge").mkdir(exist_ok=True)
    image.root.inside("/etc/landbridge/answers.toml").write_text(answers)
    # What Docker's own name server answers.
    image.root.inside("/etc/hosts").write_text("127.0.0.1 localhost broker\n")
    with ExitStack() as stack:
        container = Container(image.root, image.volume, [database.folder])
        stack.callback(container.close)
        services = Services(image, container, log)
        print(services.run(["landbridge", "--version"]).strip())
        _refused(services)
        if "link for the first administrator" not in services.run_service("setup"):
            raise SystemExit("the set-up prints no link")
        stack.enter_context(services.running("broker"))
        stack.enter_context(services.running("agent"))
        services.run(["landbridge", "devices", "add", "lb-0001"])
        print(_well(services))
        with scraped.running(log.with_name("prometheus"), container.beside, services.run) as prometheus:
            _watched(prometheus)


def _watched(prometheus: scraped.Prometheus | None) -> None:
    if prometheus is None:
        print("left out: Prometheus is not installed")
        return
    rules, queries = prometheus.await_rules(), scraped.queries()
    empty = [query for query in queries if not prometheus.values(query)]
    # These are of integrations, of which a new installation has none.
    if unknown := [query for query in empty if "landbridge_integration_" not in query]:
        raise SystemExit(f"the dashboard would be empty: {unknown}")
    print(f"Prometheus evaluates {rules} rules and {len(queries)} queries of the dashboard")


def _well(services: Services) -> str:
    """Return what `landbridge doctor` prints once the pages answer, which begin after the agent."""
    end = time.monotonic() + _HEALTHY_S
    while True:
        said = services.run(["landbridge", "doctor"]).rstrip()
        if re.search("^pages +ok", said, re.M):
            return said
        if time.monotonic() > end:
            raise SystemExit(said)


def _refused(services: Services) -> None:
    """The user is not root, has no capability, and writes its own folder and /tmp only."""
    is_nobody = "test $(id -u) != 0 && grep -qx 'CapBnd:\t0*' /proc/self/status"
    writes = f"touch /tmp/x {_DATA}/x && rm {_DATA}/x && ! touch /opt/landbridge/x 2>/dev/null"
    services.run(["sh", "-c", f"{is_nobody} && {writes}"])


def main() -> int:
    """The command line."""
    missing = sorted({package for name, package in _NEEDED.items() if shutil.which(name) is None})
    if os.geteuid() or missing or binaries() is None:
        lacks = [*missing, *([] if binaries() else ["postgresql"])]
        print(f"needs root on Debian, and {', '.join(lacks) or 'nothing else'}: apt install", file=sys.stderr)
        return 2
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    image = build(FOLDER / "root")
    database = Postgres()
    try:
        database.start()
        try_out(image, database, FOLDER / "services.log")
    finally:
        database.close()
    print(f"{int(_said('du', '-sm', str(image.root.folder)).split()[0])} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
