"""Files made from docs/reference/settings.toml are up to date."""

from tools.flash import settings_schema


def test_nothing_made_from_the_schema_is_stale():
    for path, text in settings_schema.made().items():
        assert path.read_text() == text, f"{path.name}: run python -m tools.flash.settings_schema"
