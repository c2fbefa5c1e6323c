"""Makes lantern-sans-*.otf from Inter 3.19's static fonts: python subset.py FOLDER-WITH-Inter-Regular.otf (fonttools 4.68.0).

Latin, Greek, Cyrillic and the signs that charts use; no hints, no features. Renamed, for it is not Inter any more.
"""

import sys

from fontTools import subset

CHARACTERS = (
    "U+20-7E,U+A0-17F,U+218-21B,U+370-3FF,U+400-45F,U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2039,U+203A,U+2044,"
    "U+2070-208E,U+20AC,U+2122,U+2190-2193,U+21E5,U+23CE,U+2212,U+2215,U+2219,U+221A,U+221E,U+2248,U+2260,U+2264,U+2265,U+25A0,U+25CF"
)

for weight in ("Regular", "Bold"):
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]
    font = subset.load_font(f"{sys.argv[1]}/Inter-{weight}.otf", options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=subset.parse_unicodes(CHARACTERS))
    cutter.subset(font)
    names = {1: "Lantern Sans", 4: f"Lantern Sans {weight}", 6: f"LanternSans-{weight}"}
    for record in font["name"].names:
        record.string = names.get(record.nameID, record.toUnicode())
    table = font["CFF "].cff
    table.fontNames = [names[6]]
    table.topDictIndex[0].FamilyName, table.topDictIndex[0].FullName = names[1], names[4]
    # The same bytes from the same fonts.
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.save(f"lantern-sans-{weight.lower()}.otf")
