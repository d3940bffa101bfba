"""Secrets that open something over HTTP: shown once, kept as a hash."""

import hashlib
import secrets


def make() -> tuple[str, str]:
    """A new secret of 256 bits, and its hash."""
    secret = secrets.token_urlsafe(32)
    return secret, hashed(secret)


def hashed(secret: str) -> str:
    """SHA-256: whoever has a copy of the database cannot find a secret of 256 bits from it."""
    return hashlib.sha256(secret.encode()).hexdigest()
