"""Cuts the device's power at flash operations: `micropython mpy_powercut.py SUBJECT SEED CUTS`.

The flash is a LittleFS (as on the ESP32) on a block device in memory that dies at a chosen erase or
write, before it or half-way through it. `mpy_cut_journal.py` and `mpy_cut_wakes.py` tell what is done
meanwhile. Prints "violation ..." for each broken promise, and at the end "done CUTS TORN".
"""

import sys


def main(subject, seed, cuts):
    """One subject, so many cuts."""
    if subject == "journal":
        import mpy_cut_journal as cut

        print("done", *cut.run(seed, cuts))
    else:
        import mpy_cut_wakes as cut

        print("done", *cut.run(subject, seed, cuts))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
