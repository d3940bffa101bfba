"""A position in words: the nearest place, each place with its own country."""

import pytest
from landbridge.core.texts import catalogues
from landbridge.geo import places


@pytest.mark.parametrize(
    ("lat", "lon", "english", "chinese"),
    [
        # The outlines have Alashankou a few hundred metres beyond the border.
        (45.17, 82.57, "50 km from Bole, China", "中国，距博乐 50 公里"),
        (45.25, 82.48, "In Kazakhstan, 51 km from Bole (China)", "哈萨克斯坦境内，距博乐（中国） 51 公里"),
        (29.63, 106.39, "7 km from Tongjiaxi, China", "中国，距童家溪 7 公里"),
        (52.41, 16.93, "Poznań, Poland", "波兰，波兹南"),
        (0.0, -30.0, "", ""),
    ],
)
def test_a_place_is_named_with_its_own_country(lat: float, lon: float, english: str, chinese: str):
    known = catalogues()
    found = places.where(lat, lon)
    assert (found.in_words(known["en"]), found.in_words(known["zh"])) == (english, chinese)
