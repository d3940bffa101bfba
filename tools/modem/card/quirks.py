"""Quirks of eUICCs in the field, by name."""

from __future__ import annotations

QUIRKS = {
    "aid-only": "profiles are found by their AID only",
    "no-refresh": "enabling with the refresh flag is an undefined error",
    "cat-busy": "enabling with the refresh flag is refused as busy until the card was reset once",
    "factory": "after each cold reset the first profile is enabled",
    "refresh-lost": "a loss of power before the REFRESH undoes the switch",
    "fetch-pending": "the answer that asks for a REFRESH ends with 910B",
    "default-class": "the class of an operational profile, which is the default, is left out",
    "es10c": "an IoT eUICC enables, disables and deletes profiles without a signature, too",
    "isdr-slow": "after each reset the ISD-R cannot be opened for five tries",
    "get-response": "every answer has to be fetched by GET RESPONSE",
    "blocks-120": "a block of STORE DATA has at most 120 bytes",
    "segments-1020": "a segment of a profile may have 1,020 bytes, also with its padding",
    "answer-lost": "the last segment of a profile is never answered, though the profile is there",
    "load-slow": "the last segment of a profile takes 89 seconds",
    "load-iccid": "every profile is there already (reason 9)",
    "load-memory": "no profile has room (reason 10)",
    "load-interrupted": "every load is interrupted (reason 11)",
}
