"""The SIM toolkit of a SIM7600 (AT manual V3.00, AT+STGI and AT+STGR)."""

MENU = (b"+STGI=25", b"+STGI:")
CHOOSE = b"+STGR=25,%d"
END = b"+STGR=81"
