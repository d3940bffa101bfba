"""A contract of import-linter: the name of a module says its floor, and imports go down or stay.

import-linter's own `layers` takes a package for one layer. Here the queries of a feature lie below the
rest of it, and its pages above.
"""

from collections.abc import Iterator
from typing import cast

from grimp import ImportGraph
from importlinter.application import output
from importlinter.domain.contract import Contract, ContractCheck
from importlinter.domain.fields import ListField, StringField


def fits(module: str, pattern: str) -> bool:
    """Whether a module is what the pattern names, or lies in it; `*` is any one part of a name."""
    parts, wanted = module.split("."), pattern.split(".")
    return len(parts) >= len(wanted) and all(
        want in ("*", part) for part, want in zip(parts, wanted, strict=False)
    )


class Floors(Contract):
    """No module imports one of a higher floor; of a feature, others import what it shares only.

    Modules above the floor of the features import of them what they like.
    """

    package = StringField()
    """In which all of it lies; the other names are those of modules in it."""
    floors = ListField(subfield=StringField())
    """Lowest first: the patterns of a floor, with spaces between. Of two that fit, the longer one counts."""
    feature = StringField()
    """The pattern of a feature's package, one of those in `floors`."""
    shared = StringField()
    """The pattern of what other features, and floors below them, import of a feature."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at each import within the package."""
        found = list(self._broken(graph))
        return ContractCheck(kept=not found, metadata={"broken": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what is against the contract."""
        for line in check.metadata["broken"]:
            output.print_error(line, bold=False)

    def _broken(self, graph: ImportGraph) -> Iterator[str]:
        inside = f"{self.package}."
        for importer in sorted(name for name in graph.modules if name.startswith(inside)):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if imported.startswith(inside):
                    why = self.against(importer.removeprefix(inside), imported.removeprefix(inside))
                    if why:
                        yield f"{importer} -> {imported}: {why}"

    def against(self, importer: str, imported: str) -> str | None:
        """Why a module may not import another; None if it may."""
        for module in (importer, imported):
            if self.floor(module) is None:
                return f"{module} has no floor: add it to the floors in pyproject.toml"
        if self._height(importer) < self._height(imported):
            return f"{imported} lies on a higher floor"
        of = self._feature_of(imported)
        if of is None or of == self._feature_of(importer) or fits(imported, str(self.shared)):
            return None
        if self._feature_of(importer) or self._height(importer) < self._height(of):
            return f"of another feature only {self.shared} may be imported"
        return None

    def floor(self, module: str) -> int | None:
        """Which floor a module is on, the lowest one 0; None: on none."""
        return max(self._fitting(module), default=(0, None))[1]

    def _fitting(self, module: str) -> Iterator[tuple[int, int]]:
        """(length, floor) of each pattern that fits."""
        floors = cast(list[str], self.floors)
        for number, patterns in enumerate(floors):
            for pattern in patterns.split():
                if fits(module, pattern):
                    yield len(pattern.split(".")), number

    def _height(self, module: str) -> int:
        height = self.floor(module)
        assert height is not None
        return height

    def _feature_of(self, module: str) -> str | None:
        """The package of the feature in which a module lies."""
        feature = str(self.feature)
        return ".".join(module.split(".")[: feature.count(".") + 1]) if fits(module, feature) else None
