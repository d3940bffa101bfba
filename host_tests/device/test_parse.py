"""Reply parsers against tables of real modem output (manuals and field logs)."""

from locator.modem import gnss, parse

REGISTRATION = (
    # line, as an answer, as an unsolicited line
    (b"0,1", (1, 0), (0, 0)),
    (b'2,5,"1A2D","01A2D001",8', (5, 0), None),
    (b'5,"1A2D","01A2D001",8', None, (5, 0)),
    (b'4,3,"0","0",8,0,11', (3, 11), None),
    (b'4,5,"4E31","B0DD811",8,,,"00000010","00100001"', (5, 0), None),
    (b"2,2", (2, 0), (2, 0)),
    (b"", None, None),
    (b"x,y", None, None),
)
CLOCKS = (
    (b'"26/06/02,01:47:33+32"', 833651253),
    (b'"26/01/01,00:00:00-20"', 820540800 + 20 * 900),
    (b'"80/01/06,00:01:09+00"', None),
    (b'"04/01/01,00:00:00+00"', None),
    (b'"26/06/00,01:47:33+32"', None),
    (b'"26/06/02,24:47:33+32"', None),
    (b'"70/01/01,00:00:00+00"', None),
    (b'""', None),
    (b"garbage", None),
)
DECIMALS = ((b"31.50722", 3150722), (b"-0.5", -50000), (b"7", 700000), (b"1.234565", 123457))
BROKEN_DECIMALS = (b"", b"-", b".5", b"1.2.3", b"a", b"1e5", b" 1")


def test_registration():
    for line, answer, _unsolicited in REGISTRATION:
        if answer is not None or not line.startswith((b"5", b"x")):
            assert parse.registration(line, True) == answer, line
    assert parse.registration(b'5,"1A2D","01A2D001",8', False) == (5, 0)
    assert parse.registration(b'3,"0","0",8,0,13', False) == (3, 13)


def test_network_clock():
    for line, seconds in CLOCKS:
        assert parse.network_clock(line) == seconds, line


def test_decimals():
    for text, value in DECIMALS:
        assert parse.decimal(text, 5) == value, text
    for text in BROKEN_DECIMALS:
        assert parse.decimal(text, 5) is None, text


def test_degrees():
    assert gnss.degrees(b"3113.343286", b"N") == 3122239
    assert gnss.degrees(b"12121.234064", b"W") == -12135390
    assert gnss.degrees(b"0000.600000", b"S") == -1000
    for text in (b"", b"1", b"abcd.e", b".5"):
        assert gnss.degrees(text, b"N") is None
    for hemisphere in (b"", b"X", b"NE"):
        assert gnss.degrees(b"3113.343286", hemisphere) is None


def test_epoch():
    assert gnss.epoch(b"020626", b"014733.6") == 833680054
    assert gnss.epoch(b"290228", b"235959.0") == 888796799
    for date, clock in ((b"", b""), (b"x", b"1"), (b"020626", b"")):
        assert gnss.epoch(date, clock) is None


def test_a_date_that_cannot_be_is_unknown():
    for date in (b"060180", b"010100", b"160806", b"003326", b"010068"):
        assert gnss.epoch(date, b"000000.0") == 0
    assert gnss.epoch(b"990126", b"014733.0") == gnss.epoch(b"000126", b"014733.0") == 0
    for clock in (b"250000.0", b"016033.0", b"014799.0", b"-14733.0"):
        assert gnss.epoch(b"020626", clock) == 0


def test_rounding_is_to_the_nearest():
    assert [parse.rounded(v, 20) for v in (9, 10, 29, 30, -9, -10, -30)] == [0, 1, 1, 2, 0, -1, -2]


def test_fields_survive_quotes():
    assert parse.fields(b'0,"a,b", "c" ,') == [b"0", b"a,b", b"c", b""]
    assert parse.fields(b'"open,1') == [b"open,1"]
