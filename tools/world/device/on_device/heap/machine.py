"""Stands for MicroPython's `machine` where memory is measured: its names, which the ESP32 has in flash."""

NAMES = (
    "ADC", "ATTN_11DB", "EXT1_WAKE", "I2C", "IN", "OUT", "RTC", "UART", "WDT", "atten", "deepsleep", "deinit",
    "feed", "freq", "hold", "init", "lightsleep", "memory", "read_uv", "readfrom_mem", "readfrom_mem_into",
    "reset", "reset_cause", "rx", "rxbuf", "scl", "sda", "timeout", "timeout_char", "tx", "value",
    "wake_reason", "writeto_mem",
)  # fmt: skip


class Pin:
    """A pin."""
