"""Stands for MicroPython's `esp32` where only memory is measured: its names, which the ESP32 has in flash."""

NAMES = (
    "NVS", "Partition", "WAKEUP_ANY_HIGH", "commit", "get_blob", "mark_app_valid_cancel_rollback", "set_blob",
    "wake_on_ext1",
)  # fmt: skip
