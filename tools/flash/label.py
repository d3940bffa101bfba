"""The label of a tracker: its id as a QR code and as text, an SVG of 40 x 25 mm. Nothing secret is on it."""

from pathlib import Path

import segno

_WIDTH_MM, _HEIGHT_MM, _CODE_MM = 40, 25, 21
_LABEL = """<svg xmlns="http://www.w3.org/2000/svg"
 width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">
<rect width="100%" height="100%" fill="#fff"/>
<svg x="1" y="2" width="{code}" height="{code}" viewBox="0 0 {modules} {modules}">{image}</svg>
<text x="{text}" y="13" font-family="sans-serif" font-size="3" textLength="16">{name}</text>
</svg>
"""


def write_label(folder: Path, name: str) -> Path:
    """Write the label of the device `name`; returns its file."""
    code = segno.make(name, error="m", micro=False)
    image = code.svg_inline(border=4, scale=1, omitsize=True)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.svg"
    modules = code.symbol_size(scale=1, border=4)[0]
    text = _CODE_MM + 2
    sizes = {"width": _WIDTH_MM, "height": _HEIGHT_MM, "code": _CODE_MM, "modules": modules, "text": text}
    file.write_text(_LABEL.format(**sizes, image=image, name=name))
    return file
