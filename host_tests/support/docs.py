"""The documentation as text: pages, prose, sentences, words, links, commands."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.flash.layout import REPOSITORY

DOCS = REPOSITORY / "docs"
TOP = tuple(
    REPOSITORY / name
    for name in ("README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "deploy/README.md")
)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
_NOT_PROSE = re.compile(r"^\s*\|.*$|^#.*$|^<!--.*-->$|^!\[.*$", re.M)
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?= *(?:[-*]|\d+\.) )")
_MARKER = re.compile(r"^\s*(?:[-*]|\d+\.) ")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def pages() -> list[Path]:
    """All pages in docs/."""
    return sorted(DOCS.rglob("*.md"))


def is_english(page: Path) -> bool:
    """Whether its sentences are measured in words."""
    return not page.name.endswith(".zh-CN.md")


def blocks(text: str, language: str | None = None) -> list[str]:
    """The fenced blocks of code, without their indentation; of one language if one is given."""
    return [
        re.sub(rf"^{indent}", "", code, flags=re.M)
        for indent, found, code in _FENCE.findall(text)
        if language in (None, found)
    ]


def words(text: str) -> list[str]:
    """All that blanks part outside of code blocks, as `wc -w` counts it."""
    return _FENCE.sub("", text).split()


def sentences(text: str) -> Iterator[str]:
    """The sentences outside of code blocks, tables and headings; each item of a list is one at least."""
    prose = _NOT_PROSE.sub("", _FENCE.sub("", text))
    for paragraph in _PARAGRAPH.split(prose):
        flat = _LINK.sub(r"\1", " ".join(_MARKER.sub("", paragraph).split()))
        yield from (each for each in re.split(r"(?<=[.!?])[*\"')]* (?=\W*[A-Z0-9])", flat) if each)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links(text: str) -> list[str]:
    """The targets of links and pictures, but for those on the web."""
    found = re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text))
    return [each for each in found if not re.match(r"[a-z]+:", each)]


def commands(text: str, name: str) -> list[str]:
    """Calls of the program `name` in code blocks and in pieces of code, each to the end of its line."""
    spoken = [line for code in blocks(text) for line in code.replace("\\\n", " ").splitlines()]
    spoken += re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    called = re.compile(rf"(?:^|[|;&] *|^\S+=\S+ )(?:\S*/)?{name} ([a-z].*)")
    return [found[1] for line in spoken for found in called.finditer(line)]
