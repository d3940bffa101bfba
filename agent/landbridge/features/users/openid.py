"""Sign-in by OpenID Connect 1.0: code flow with PKCE, state and nonce, which are derived from a secret that
only the browser has."""

import hashlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from landbridge.config import Config, Openid, base_url
from landbridge.core.clock import unix_s
from landbridge.core.errors import UserError
from landbridge.core.texts import _

BACK_PATH = "/sign-in/openid/back"
_TIMEOUT_S = 10
_MOST_BYTES = 1 << 20
_LEEWAY_S = 60
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that the provider alone has."""
_ON_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Secrets(NamedTuple):
    """The secrets that bind an answer to the browser that asked."""

    state: str
    nonce: str
    verifier: str


def secrets_of(kept: str) -> Secrets:
    """Return those of the secret that the browser keeps; none of them reveals it, or another one."""
    return Secrets(*(hashlib.sha256(f"{name} {kept}".encode()).hexdigest() for name in Secrets._fields))


@dataclass(frozen=True)
class Provider:
    """The provider, as its own document describes it."""

    settings: Openid
    redirect: str
    authorization: str
    token: str
    keys: str
    method: str

    def address(self, kept: str) -> str:
        """Return where a browser signs in."""
        mine = secrets_of(kept)
        with self._session() as session:
            address, _state = session.create_authorization_url(
                self.authorization, state=mine.state, nonce=mine.nonce, code_verifier=mine.verifier
            )
        return str(address)

    def claims(self, kept: str, answer: Mapping[str, str], now_s: int) -> dict[str, Any]:
        """Return the claims of the ID token that the provider's `answer` gives. `UserError`
        says which check failed."""
        mine = secrets_of(kept)
        if not kept or answer.get("state") != mine.state:
            raise UserError(_("this sign-in has expired, or was started in another browser; start again"))
        if "code" not in answer:
            why = answer.get("error", "?")
            raise UserError(_("the sign-in service refused: {why}; start again", why=_short(why)))
        with self._session() as session:
            try:
                got = session.fetch_token(
                    self.token, grant_type="authorization_code", code=answer["code"],
                    code_verifier=mine.verifier, timeout=_TIMEOUT_S, allow_redirects=False,
                )  # fmt: skip
            except OAuthError as error:
                why = _short(error.error or "?")
                raise UserError(_("the sign-in service refused: {why}; start again", why=why)) from None
            except (RequestException, ValueError):
                raise _silent(self.settings.issuer) from None
            keys = _document(session, self.settings.issuer, self.keys)
        if not isinstance(token := got.get("id_token"), str):
            raise UserError(_("the sign-in service sent no ID token; add openid to [openid] scope"))
        return self._checked(token, keys, mine.nonce, now_s)

    def _checked(self, token: str, keys: Any, nonce: str, now_s: int) -> dict[str, Any]:
        """Return the claims of `token` after all checks of OpenID Connect Core 1.0, 3.1.3.7."""
        try:
            found = jwt.decode(token, KeySet.import_key_set(keys), algorithms=list(_ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError, KeyError):
            raise UserError(_("the ID token is not signed by the sign-in service; start again")) from None
        wanted = jwt.JWTClaimsRegistry(
            now=unix_s(now_s),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            azp={"value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            wanted.validate(found)
        except ExpiredTokenError:
            raise UserError(
                _("the ID token has expired; start again, and compare the clocks of both servers")
            ) from None
        except ClaimError as error:
            why = _WRONG_CLAIMS.get(error.claim, _("the claim {claim} is wrong", claim=_short(error.claim)))
            raise UserError(_("the ID token is refused: {why}; start again", why=why)) from None
        return found

    def _session(self) -> OAuth2Session:
        return _session(
            self.settings,
            scope=self.settings.scope,
            redirect_uri=self.redirect,
            code_challenge_method="S256",
            token_endpoint_auth_method=self.method,
        )


_WRONG_CLAIMS = {
    "iss": _("it comes from another issuer"),
    "aud": _("it was issued for another client"),
    "azp": _("it was issued for another client"),
    "nonce": _("it belongs to another sign-in"),
    "iat": _("it is dated in the future"),
    "nbf": _("it is dated in the future"),
}


def found(config: Config) -> Provider:
    """Return the provider of [openid]; `UserError` if it does not answer as it should."""
    settings = config.openid
    with _session(settings) as session:
        issuer = settings.issuer.removesuffix("/")
        it = _document(session, settings.issuer, f"{issuer}/.well-known/openid-configuration")
    if it.get("issuer") != settings.issuer:
        name = _short(str(it.get("issuer")))
        raise UserError(_("the sign-in service calls itself {name}; correct [openid] issuer", name=name))
    named = (it.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"))
    addresses = [each for each in named if isinstance(each, str) and _is_safe(each)]
    if len(addresses) != 3:
        raise UserError(_("the sign-in service names no addresses with https://; correct [openid] issuer"))
    known = it.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    basic = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
    method = basic if settings.client_secret else "none"
    authorization, token, keys = addresses
    return Provider(settings, base_url(config.web) + BACK_PATH, authorization, token, keys, method)


def _session(settings: Openid, **more: Any) -> OAuth2Session:
    session = OAuth2Session(settings.client_id, settings.client_secret or None, **more)
    session.trust_env = False  # no proxy, no .netrc: secrets go only where the operator has said
    paths = ssl.get_default_verify_paths()
    session.verify = settings.ca_file or paths.cafile or paths.capath or True
    return session


def _document(session: OAuth2Session, issuer: str, address: str) -> dict[str, Any]:
    """Return a JSON object of the provider; `UserError` if there is none."""
    try:
        with session.get(
            address, timeout=_TIMEOUT_S, allow_redirects=False, stream=True, withhold_token=True
        ) as answer:
            answer.raise_for_status()
            content = answer.raw.read(_MOST_BYTES, decode_content=True)
            it = json.loads(content) if answer.status_code == 200 else None
    except (RequestException, OSError, ValueError):
        raise _silent(issuer) from None
    if not isinstance(it, dict):
        raise _silent(issuer)
    return it


def _silent(issuer: str) -> UserError:
    host = urlsplit(issuer).hostname or issuer
    return UserError(_("the sign-in service {host} gave no usable answer; try again later", host=host))


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _ON_THIS_MACHINE)


def _short(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:100])
