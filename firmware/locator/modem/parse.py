"""Pure parsers of reply lines (bytes without prefix) into integers. They return None for what they
cannot read; nothing here raises on any input."""


def fields(line):
    """Split at commas outside quotes, blanks and quotes removed: b'1,"a,b",2' -> [b'1', b'a,b', b'2']."""
    out = []
    start = 0
    quoted = False
    for i in range(len(line) + 1):
        if i < len(line) and line[i] == 34:
            quoted = not quoted
        elif i == len(line) or (line[i] == 44 and not quoted):
            out.append(line[start:i].strip().strip(b'"'))
            start = i + 1
    return out


def integer(text, base=10):
    """The integer in `text`, None when it is not one."""
    try:
        return int(text, base)
    except ValueError:
        return None


def last_integer(line):
    """The last field of a line as an integer, -1 when it is not one: `+CME ERROR: 30`, `+QMTSTAT: 0,2`."""
    number = integer(fields(line)[-1].rpartition(b":")[2].strip())
    return -1 if number is None else number


def decimal(text, places):
    """`text` (like b"-12.345") as an integer of 10**-places, rounded to the nearest; None if none."""
    negative = text.startswith(b"-")
    if negative:
        text = text[1:]
    whole, _, part = text.partition(b".")
    if not whole.isdigit() or (part and not part.isdigit()):
        return None
    value = int(whole)
    for i in range(places):
        value = value * 10 + (part[i] - 48 if i < len(part) else 0)
    if places < len(part) and part[places] >= 53:
        value += 1
    return -value if negative else value


def rounded(value, divisor):
    """`value / divisor` to the nearest integer, halves away from zero."""
    half = divisor // 2
    return (value + half) // divisor if value >= 0 else -((-value + half) // divisor)


def days(year, month, day):
    """Days since 2000-01-01 of a date of the Gregorian calendar (year 2000 to 2099)."""
    before = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)[month - 1]
    leaps = (year - 2000 + 3) // 4 + (1 if month > 2 and year % 4 == 0 else 0)
    return 365 * (year - 2000) + leaps + before + day - 1


def network_clock(line):
    """Epoch seconds UTC of `"20/06/02,01:47:33+32"` (zone in quarter hours); None before 2026:
    a modem that has not heard the time answers 1970, 1980 or 2004."""
    text = line.strip().strip(b'"')
    numbers = [integer(text[i : i + 2]) for i in (0, 3, 6, 9, 12, 15)]
    zone = integer(text[17:20])
    if None in numbers or zone is None:
        return None
    year, month, day, hour, minute, second = numbers
    clock = 10000 * hour + 100 * minute + second
    if not plausible(year, month, day, clock):
        return None
    return seconds(2000 + year, month, day, clock) - 900 * zone


def registration(line, read):
    """(stat, reject cause or 0) of a +CREG/+CGREG/+CEREG line; `read`: the answer to a question,
    which has the field <n> in front. None when it is the other kind."""
    parts = fields(line)
    if read:
        if len(parts) < 2 or line.split(b",")[1].strip().startswith(b'"'):
            return None
        parts = parts[1:]
    stat = integer(parts[0])
    if stat is None:
        return None
    cause = integer(parts[5]) if len(parts) > 5 and parts[4] == b"0" else 0
    return stat, cause or 0


def supply_mv(line):
    """Millivolts of +CBC: `3.591V`, or `<charging>,<percent>,<mV>`. None when it does not say."""
    text = fields(line)[-1]
    return decimal(text[:-1], 3) if text.endswith(b"V") else integer(text)


def plausible(year, month, day, hhmmss):
    """Whether the device can be in use in that two-digit year, and there is such a day and such a time of
    day."""
    minute, second = hhmmss // 100 % 100, hhmmss % 100
    is_day = 26 <= year < 68 and 1 <= month <= 12 and 1 <= day <= 31
    return is_day and 0 <= hhmmss < 240000 and minute < 60 and second <= 60


def seconds(year, month, day, hhmmss):
    """Epoch seconds of a date and a time of day like 235959."""
    of_day = 3600 * (hhmmss // 10000) + 60 * (hhmmss // 100 % 100) + hhmmss % 100
    return 86400 * days(year, month, day) + of_day
