"""Figures of a test run and their limits."""

from dataclasses import dataclass, field


@dataclass
class Part:
    """`figures` by name, as they are printed; `failures` in words."""

    figures: dict[str, int]
    failures: list[str] = field(default_factory=list)
