"""The figures of a trip that went well."""

from tools.world.demo.figures import Border, Figures

GOOD = Figures(
    days=45.0, points_taken=1300, points_stored=1295, still_in_flash=5, thinned=0, lost=0, wrong=[],
    duplicates_removed=7, duplicates_stored=0, dead_letters=0, outbox_left=0,
    uploads_tried=300, uploads_failed=20, connections=290, bytes_up=90_000,
    bytes_down=20_000, bytes_a_point=48.0, mb_a_month=1.2, joules={"esp32": 1000.0, "modem": 9000.0},
    account_percent=99.0,
    mah_a_day=20.0, battery_left_percent=93.0, lowest_battery_mv=3300, lowest_battery_c=-31.5,
    lowest_left_percent=60.0, below_35_h=0.0, silent_at_end_h=1.0, newest_age_h=0.9,
    brown_outs=0, radio_on_h=6.0, radio_waits_percent=2.0, bars=1,
    longest_silence_h=20.0, median_age_h=2.0, age_95_h=9.0, borders=[Border("CN-KZ", 3.0)],
    points_a_day=28.8, wakes=1400, crashes=0, stalls=0, digest="00",
)  # fmt: skip
