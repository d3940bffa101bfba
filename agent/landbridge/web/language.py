"""The language of a page: requested, kept in a cookie, or preferred by the browser."""

from collections.abc import Callable
from typing import Any

from babel.core import negotiate_locale
from babel.numbers import format_decimal
from fastapi import Request

from landbridge.core import labels, texts
from landbridge.core.texts import SOURCE, Catalogue

COOKIE = "language"
_MOST_TAGS = 20


def language_of(request: Request) -> Catalogue:
    """Return the language of the answer."""
    known = texts.catalogues()
    for wanted in (request.query_params.get(COOKIE), request.cookies.get(COOKIE)):
        if wanted in known:
            return known[wanted]
    wanted_most = preferred(request.headers.get("accept-language", ""))
    return known[negotiate_locale(wanted_most, list(known)) or SOURCE]


def preferred(header: str) -> list[str]:
    """Return the languages of the header, the preferred one first."""
    weighted = []
    for part in header.split(",")[:_MOST_TAGS]:
        tag, _, weight = part.partition(";")
        weighted.append((-_weight(weight), tag.strip().replace("-", "_")))
    return [tag for _, tag in sorted(weighted, key=lambda each: each[0])]


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0


def speakers(language: Catalogue) -> dict[str, Callable[..., str]]:
    """The texts of a template in one language: messages, codes, authors, numbers."""

    def label(code: str) -> str:
        return language.translate(labels.label(code))

    def person(who: str) -> str:
        # A person's name stays, even if it is also a message.
        found = labels.actor(who)
        return language.translate(found) if isinstance(found, texts.Text) else found

    def number(value: float, digits: int | None = None) -> str:
        pattern = None if digits is None else f"#,##0.{'0' * digits}"
        return format_decimal(value, format=pattern, locale=language.language)

    return {"_": language.translate, "label": label, "person": person, "number": number}


def table(language: Catalogue) -> dict[str, Any]:
    """Return the translations for the scripts of a page."""
    codes = {code: language.translate(text) for code, text in labels.LABELS.items()}
    return {"messages": language.table(), "labels": codes}
