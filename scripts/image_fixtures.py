"""Writes crates/data/tests/images: pictures in the formats that have no encoder of ours.

    python3 -m venv env && env/bin/pip install pillow==13.0.0 && env/bin/python scripts/image_fixtures.py

Each is 32 pixels high, red above blue, or dark above light in grey, as it is meant to be shown.
"""

from pathlib import Path

from PIL import Image

OUT = Path(__file__).parent.parent / "crates/data/tests/images"


def picture(mode, top, bottom, size=(32, 32)):
    image = Image.new(mode, size, top)
    image.paste(bottom, (0, size[1] // 2, *size))
    return image


red, blue = (230, 20, 20), (20, 20, 230)
picture("L", 20, 230).save(OUT / "grey.jpg", quality=95)
picture("RGB", red, blue, (48, 32)).save(OUT / "colour.jpg", quality=95, progressive=True)
# As a camera stores it that was turned to the right: orientation 6 of EXIF says how to turn it back.
turned = picture("RGB", red, blue).transpose(Image.Transpose.ROTATE_90)
exif = Image.Exif()
exif[274] = 6
turned.save(OUT / "turned.jpg", quality=95, exif=exif)
picture("RGB", red, blue).save(OUT / "colour.webp", quality=95)
picture("RGBA", (*red, 255), (*blue, 255)).save(OUT / "opaque.webp", lossless=True)
# Transparent pixels show black: white at half the opacity is grey, and none of it is black.
picture("LA", (255, 20), (255, 230)).save(OUT / "alpha.png")
