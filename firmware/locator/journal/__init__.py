"""The journal: records in flash, acknowledgements, numbers that are never used twice, RTC memory."""
