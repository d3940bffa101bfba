"""The SIM toolkit of a BG95: no manual tells, tried is what its kin has (AT+QSTKGI)."""

MENU = (b"+QSTKGI=37", b"+QSTKGI:")
CHOOSE = b"+QSTKRSP=37,0,%d"
END = b"+QSTKRSP=254"
