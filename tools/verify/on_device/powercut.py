"""Cuts the device's power at flash operations: `micropython powercut.py SUBJECT SEED CUTS`.

The flash is a LittleFS (as on the ESP32) on a block device in memory that loses power at a chosen erase or
write, before it or half-way through it. `cut_journal.py` and `cut_wakes.py` tell what is done
meanwhile. Prints "violation ..." for each broken promise, and at the end "done CUTS TORN".
"""

import sys


def main(subject, seed, cuts):
    """Cut the power this many times under one subject."""
    if subject == "journal":
        import cut_journal

        print("done", *cut_journal.run(seed, cuts))
    else:
        import cut_wakes

        print("done", *cut_wakes.run(subject, seed, cuts))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
