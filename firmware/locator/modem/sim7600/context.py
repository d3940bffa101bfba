"""The end of a SIM7600's PDP context. Imported only where a connection fails."""


def give_up(driver, limit_ms):
    """End the context and whatever runs over it."""
    driver.mqtt_close()
    if driver.accepts(b"+NETCLOSE", limit_ms):
        driver.channel.wait(b"+NETCLOSE:", limit_ms)
    driver.accepts(b"+CGACT=0,1", limit_ms)
