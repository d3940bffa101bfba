"""The trained numbers of our policy, the one file that ships: `python -m tools.lab train` writes it.

Columns of a row are those of `state.Row`: joules a day, seconds between fixes moving and standing,
seconds to an edge fix, minutes of age for a joule, seconds for which a stop is watched.
"""

from tools.lab.state import Row

CARRIES_J = {"bg95": 62, "sim7600": 90}
MENUS = {
    "bg95": (
        Row(30, 14400, 14400, 5400, 900, 28800),
        Row(45, 7200, 14400, 5400, 750, 28800),
        Row(55, 7200, 14400, 3600, 360, 1440000),
        Row(65, 7200, 14400, 3600, 350, 1440000),
        Row(80, 5400, 14400, 1800, 200, 1440000),
        Row(120, 3600, 14400, 1800, 70, 1440000),
        Row(200, 1800, 7200, 1800, 30, 1440000),
        Row(400, 1800, 3600, 1800, 3, 1440000),
    ),
    "sim7600": (
        Row(40, 14400, 14400, 5400, 900, 0),
        Row(60, 7200, 14400, 3600, 480, 1440000),
        Row(120, 5400, 14400, 3600, 400, 1440000),
        Row(200, 5400, 14400, 1800, 200, 1440000),
        Row(300, 3600, 14400, 1800, 96, 1440000),
        Row(500, 1800, 7200, 1800, 70, 1440000),
        Row(800, 1800, 7200, 1800, 32, 1440000),
        Row(1500, 1800, 7200, 1800, 8, 1440000),
    ),
}
