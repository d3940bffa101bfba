"""Sign-in by OpenID Connect, against a provider in this process that signs its tokens, rightly or not."""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from landbridge import config_file
from landbridge.config import Config, Openid, Store, Web
from landbridge.core.clock import CLOCK_FILE_VARIABLE, unix_s
from landbridge.core.errors import UserError
from landbridge.features.audit import queries as audit
from landbridge.features.users import openid
from landbridge.features.users import people as users
from landbridge.features.users.queries import people
from landbridge.web.api import LARGEST

from host_tests.support.agent import set_clock
from host_tests.support.fleet import NOW_S, Fleet, Pages
from host_tests.support.openid import CLIENT, SECRET, Provider
from host_tests.support.people import Got, Visitor, add_user, said

PUBLIC: list[bytes] = []
BACK = openid.BACK_PATH


class Place:
    """A fleet with pages that trust a provider."""

    def __init__(self, folder: Path, provider: Provider, **settings: Any) -> None:
        self.provider, self.fleet = provider, Fleet(folder)
        self.database = self.fleet.database
        named = Openid(provider.issuer, CLIENT, SECRET, **settings)
        store = Store(database=self.database.place, key_file=str(folder / "landbridge.key"))
        self.config = replace(Config(), openid=named, store=store, web=Web(url="https://fleet.example/"))
        self.pages = Pages(self.fleet, self.config)

    def visitor(self) -> Visitor:
        return Visitor(self.pages.url)

    def enter(self, visitor: Visitor, after: str = "/") -> Got:
        """Sign in by the provider."""
        begun = visitor.get(f"/sign-in/openid?after={after}")
        assert begun.status == 303, said(begun)
        return visitor.get(self.provider.authorize(begun.location))

    def known(self, name: str, subject: str = "u-1", role: str = "reader") -> None:
        """A user who has signed in by the provider before."""
        add_user(self.database, name, role=role)
        with self.database.writing() as connection:
            row = people.named(connection, name)
            assert row is not None
            people.change(connection, row.user, subject=f"{self.provider.issuer} {subject}")

    def row(self, name: str) -> Any:
        with self.database.reading() as connection:
            return people.named(connection, name)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The clock stands still."""
    folder = tmp_path_factory.mktemp("clock")
    with pytest.MonkeyPatch.context() as environment:
        set_clock(folder / "clock", NOW_S)
        environment.setenv(CLOCK_FILE_VARIABLE, str(folder / "clock"))
        yield folder


@pytest.fixture(scope="module")
def invited_only(provider: Provider, fixed: Path) -> Iterator[Place]:
    """Who was not invited stays out; anna has been here."""
    made = Place(fixed, provider)
    made.known("anna")
    with made.pages.served():
        yield made
    made.database.close()


@pytest.fixture
def place(invited_only: Place, provider: Provider) -> Place:
    provider.usual()
    return invited_only


@pytest.fixture
def by_claims(tmp_path: Path, provider: Provider, fixed: Path) -> Iterator[Place]:
    """Everybody comes in, with role and tenant as the provider says."""
    provider.usual()
    made = Place(
        tmp_path, provider, new_users=True, role_claim="groups", tenant_claim="org", operator_tenant="us"
    )
    with made.pages.served():
        yield made
    made.database.close()


def test_a_known_user_signs_in(place: Place):
    anna = place.visitor()
    entered = place.enter(anna, "/alarms")
    # The cookie is strict: it comes along only if our own page leads on.
    assert entered.status == 200 and 'content="0; url=/alarms"' in entered.text
    assert "samesite=strict" in entered.cookies["landbridge"].lower()
    assert "landbridge-openid" not in anna.cookies
    assert anna.get("/").status == 200
    (session,) = json.loads(anna.get("/v1/users/anna/sessions").text)["sessions"]
    assert session["means"] == "openid"
    begun = place.visitor().get("/sign-in/openid")
    cookie = begun.cookies["landbridge-openid"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/sign-in/openid" in cookie
    asked = parse_qs(urlsplit(begun.location).query)
    assert asked["redirect_uri"] == [f"https://fleet.example{BACK}"]
    assert not {*asked["state"], *asked["nonce"]} & {cookie}


def other_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))


def without_signature(claims: dict[str, Any]) -> str:
    parts = (json.dumps({"alg": "none"}), json.dumps(claims))
    return ".".join(_packed(each.encode()) for each in parts) + "."


def by_client_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET * 3), algorithms=["HS256"])


def by_public_key(claims: dict[str, Any]) -> str:
    """As if the public key were a secret: known of careless libraries."""
    parts = (json.dumps({"alg": "HS256", "kid": "one"}), json.dumps(claims))
    signed = ".".join(_packed(each.encode()) for each in parts)
    return f"{signed}.{_packed(hmac.digest(PUBLIC[0], signed.encode(), 'sha256'))}"


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_curve(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256", "kid": "one"}, claims, ECKey.generate_key("P-256"))


@pytest.mark.parametrize(
    "sign", [other_key, without_signature, by_client_secret, by_public_key, by_curve, str]
)
def test_a_token_that_the_provider_did_not_sign_is_refused(place: Place, sign: Any):
    place.provider.sign = sign
    PUBLIC[:] = [place.provider.key.as_pem(private=False)]
    visitor = place.visitor()
    refused = place.enter(visitor)
    assert refused.status == 400 and "is not signed by the sign-in service" in said_of(refused)
    assert "landbridge" not in visitor.cookies


NOW = unix_s(NOW_S)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.example"}, "it comes from another issuer"),
        ({"iss": None}, "it comes from another issuer"),
        ({"aud": "another"}, "it was issued for another client"),
        ({"aud": ["another", "third"]}, "it was issued for another client"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "it was issued for another client"),
        ({"aud": None}, "it was issued for another client"),
        ({"exp": NOW - 61}, "has expired"),
        ({"exp": None}, "the claim exp is wrong"),
        ({"exp": "soon"}, "the claim exp is wrong"),
        ({"iat": NOW + 3600}, "it is dated in the future"),
        ({"nbf": NOW + 3600}, "it is dated in the future"),
        ({"nonce": "of another sign-in"}, "it belongs to another sign-in"),
        ({"nonce": None}, "it belongs to another sign-in"),
        ({"sub": None}, "the claim sub is wrong"),
        ({"sub": 7}, "the claim sub is wrong"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(place: Place, changes: dict[str, Any], why: str):
    place.provider.changes = changes
    visitor = place.visitor()
    refused = place.enter(visitor)
    assert refused.status == 400 and why in said_of(refused)
    assert "landbridge" not in visitor.cookies


def said_of(got: Got) -> str:
    """All words of a page that says why."""
    return unescape(re.sub(r"<[^>]+>|\s+", " ", got.text[got.text.index("<main") :]))


def test_several_audiences_are_right_if_this_client_is_one(place: Place):
    place.provider.changes = {"aud": ["another", CLIENT], "azp": CLIENT, "exp": NOW - 59}
    assert place.enter(place.visitor()).status == 200


def test_an_answer_belongs_to_the_browser_that_asked(place: Place):
    mine, theirs = place.visitor(), place.visitor()
    back = place.provider.authorize(theirs.get("/sign-in/openid").location)
    # A response for another browser is refused, with or without a sign-in in progress.
    assert "started in another browser" in said_of(mine.get(back))
    mine.get("/sign-in/openid")
    assert "started in another browser" in said_of(mine.get(back))
    assert "landbridge" not in mine.cookies
    kept = dict(theirs.cookies)
    assert theirs.get(back).status == 200
    # The same answer, once more, with the same cookie.
    again = place.visitor()
    again.cookies = kept
    refused = again.get(back)
    assert refused.status == 400 and "refused: invalid_grant" in said_of(refused)


def test_a_token_of_an_earlier_sign_in_is_refused(place: Place):
    kept: list[str] = []

    def keep(claims: dict[str, Any]) -> str:
        kept.append(place.provider.signed(claims))
        return kept[0]

    place.provider.sign = keep
    assert place.enter(place.visitor()).status == 200
    replayed = place.enter(place.visitor())
    assert replayed.status == 400 and "belongs to another sign-in" in said_of(replayed)


@pytest.mark.parametrize(
    ("query", "why"),
    [("error=access_denied", "refused: access_denied"), ("error=<b>x", "refused: <b>x"), ("", "refused: ?"),
     ("code=none", "refused: invalid_grant")],
)  # fmt: skip
def test_a_refusal_of_the_provider_is_reported(place: Place, query: str, why: str):
    visitor = place.visitor()
    state = parse_qs(urlsplit(visitor.get("/sign-in/openid").location).query)["state"][0]
    refused = visitor.get(f"{BACK}?state={state}&{query}")
    assert refused.status == 400 and why in unescape(said_of(refused).replace("&lt;", "<"))
    assert "<b>" not in refused.text


def test_a_provider_that_is_not_there_or_another_is_reported(place: Place):
    place.provider.document = {"issuer": "https://another.example"}
    refused = place.visitor().get("/sign-in/openid")
    assert refused.status == 400 and "calls itself https://another.example" in said_of(refused)
    place.provider.document = {"jwks_uri": "http://keys.example/keys"}
    assert "no addresses with https://" in said_of(place.visitor().get("/sign-in/openid"))
    with pytest.raises(UserError, match="gave no usable answer"):
        gone = replace(place.config.openid, issuer="http://127.0.0.1:9")
        openid.found(replace(place.config, openid=gone))
    place.provider.usual()
    assert openid.found(place.config).token == f"{place.provider.issuer}/token"


def test_a_person_without_an_invitation_stays_out(place: Place):
    place.provider.account = {"sub": "stranger", "preferred_username": "anna", "email": "anna@example.org"}
    visitor = place.visitor()
    refused = place.enter(visitor)
    assert refused.status == 400 and "ask an administrator for an invitation" in said_of(refused)
    assert "landbridge" not in visitor.cookies


def test_an_invitation_binds_an_account_once(place: Place):
    with place.database.writing() as connection:
        invited = users.add(connection, "berta", "operator", "acme", "", "bench", NOW_S)
        later = users.add(connection, "carla", "operator", "acme", "", "bench", NOW_S)
    place.provider.account = {"sub": "u-2"}
    berta = place.visitor()
    assert "OpenID Connect" in berta.get("/invitation").text
    assert berta.post("/invitation/openid", token="wrong").status == 400
    onward = berta.post("/invitation/openid", token=invited.secret)
    assert onward.status == 200 and invited.secret not in onward.text
    address = unescape(re.findall(r'content="0; url=([^"]+)"', onward.text)[0])
    assert berta.get(place.provider.authorize(address)).status == 200
    shown = json.loads(berta.get("/v1/users/berta").text)
    assert (shown["openid"], shown["password"], shown["tenant"]) == (True, False, "acme")
    with place.database.reading() as connection:
        said = [row.what for row in audit.newest(connection, LARGEST, 5) if row.who == "user berta"]
    assert len(said) == 1 and "signs in by OpenID Connect from now on" in said[0]
    assert place.enter(place.visitor()).status == 200
    # Used up; and an account that has a user gets no second one.
    other = place.visitor()
    other.get("/invitation")
    assert other.post("/invitation/openid", token=invited.secret).status == 400
    onward = other.post("/invitation/openid", token=later.secret)
    address = unescape(re.findall(r'content="0; url=([^"]+)"', onward.text)[0])
    other.get(place.provider.authorize(address))
    assert place.row("carla").subject is None
    assert json.loads(other.get("/v1/users/berta").text)["user"] == "berta"


def test_a_disabled_user_stays_out_and_an_ended_one_is_unknown(place: Place):
    place.known("dora", "u-4")
    place.provider.account = {"sub": "u-4"}
    with place.database.writing() as connection:
        row = people.named(connection, "dora")
        assert row is not None
        users.disable(connection, row, "bench", NOW_S)
    assert "is disabled" in said_of(place.enter(place.visitor()))
    with place.database.writing() as connection:
        users.remove(connection, row, "bench", NOW_S)
    assert "ask an administrator for an invitation" in said_of(place.enter(place.visitor()))


def test_role_and_tenant_follow_the_claims(by_claims: Place):
    provider = by_claims.provider
    provider.account = {"sub": "u-9", "preferred_username": "Eva.Maier@x", "groups": ["a", "admin", "reader"]}
    assert "no usable claim org" in said_of(by_claims.enter(by_claims.visitor()))
    provider.account["org"] = "acme"
    eva = by_claims.visitor()
    assert by_claims.enter(eva).status == 200
    row = by_claims.row("eva-maier")
    assert (row.role, row.tenant) == ("admin", "acme")
    provider.account |= {"groups": "operator", "org": ["us"]}
    assert by_claims.enter(by_claims.visitor()).status == 200
    row = by_claims.row("eva-maier")
    assert (row.role, row.tenant) == ("operator", None)
    assert eva.get("/users").status == 403  # at once, in her other browser too
    for claims in (
        {"groups": ["root"]},
        {"groups": None},
        {"groups": {"admin": 1}},
        {"org": "operator"},
        {"org": ""},
    ):
        provider.changes = claims
        assert by_claims.enter(by_claims.visitor()).status == 400, claims
    provider.changes = {"sub": "u-10"}
    assert by_claims.enter(by_claims.visitor()).status == 200
    assert by_claims.row("eva-maier-2").role == "operator"


def test_no_secret_is_logged(place: Place, caplog: pytest.LogCaptureFixture):
    caplog.set_level(0)
    visitor = place.visitor()
    visitor.get("/sign-in/openid")
    kept = visitor.cookies["landbridge-openid"]
    assert place.enter(visitor).status == 200
    text = caplog.text
    for each in (kept, SECRET, visitor.cookies["landbridge"], "id_token"):
        assert each not in text


def test_without_a_provider_nothing_offers_it(tmp_path: Path, fixed: Path):
    fleet = Fleet(tmp_path)
    with Pages(fleet).served() as pages:
        visitor = Visitor(pages.url)
        assert "/openid" not in visitor.get("/sign-in").text + visitor.get("/invitation").text
        assert visitor.get("/sign-in/openid").status == visitor.get(BACK).status == 404
    fleet.database.close()


@pytest.mark.parametrize("claim", ["", 'role_claim = "groups"', 'tenant_claim = "org"'])
def test_everybody_with_an_account_does_not_get_the_whole_fleet(
    claim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "landbridge.toml"
    file.write_text(f'[openid]\nissuer = "https://login.example"\nnew_users = true\n{claim}\n')
    monkeypatch.setenv(config_file.FILE_VARIABLE, str(file))
    if claim:
        assert config_file.load().openid.new_users
        return
    with pytest.raises(UserError, match=r"\[openid\] new_users = true .* role_claim or tenant_claim"):
        config_file.load()
