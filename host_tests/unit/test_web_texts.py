"""Texts for people: every one is marked, has a translation, and a language is one file."""

import ast
import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.core import negotiate_locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from landbridge.core import texts
from landbridge.core.errors import UserError
from landbridge.core.labels import LABELS, actor
from landbridge.core.texts import DOMAIN, FOLDER, _, catalogues, loaded, ngettext, stored
from landbridge.features.alarms import rules as alarms
from landbridge.features.sims import rules as controls
from landbridge.features.updates import queries as releases
from landbridge.features.users.rules import ROLES
from landbridge.protocol.event import SEVERITIES
from landbridge.web import device_views
from landbridge.web.language import preferred

from host_tests.support.fleet import Fleet, Pages
from tools import texts as extraction

AGENT = FOLDER.parent
TEMPLATES = sorted(AGENT.glob("**/templates/*.html"))
SCRIPTS = sorted(AGENT.glob("web/static/*.js"))
CHINESE = FOLDER / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"
NOT_TEXT = {"Landbridge", "ICCID", "EID", "J", "V", "MB", "kB", "m", "h", "d", "UTC"}
"""Names and units that are the same in every language."""
ERRORS = [
    *(file for file in AGENT.glob("web/*.py") if file.name != "listen.py"),  # that one has no page yet
    *AGENT.glob("features/*/page.py"),
    *AGENT.glob("features/*/handler.py"),
    AGENT / "core" / "durations.py",
    AGENT / "features" / "alarms" / "engine.py",
    AGENT / "features" / "integrations" / "rules.py",
    AGENT / "features" / "sharing" / "rules.py",
    *AGENT.glob("features/users/[!bct]*.py"),
    AGENT / "features" / "updates" / "rollout.py",
]
"""Code whose errors a page may show."""


@pytest.fixture(scope="module")
def messages() -> Catalog:
    return extraction.messages()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the catalogues that come with the agent."""
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    return tmp_path


def chinese() -> Catalog:
    with CHINESE.open("rb") as source:
        return read_po(source, locale="zh")


def forms(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(str(each) for each in text)  # type: ignore[attr-defined]


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w*)\}", text))


def test_every_message_is_translated_into_chinese(messages: Catalog):
    have = {each.id: each for each in chinese() if each.id}
    assert {each.id for each in messages if each.id} == set(have)
    assert [each.id for each in have.values() if each.fuzzy or not all(forms(each.string))] == []
    assert len(have) > 400


def test_a_translation_has_the_placeholders_of_its_message():
    for each in chinese():
        wanted = placeholders(forms(each.id)[-1])
        assert all(placeholders(form) == wanted for form in forms(each.string)), each.id


def test_the_loaded_catalogue_equals_the_file():
    loaded_messages = catalogues()["zh"].messages
    for each in chinese():
        if each.id:
            one, *more = forms(each.id)
            got = loaded_messages.ngettext(one, more[0], 2) if more else loaded_messages.gettext(one)
            assert got == forms(each.string)[-1]


def test_a_wheel_has_the_catalogues():
    project = tomllib.loads((AGENT.parents[1] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["landbridge"]
    assert CHINESE in {file for pattern in patterns for file in AGENT.glob(pattern)}


def test_the_catalogue_is_as_its_tool_writes_it(tmp_path: Path):
    copy = tmp_path / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CHINESE.read_bytes())
    extraction.write("zh", tmp_path)
    assert copy.read_bytes() == CHINESE.read_bytes(), "run make texts"


def test_every_message_of_a_script_is_found(messages: Catalog):
    """Also those within template strings."""
    spoken = {each for file in SCRIPTS for each in re.findall(r'\b_\("([^"]+)"', file.read_text())}
    assert len(spoken) > 25 and spoken - {each.id for each in messages} == set()


def test_every_code_that_a_page_shows_has_a_label():
    codes = {"alarm", "silent", "moving", "dwelling", "unlocated", "new", "ended"}
    codes |= {
        *device_views.ALARMS.values(),
        *alarms.RULES,
        *SEVERITIES,
        *controls.RULES,
        *controls.STAGES,
        *ROLES,
    }
    codes |= {"raised", "acknowledged", "cleared", "open", "over", "revoked"}
    codes |= {"bound", "armed", "separated", "rebind pending", releases.RUNNING, releases.FELL_BACK}
    codes |= {
        "temperature-back",
        "heard-again",
        "stop",
        "departure",
        "border",
        "arrival",
        "off-route",
        "gap",
        "dwell",
    }
    codes |= {"enter", "leave", "pass", "return"}
    assert codes - LABELS.keys() == set()


class Literals(HTMLParser):
    """What a template shows without asking a catalogue."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_code = tag == "code"
        shown = ("title", "aria-label", "placeholder", "alt", "data-confirm")
        self.found += [value for name, value in attrs if name in shown and value]

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.found.append(re.sub(r'[\w-]+="[^"]*"', "", data))  # attributes that a macro makes


def literals(template: str) -> set[str]:
    parser = Literals()
    shown = re.sub(r"\{% block kind %\}.*?\{% endblock %\}", "", template)  # a class of the style sheet
    parser.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", " ", shown, flags=re.DOTALL))
    found = {word for text in parser.found for word in re.findall(r"[^\W\d_]+", text)}
    return found - NOT_TEXT


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.name)
def test_a_template_shows_no_text_that_is_not_marked(template: Path):
    assert literals(template.read_text()) == set()


def test_an_unmarked_text_would_be_seen():
    assert literals("<p>{{ _('Kept') }} Send</p>") == {"Send"}
    assert literals('<a title="Close it">{{ x }}</a><code>landbridge tokens</code>') == {"Close", "it"}


