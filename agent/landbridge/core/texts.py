"""Texts for people: English in the code, other languages by gettext catalogues.

`_("no device {device}", device=device)` is the English sentence, a `str` like any other, and keeps the
message and the values it was made of. What shows it to a person translates it:
`catalogues()["zh"].translate(text)`. A language is one file, locale/<language>/LC_MESSAGES/landbridge.po.
Babel reads it when it is first needed; no compiled copy exists that could be older. `make texts` brings new
messages into the files.
"""

import gettext as standard
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from landbridge.core.errors import UserError

FOLDER = Path(__file__).parents[1] / "locale"
DOMAIN = "landbridge"
_PACKED = "["
"""Prefix of a column that holds more than plain text."""
_WORD = re.compile(r"[^\W\d_]+(?=[:,;]? |$)")
SOURCE = "en"
"""The language of the messages in the code."""


class Text(str):
    """A message with its values; as a `str` it is English."""

    __slots__ = ("message", "number", "plural", "values")
    message: str
    plural: str
    """Empty: the message has no number."""
    number: int
    values: Mapping[str, Any]

    def __new__(cls, message: str, plural: str, number: int, values: Mapping[str, Any]) -> "Text":
        """`values` may be texts themselves."""
        made = super().__new__(cls, _filled(plural if plural and number != 1 else message, values))
        made.message, made.plural, made.number, made.values = message, plural, number, values
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        """The arguments for a copy."""
        return self.message, self.plural, self.number, self.values


def gettext(message: str, /, **values: Any) -> Text:
    """Return a message with a value for each of its {placeholders}."""
    return Text(message, "", 0, values)


_ = gettext


def ngettext(message: str, plural: str, number: int, /, **values: Any) -> Text:
    """The same for a `number`, which both forms may name as {number}."""
    return Text(message, plural, number, {"number": number, **values})


def _filled(message: str, values: Mapping[str, Any]) -> str:
    return message.format_map(values) if values else message


def stored(text: str) -> str:
    """Return the text for a database column from which `loaded` restores the message."""
    it = text if isinstance(text, Text) else gettext(text)
    is_plain = not it.values and not it.plural and not it.startswith(_PACKED)
    return str(it) if is_plain else json.dumps(_packed(it), ensure_ascii=False)


def _packed(value: Any) -> Any:
    if not isinstance(value, Text):
        return value
    values = {name: _packed(each) for name, each in value.values.items()}
    return [value.message, value.plural, value.number, values]


def loaded(column: str) -> str:
    """Return the message from which `stored` made the column."""
    return _unpacked(json.loads(column)) if column.startswith(_PACKED) else gettext(column)


def _unpacked(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    message, plural, number, values = value
    return Text(message, plural, number, {name: _unpacked(each) for name, each in values.items()})


class Catalogue(NamedTuple):
    """One language."""

    language: str
    """Its code, as in the name of its folder: zh, pt_BR."""
    name: str
    """The name of the language in itself."""
    messages: standard.NullTranslations

    @property
    def tag(self) -> str:
        """The code in HTML and HTTP: zh, pt-BR."""
        return self.language.replace("_", "-")

    def translate(self, text: str, /, **values: Any) -> str:
        """Return a text, or a message with its values, in this language; English without a translation."""
        it = text if isinstance(text, Text) else Text(text, "", 0, {})
        filled = {name: self._value(each) for name, each in (values or it.values).items()}
        return _filled(self._message(it), filled)

    def _message(self, it: Text) -> str:
        if it.plural:
            return self.messages.ngettext(it.message, it.plural, it.number)
        # The translation of an empty message would be the header of the file.
        return self.messages.gettext(it.message) if it.message else ""

    def begins_with_word(self, text: str) -> bool:
        """Return whether a text begins with a word, whose first letter may be shown in upper case, and not
        with a value, such as a name or an address."""
        begin = self._message(text) if isinstance(text, Text) and text.values else text
        return _WORD.match(begin) is not None

    def _value(self, value: Any) -> Any:
        return self.translate(value) if isinstance(value, Text) else value

    def table(self) -> dict[str, str]:
        """Return each message and its translation, without plural forms."""
        found: Mapping[Any, str] = getattr(self.messages, "_catalog", {})
        return {name: text for name, text in found.items() if isinstance(name, str) and name}

    def time(self, at: datetime) -> str:
        """Return a time to the minute, in UTC."""
        return f"{format_date(at, locale=self._locale)} {at:%H:%M} UTC"

    def country(self, code: str, otherwise: str) -> str:
        """Return the name of a country by its two-letter code."""
        return str(self._locale.territories.get(code, otherwise))

    @property
    def is_chinese(self) -> bool:
        """Whether to show the Chinese names of places."""
        return self.language.startswith("zh")

    @property
    def _locale(self) -> Locale:
        return Locale.parse(self.language)


def catalogues() -> dict[str, Catalogue]:
    """Return every language by its code, English first; `UserError` names a file that cannot be read."""
    return _catalogues(FOLDER)


@cache
def _catalogues(folder: Path) -> dict[str, Catalogue]:
    found = {SOURCE: Catalogue(SOURCE, "English", standard.NullTranslations())}
    for file in sorted(folder.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        language = file.parents[1].name
        found[language] = Catalogue(language, _name(file, language), _read(file))
    return found


def _name(file: Path, language: str) -> str:
    try:
        return Locale.parse(language).get_display_name() or language
    except (ValueError, UnknownLocaleError):
        raise UserError(
            f"{file}: {language} is not a language code; name the folder like de or pt_BR"
        ) from None


def _check(file: Path, it: Message) -> None:
    """`UserError` for a translation with a placeholder that its message does not have."""
    known = set().union(*map(_placeholders, _forms(it.id)))
    for text in _forms(it.string or ""):
        if not _placeholders(text) <= known:
            message = _forms(it.id)[0]
            raise UserError(
                f"{file}, line {it.lineno}: the placeholders of {text!r} must be those of {message!r}"
            )


def _forms(text: str | Sequence[str]) -> Sequence[str]:
    return (text,) if isinstance(text, str) else text


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(.*?)\}", text))


def _read(file: Path) -> standard.GNUTranslations:
    """Return the translations of a catalogue without entries marked fuzzy."""
    try:
        with file.open("rb") as source:
            messages = read_po(source, locale=file.parents[1].name, abort_invalid=True)
        for each in messages:
            _check(file, each)
        compiled = io.BytesIO()
        write_mo(compiled, messages)
    except (PoFileError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not a gettext catalogue: {error}; correct or remove it") from None
    compiled.seek(0)
    return standard.GNUTranslations(compiled)
