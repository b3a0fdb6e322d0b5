"""Builds the two fonts of the plots and the report from Source Sans 3 (SIL Open Font License 1.1, see OFL.txt).

    pip install fonttools brotli fontpkg-source-sans-3
    python assets/font/build.py

Each is one weight, subset to Latin, Greek, Cyrillic and the symbols that plots need. The family is renamed because the
license reserves the name "Source" for unmodified files. Ascent plus descent is set to 1.24 em, by
which letters in bitmaps are scaled.
"""

import pathlib

import fontpkg_source_sans_3
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(fontpkg_source_sans_3.__file__).parent / "files" / "SourceSans3[wght].ttf"
FAMILY = "Simclr Sans"
RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3C9), (0x410, 0x44F), (0x2010, 0x2026), (0x2190, 0x2193)]
SYMBOLS = "Ёё‰′″⁰¹²³⁴⁵⁶⁷⁸⁹⁻₀₁₂₃₄₅₆₇₈₉€№™−√∞∂∑∏∆≈≠≤≥·×÷±�▲▼●■◆✓"


def build(weight: int, style: str) -> None:
    font = instancer.instantiateVariableFont(TTFont(SOURCE), {"wght": weight})
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    options.name_IDs = [0, 1, 2, 3, 4, 6, 13, 14]
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "STAT", "BASE"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[c for low, high in RANGES for c in range(low, high + 1)] + [ord(c) for c in SYMBOLS])
    cutter.subset(font)
    em = font["head"].unitsPerEm
    font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = round(0.94 * em), round(-0.30 * em), 0
    font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender, font["OS/2"].sTypoLineGap = round(0.94 * em), round(-0.30 * em), 0
    for record in list(font["name"].names):
        text = {1: FAMILY, 2: style, 3: f"{FAMILY} {style}", 4: f"{FAMILY} {style}", 6: f"SimclrSans-{style}"}.get(record.nameID)
        if text:
            record.string = text
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    path = HERE / f"SimclrSans-{style}.ttf"
    font.save(path)
    font.flavor = "woff2"
    font.save(path.with_suffix(".woff2"))


build(400, "Regular")
build(600, "Bold")
