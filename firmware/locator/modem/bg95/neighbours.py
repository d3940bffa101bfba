"""The neighbour cells of a BG95 (Quectel QuecCell V1.0, +QENG)."""

from locator.modem import parse


def cell(line):
    """One line of +QENG="neighbourcell" without its prefix; None for anything else.

    `"neighbourcell intra" | "neighbourcell inter",<technology>,<channel>,<PCI>,<RSRQ>,<RSRP>,...` (RSRQ comes
    first, unlike in the line of the serving cell) or `"neighbourcell","GSM",<MCC>,<MNC>,<LAC>,<cell>,
    <BSIC>,<channel>,<RXLEV>,...`
    """
    parts = parse.fields(line)
    is_gsm = b"GSM" in parts[1:2]
    places = (2, 3, 7, 6, 8) if is_gsm else (2, 3, 5)
    if len(parts) <= max(places) or not parts[0].startswith(b"neighbourcell"):
        return None
    numbers = [parse.integer(parts[i]) for i in places]
    if None in numbers or (numbers[-1] >= 0 and not is_gsm):
        return None
    plmn = 1000 * numbers.pop(0) + numbers.pop(0) if is_gsm else 0
    return (parts[1], plmn) + tuple(numbers)
