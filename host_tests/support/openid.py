"""A provider of OpenID Connect in this process."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from landbridge.core.clock import unix_s

from host_tests.support.fleet import NOW_S
from host_tests.support.http_server import Request, Serving

CLIENT, SECRET = "landbridge", "of-the-client"


class Provider(Serving):
    """As strict as the standard: a code works once, for the client, the address and the verifier that it was
    made for. A test may change what it says."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        """`host` names it in the browser."""
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.account: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}
        """Of the claims; None takes one away."""
        self.sign = self.signed
        self.document: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(Request):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.path == "/.well-known/openid-configuration":
                    return self._answer(200, outer.described() | outer.document)
                if self.path == "/keys":
                    return self._answer(200, {"keys": [outer.key.as_dict(private=False)]})
                if self.path.startswith("/authorize?"):  # a browser, whose user agrees at once
                    address = outer.authorize(outer.issuer + self.path, whole=True)
                    return self.reply(302, headers={"Location": address})
                return self._answer(404, {})

            def do_POST(self) -> None:
                asked = dict(parse_qsl(self.body().decode()))
                self._answer(*outer.token(asked, self.headers.get("authorization", "")))

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                self.reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

        super().__init__(Handler)
        self.issuer = f"http://{host}:{self.port}"

    def usual(self) -> None:
        """Say what is right again."""
        self.account, self.changes, self.document, self.sign = {"sub": "u-1"}, {}, {}, self.signed

    def described(self) -> dict[str, Any]:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {name: f"{self.issuer}/{leaf}" for name, leaf in names.items()}

    def authorize(self, address: str, whole: bool = False) -> str:
        """Sign a user in; return the address to go back to, with the host if `whole`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.issuer}/authorize?")
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        back = asked["redirect_uri"] if whole else urlsplit(asked["redirect_uri"]).path
        return f"{back}?code={code}&state={asked['state']}"

    def token(self, given: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code."""
        asked = self.codes.pop(given.get("code", ""), None)
        basic = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if basic != f"{CLIENT}:{SECRET}":
            return 401, {"error": "invalid_client"}
        if asked is None or asked["redirect_uri"] != given.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = unix_s(NOW_S)
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]
        } | self.account | self.changes  # fmt: skip
        token = self.sign({name: value for name, value in claims.items() if value is not None})
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": token}

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
