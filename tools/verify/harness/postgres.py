"""A PostgreSQL server of one's own, for tests and benchmarks: started, stopped, killed."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import LiteralString

import psycopg

_PLACES = "/usr/lib/postgresql/*/bin"
_DEADLINE_S = 120.0


def binaries() -> Path | None:
    """Return the folder of the newest server that is installed; None without one."""
    found = sorted(glob.glob(_PLACES), key=lambda each: int(Path(each).parent.name))
    return Path(found[-1]) if found and Path(found[-1], "initdb").exists() else None


class Postgres:
    """A server that listens on a socket only; data as safe as by default."""

    def __init__(self) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
        self._binaries = found
        # The server refuses to run as root; its own user, who then runs it, must get to its folder.
        self._user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="lb-pg-", dir="/var/tmp"))
        if self._user:
            shutil.chown(self._folder, self._user)
        names = ("-A", "trust", "-U", "landbridge", "--locale=C", "-E", "UTF8")
        self._run("initdb", "--no-sync", *names, "-D", self._data)

    @property
    def url(self) -> str:
        """Return the value for [store] database."""
        return f"postgresql://landbridge@/landbridge?host={self._folder}"

    @property
    def folder(self) -> Path:
        """Where its socket is."""
        return self._folder

    def start(self) -> None:
        """Start it, and make the database if it is not there."""
        options = f"-k {self._folder} -c listen_addresses='' -c max_connections=60"
        self._run("pg_ctl", "-D", self._data, "-l", self._folder / "log", "-w", "-o", options, "start")
        if not self._ask("SELECT 1 FROM pg_database WHERE datname = 'landbridge'"):
            self._ask("CREATE DATABASE landbridge")

    def close(self) -> None:
        """End it and remove all of it."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self, how: str = "immediate") -> None:
        """Stop it: "immediate" as at a power cut, "fast" in order."""
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")

    def empty(self) -> None:
        """Make an empty database."""
        self._ask("DROP DATABASE IF EXISTS landbridge WITH (FORCE)")
        self._ask("CREATE DATABASE landbridge")

    def keep_as_template(self) -> None:
        """Let `renew` begin with what is in the database now; no client may be connected."""
        self._ask("ALTER DATABASE landbridge RENAME TO template_landbridge")
        self.renew()

    def renew(self) -> None:
        """Make the database again, like the template."""
        self._ask("DROP DATABASE IF EXISTS landbridge WITH (FORCE)")
        self._ask("CREATE DATABASE landbridge TEMPLATE template_landbridge")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _ask(self, statement: LiteralString) -> int:
        """The number of rows that a statement of an administrator returns."""
        where = f"postgresql://landbridge@/postgres?host={self._folder}"
        with psycopg.connect(where, autocommit=True) as connection:
            return connection.execute(statement).rowcount

    def _run(self, program: str, *arguments: str | Path) -> str:
        command = [str(self._binaries / program), *map(str, arguments)]
        if self._user:
            ids = (f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups")
            command = ["setpriv", *ids, *command]
        output = self._folder / "output"
        with open(output, "wb") as log:
            code = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, cwd="/", check=False, timeout=_DEADLINE_S
            ).returncode
        said = output.read_text(errors="replace")
        if code:
            raise RuntimeError(f"{program}: {said.strip()}")
        return said
