"""The neighbour cells of a BG95 (Quectel QuecCell V1.0, +QENG)."""

from locator.modem import parse


def cell(line):
    """One line of +QENG="neighbourcell" without its prefix; None for anything else.

    `"neighbourcell intra" | "neighbourcell inter",<technology>,<channel>,<PCI>,<RSRQ>,<RSRP>,...` (RSRQ comes
    first, unlike in the line of the serving cell) or `"neighbourcell","GSM",<MCC>,<MNC>,<LAC>,<cell>,
    <BSIC>,<channel>,<RXLEV>,...`
    """
    parts = parse.fields(line)
    if len(parts) < 6 or not parts[0].startswith(b"neighbourcell"):
        return None
    if parts[1] == b"GSM":
        if len(parts) < 9:
            return None
        mcc, mnc, channel, bsic, level = (parse.integer(parts[i]) for i in (2, 3, 7, 6, 8))
        if None in (mcc, mnc, channel, bsic, level):
            return None
        return (b"GSM", 1000 * mcc + mnc, channel, bsic, level)
    channel, pci, rsrp = (parse.integer(parts[i]) for i in (2, 3, 5))
    if None in (channel, pci, rsrp) or rsrp >= 0:
        return None
    return (parts[1], 0, channel, pci, rsrp)
