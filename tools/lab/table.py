"""The trained numbers of our policy, the one file that ships: `python -m tools.lab train` writes it.

Columns of a row are those of `state.Row`: joules a day, seconds between fixes moving and standing,
seconds to an edge fix, minutes of age for a joule, seconds for which a stop is watched.
"""

from tools.lab.state import ENDLESS_S, Row

CARRIES_J = {"bg95": 62, "sim7600": 90}
MENUS = {
    "bg95": (
        Row(30, 14400, 14400, 5400, 900, 0),
        Row(45, 7200, 14400, 5400, 600, 28800),
        Row(55, 7200, 14400, 3600, 450, ENDLESS_S),
        Row(65, 7200, 14400, 3600, 350, ENDLESS_S),
        Row(80, 5400, 14400, 1800, 200, ENDLESS_S),
        Row(120, 3600, 14400, 1800, 70, ENDLESS_S),
        Row(200, 3600, 7200, 1800, 30, ENDLESS_S),
        Row(400, 1800, 7200, 1800, 3, ENDLESS_S),
    ),
    "sim7600": (
        Row(40, 14400, 14400, 5400, 900, 0),
        Row(60, 7200, 14400, 3600, 600, ENDLESS_S),
        Row(120, 5400, 14400, 3600, 400, ENDLESS_S),
        Row(200, 5400, 14400, 1800, 200, ENDLESS_S),
        Row(300, 3600, 14400, 1800, 120, ENDLESS_S),
        Row(500, 3600, 7200, 1800, 70, ENDLESS_S),
        Row(800, 1800, 7200, 1800, 40, ENDLESS_S),
        Row(1500, 1800, 7200, 1800, 10, ENDLESS_S),
    ),
}
