"""What a part of a test run has to show."""

from dataclasses import dataclass, field


@dataclass
class Part:
    """`figures` by name, as they are printed; `failures` in words."""

    figures: dict[str, int]
    failures: list[str] = field(default_factory=list)
