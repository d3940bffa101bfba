"""Brings the texts of the agent into its catalogues: `python -m tools.texts`, or `make texts`.

New messages come without a translation, what the code no longer has is left out, and a message that was only
reworded keeps its translation, marked fuzzy, until a person has looked at it. A new language is
`python -m tools.texts de`.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from landbridge.core.texts import DOMAIN, FOLDER

AGENT = FOLDER.parent
_METHODS = [
    ("web/maplibre/**", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/static/**.js", "javascript"),
    ("**/settings.toml", "tools.texts:from_settings"),
]
_KEYWORDS: Mapping[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS = {
    "**/templates/**.html": {"silent": "false"},
    "**/static/**.js": {"jsx": "false", "parse_template_string": "true"},
}
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""In place of the moment of writing: the same texts make the same file."""


def from_settings(file: IO[bytes], *_: object, **__: object) -> Iterator[tuple[int, None, str, list[str]]]:
    """The help of each setting, as Babel wants it."""
    for setting in tomllib.load(file)["setting"]:
        yield 1, None, setting["help"], []


def messages() -> Catalog:
    """Every message of code, templates, scripts and settings."""
    found = Catalog(fuzzy=False)
    every = extract_from_dir(AGENT, _METHODS, _OPTIONS, _KEYWORDS, comment_tags=("Translators:",))
    for name, _, message, comments, context in sorted(every, key=lambda each: (each[0], each[1])):
        found.add(message, None, [(name, 1)], auto_comments=comments, context=context)
    return found


def read(file: Path, language: str) -> Catalog:
    """A catalogue as it is; an empty one if there is none yet."""
    if not file.exists():
        return Catalog(locale=language, fuzzy=False)
    with file.open("rb") as source:
        return read_po(source, locale=language)


def write(language: str, folder: Path = FOLDER) -> tuple[int, int]:
    """Bring the messages into one catalogue; returns how many there are, and how many are translated."""
    file = folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    catalogue, template = read(file, language), messages()
    catalogue.update(template)
    catalogue.obsolete.clear()
    catalogue.project, catalogue.version = "Landbridge", "1"
    catalogue.last_translator = catalogue.language_team = catalogue.msgid_bugs_address = "Landbridge"
    catalogue.revision_date = catalogue.creation_date = _NO_TIME
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        write_po(target, catalogue, width=110, include_lineno=False, sort_by_file=True)
    every = [each for each in catalogue if each.id]
    return len(every), sum(bool(each.string) and not each.fuzzy for each in every)


def main() -> None:
    """Every language that has a catalogue, and those named on the command line."""
    have = {file.parents[1].name for file in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po")}
    for language in sorted(have | set(sys.argv[1:])):
        number, translated = write(language)
        print(f"{language}: {number} messages, {translated} translated")


if __name__ == "__main__":
    main()