def raised(tree: ast.AST) -> Iterator[ast.expr]:
    """The texts that errors are made with."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            place = {"UserError": 0, "HTTPException": 1}.get(each.func.id)
            if place is not None:
                yield each.args[place]


def test_errors_that_a_page_may_show_are_marked():
    unmarked = [
        f"{file.relative_to(AGENT)}:{text.lineno}"
        for file in ERRORS
        for text in raised(ast.parse(file.read_text()))
        if isinstance(text, ast.Constant | ast.JoinedStr)
    ]
    assert unmarked == []


def test_a_text_is_translated_together_with_its_arguments():
    speak = catalogues()["zh"].translate
    assert speak(_("alarm cleared: {alarm}", alarm=LABELS["separation"])) == "解除报警：机卡分离"
    assert speak(_("cancelled by {who}", who=actor("token admin"))) == "由 令牌 admin 取消"
    assert speak(_("cancelled by {who}", who=actor("admin"))) == "由 admin 取消"
    assert speak(actor("token dispatch, roll-out 3")) == "令牌 dispatch，第 3 次发布"
    assert speak("no such message") == "no such message" and speak("") == ""


@pytest.mark.parametrize(
    ("text", "is_word"),
    [
        (_("no device {device}", device="lb-1"), True),
        (
            _("{name} has one secret; `landbridge integrations rotate {name}` makes a new one", name="erp"),
            False,
        ),
        (_("there is a channel {name}; `landbridge notifications remove {name}` ends it", name="x"), True),
        ("https://erp.example is not a URL", False),
        ("'ftp://x' is not one of html, pdf", False),
        ("lb-0001 is not on a trip", False),
        ("refused", True),
        ("", False),
    ],
)
def test_an_error_that_begins_with_a_name_or_an_address_keeps_its_letters(text: str, is_word: bool):
    assert catalogues()["en"].begins_with_word(text) == is_word


def test_a_value_that_looks_like_a_placeholder_stays():
    odd = "{device} %(x)s {0}"
    assert _("no device {device}", device=odd) == f"no device {odd}"
    assert catalogues()["zh"].translate(_("no device {device}", device=odd)) == f"没有设备 {odd}"


def test_a_number_has_its_form():
    def failed(number: int) -> str:
        return ngettext(
            "failed on {failed} of {number} device",
            "failed on {failed} of {number} devices",
            number,
            failed=1,
        )

    assert [failed(1), failed(2)] == ["failed on 1 of 1 device", "failed on 1 of 2 devices"]
    assert catalogues()["zh"].translate(failed(2)) == "2 台设备中 1 台失败"


def test_a_text_in_the_database_is_translated_when_it_is_shown():
    inner = _("profile selected: {name}", name="cis")
    for text in (_("halted: {reason}", reason=inner), ngettext("{number} a", "{number} b", 2), _("applied")):
        again = loaded(stored(text))
        assert again == text
        assert catalogues()["zh"].translate(again) == catalogues()["zh"].translate(text)
    assert stored("typed by a person") == "typed by a person" == loaded("typed by a person")
    assert loaded(stored("[odd] reason")) == "[odd] reason"


def add_language(folder: Path, language: str, *translated: tuple[str, str]) -> Path:
    file = folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    file.parent.mkdir(parents=True)
    catalogue = Catalog(locale=language, fuzzy=False)
    for message, text in translated:
        catalogue.add(message, text)
    with file.open("wb") as target:
        write_po(target, catalogue)
    return file


def test_another_language_is_a_file(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    add_language(folder, "eo", ("Sign in", "[Ŝign in]"))
    with Pages(fleet).served() as pages:
        page = pages.ask("/sign-in", "")[1]
        assert re.search('<a href="[^"]*language=eo" lang="eo">Esperanto</a>', page)
        assert "language=zh" not in page
        page = pages.ask("/sign-in?language=eo", "")[1]
        assert '<html lang="eo"' in page and "<h1>[Ŝign in]</h1>" in page
        assert "Token or password" in page  # what is not translated stays English
    fleet.database.close()


def test_a_language_with_a_region_is_chosen_by_the_browser_s_preference(folder: Path):
    add_language(folder, "pt_BR", ("Sign in", "Entrar"))
    assert catalogues()["pt_BR"].tag == "pt-BR"
    for header, language in (
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt_BR"), ("en;q=0.5, pt-BR;q=0.7", "pt_BR"), ("de, en", "en"),
        ("", None), (";;q=x,,", None),
    ):  # fmt: skip
        assert negotiate_locale(preferred(header), list(catalogues())) == language


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("de", b'msgid "a"\nnonsense\n', "is not a gettext catalogue"),
        ("de", b'msgid "no {a}"\nmsgstr "kein {b}"\n', "line 1: the placeholders of 'kein {b}' must be"),
        ("de", b'msgid "no {a}"\nmsgstr "kein {}"\n', "the placeholders of 'kein {}' must be"),
        ("de", b'msgid "a"\nmsgstr "\xff"\n', "is not a gettext catalogue"),
        ("klingon_long", b"", "is not a language code"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_named(folder: Path, language: str, text: bytes, said: str):
    file = add_language(folder, "de").parents[2] / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)
    with pytest.raises(UserError, match=re.escape(str(file)) + f".*{said}"):
        catalogues()


def test_a_fuzzy_translation_is_not_shown(folder: Path):
    file = add_language(folder, "eo")
    catalogue = Catalog(locale="eo", fuzzy=False)
    catalogue["Sign in"] = Message("Sign in", "old", flags=["fuzzy"])
    with file.open("wb") as target:
        write_po(target, catalogue)
    assert catalogues()["eo"].translate("Sign in") == "Sign in"
