"""Lock files as tests read them."""

import re
from pathlib import Path


def normal(name: str) -> str:
    """A package's name as locks have it."""
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def extras(file: Path) -> dict[str, set[str]]:
    """Extras that a lock names, by package."""
    found = re.findall(r"^([\w.-]+)\[([^]]+)\]==", file.read_text(), re.M)
    return {normal(name): {extra.strip() for extra in listed.split(",")} for name, listed in found}


def locked(file: Path) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes of each package of a lock."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.M).replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        name, sign, rest = line.partition("==")
        assert sign, f"{file.name}: {line} has no version"
        found[normal(name)] = (rest.split()[0], set(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", rest)))
    return found
