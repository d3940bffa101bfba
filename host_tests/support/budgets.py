"""The budgets of the device that docs/reference/budgets.md lists and tests demand."""

LINES = 3_200
SLOT_BYTES = 152 * 1024
# Blocks of LittleFS in the OTA layout.
SLOT_BLOCKS = 40
RECORDS_A_DAY = 96
MOST_ERASES = 10_000
JOURNEY_DAYS = 45
