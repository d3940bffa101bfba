"""The benchmark of late data: its uplinks are what a device would have sent."""

from landbridge.protocol import uplink

from host_tests.support.trips import BEGIN_S, fix
from tools.verify.tracking.agent import encode


def test_an_uplink_decodes_to_its_points():
    points = [
        fix(seq, BEGIN_S + 600 * seq, 52.1, 23.7 - seq / 10, "PL", boot=2, battery=180) for seq in (4, 9, 5)
    ]
    came = uplink.decode(encode(points, (2, 5_000, 700_000_000)))
    assert [point.meaningful() for point in came.points] == [point.meaningful() for point in points]
    assert came.clock is not None
