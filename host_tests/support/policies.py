"""Profile policies as operators write them, and what a device reports of its card."""

from __future__ import annotations

from typing import Any

from locator.esim import iccid_bytes

NOW_S = 850_000_000
ROAMING, CIS = "8931440400012345678", "8970101000000000012"


TEXT = f"""
fallback = "roaming"
[profile.roaming]
iccid = "{ROAMING}"
apn = "iot.example"
[profile.cis]
iccid = "{CIS}"
apn = "cis.example"
user = "u"
password = "p"
[countries]
401 = ["cis"]
250 = ["cis", "roaming"]
elsewhere = ["roaming"]
"""


def report(revision: int, used: int = 1, stage: int = 0, events: Any = ()) -> list[Any]:
    on_card = [[iccid_bytes(CIS), 2]]
    return [revision, 1, "89049032123451234512345678901235", used, stage, on_card, list(events)]


POLICY = """
fallback = "roaming"
[profile.roaming]
iccid = "8931440400012345678"
apn = "iot.example"
quota_mb = 20
[profile.cis]
iccid = "8970101000000000012"
apn = "cis.example"
[countries]
401 = ["cis", "roaming"]
elsewhere = ["roaming"]
"""
