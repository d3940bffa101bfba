"""Processing times of a card, in milliseconds in addition to the exchange of an APDU [C].

Chosen so that 15 and 40 kB take 13 to 26 s and 30 to 89 s with the exchanges, as an FM350 has shown it.
"""

from __future__ import annotations

VERIFY_MS = 400
SIGN_MS = 300
KEYS_MS = 900
"""Verify, agree and derive."""
SEGMENT_MS = 250
INSTALL_MS = 2_500
SLOW_MS = 89_000
"""How long the last segment took in the field (lpac PR 448)."""
