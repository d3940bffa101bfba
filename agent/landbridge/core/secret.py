"""Secrets that open something over HTTP: shown once, kept as a hash."""

import hashlib
import secrets


def make() -> tuple[str, str]:
    """A new secret of 256 bits, and its hash."""
    secret = secrets.token_urlsafe(32)
    return secret, hashed(secret)


def hashed(secret: str) -> str:
    """SHA-256: a secret of 256 bits cannot be found from a copy of the database."""
    return hashlib.sha256(secret.encode()).hexdigest()
