"""A position in words: the nearest place, each place with its own country."""

import pytest
from landbridge.core.texts import catalogues
from landbridge.geo import places


@pytest.mark.parametrize(
    ("lat", "lon", "english", "chinese"),
    [
        # The outlines have Alashankou a few hundred metres beyond the border, and so do its border events.
        (45.17, 82.57, "In Kazakhstan, 50 km from Bole (China)", "哈萨克斯坦境内，距博乐（中国） 50 公里"),
        (44.9, 82.07, "Bole, China", "中国，博乐"),
        (45.25, 82.48, "In Kazakhstan, 51 km from Bole (China)", "哈萨克斯坦境内，距博乐（中国） 51 公里"),
        (29.63, 106.39, "7 km from Tongjiaxi, China", "中国，距童家溪 7 公里"),
        (52.41, 16.93, "Poznań, Poland", "波兰，波兹南"),
        (-40.0, -100.0, "", ""),
    ],
)
def test_a_place_is_named_with_its_own_country(lat: float, lon: float, english: str, chinese: str):
    known = catalogues()
    found = places.where(lat, lon)
    assert (found.in_words(known["en"]), found.in_words(known["zh"])) == (english, chinese)
