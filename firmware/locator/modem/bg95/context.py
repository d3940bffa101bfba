"""The end of a BG95's PDP context. Imported only where a connection fails."""


def give_up(driver, limit_ms):
    """End the context and whatever runs over it."""
    driver.accepts(b"+QIDEACT=1", limit_ms)
