"""A root file system whose processes have mounts, process ids and a network of their own, by Linux itself."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_OF_PIP = ("/etc/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
Environment = Mapping[str, str]


class Root:
    """The file system in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def inside(self, path: str | Path) -> Path:
        """Return where a path in it is outside of it."""
        return self.folder / str(path).lstrip("/")

    def build(self, command: str, environment: Environment, folder: str) -> None:
        """Run a step as root, with this machine's network, apt and pip settings, none of which stays."""
        variables, lent = _of_this_machine()
        made = [target for target in lent.values() if not self.inside(target).exists()]
        script = [_mounts(self.folder), *(self._lend(*pair) for pair in lent.items())]
        everything = {**environment, "HOME": "/root", **variables}
        script.append(_changed(self.folder, ["/bin/sh", "-c", command], everything, folder, "0:0"))
        try:
            _namespaced(["--mount", "--pid"], "\n".join(script))
        finally:
            for path in made:
                _removed(self.inside(path))

    def _lend(self, path: str, target: str) -> str:
        there = self.inside(target)
        there.parent.mkdir(parents=True, exist_ok=True)
        if Path(path).is_dir():
            there.mkdir(exist_ok=True)
        else:
            there.touch()
        return f"mount --rbind {shlex.quote(path)} {shlex.quote(str(there))}"


def _of_this_machine() -> tuple[dict[str, str], dict[str, str]]:
    """What pip needs to reach its packages from here: variables, and the files that they name with the place
    where each is lent."""
    lent = {path: path for path in _OF_PIP if Path(path).exists()}
    variables = {}
    for name, value in os.environ.items():
        if name.startswith("PIP_") or name in _CERTIFICATES:
            if value.startswith("/") and Path(value).exists():
                lent.setdefault(value, f"/run/lent/{name}")
            variables[name] = lent.get(value, value)
    return variables, lent


def _removed(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


class Container:
    """A root file system that runs: read-only but for /tmp and `volume`, in a network of its own."""

    def __init__(self, root: Root, volume: str, lent: Sequence[Path]) -> None:
        self._root = root
        there = root.folder
        for path in lent:
            root.inside(path).mkdir(parents=True, exist_ok=True)
        binds = [(root.inside(volume), Path(volume)), *((path, path) for path in lent)]
        script = [
            _mounts(there),
            *(f"mount --bind {source} {root.inside(target)}" for source, target in binds),
            f"mount -o remount,ro,bind {there}",
            f"mount -t tmpfs tmpfs {root.inside('/tmp')}",
            "ip link set lo up",
            "echo ready",
            "exec sleep infinity",
        ]
        self._holder = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--pid",
                "--net",
                "--fork",
                "--kill-child",
                "sh",
                "-ec",
                "\n".join(script),
            ],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout
        if self._holder.stdout.readline() != b"ready\n":
            raise SystemExit("no namespaces or mounts of its own: this needs root, not in a container")

    def command(self, words: Sequence[str], environment: Environment, folder: str, user: str) -> list[str]:
        """Return what runs a command in it, as compose.yaml has it: without any capability."""
        entered = ["nsenter", f"--target={self._pid()}", "--mount", "--pid", "--net", "sh", "-c"]
        return [*entered, _changed(self._root.folder, words, environment, folder, user)]

    def beside(self, words: Sequence[str]) -> list[str]:
        """Return what runs a program of this machine in its network."""
        return ["nsenter", f"--target={self._pid()}", "--net", *words]

    def _pid(self) -> str:
        (pid,) = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        return pid

    def close(self) -> None:
        """End all that runs in it."""
        self._holder.kill()
        self._holder.wait()


def _mounts(root: Path) -> str:
    return f"mount --bind {root} {root}\nmount -t proc proc {root}/proc\nmount --bind /dev {root}/dev"


def _changed(root: Path, words: Sequence[str], environment: Environment, folder: str, user: str) -> str:
    uid, _, gid = user.partition(":")
    variables = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", "--ignore-environment", f"--chdir={folder}", *variables, *words]
    if user != "0:0":
        ids = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
        command = ["setpriv", *ids, "--no-new-privs", "--bounding-set=-all", *command]
    return f"exec chroot {shlex.quote(str(root))} {shlex.join(command)}"


def _namespaced(kinds: Sequence[str], script: str) -> None:
    done = subprocess.run(
        ["unshare", *kinds, "--fork", "--kill-child", "sh", "-ec", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script.splitlines()[-1]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
