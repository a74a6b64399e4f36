#!/usr/bin/env python3
"""make_sample_pdf.py OUT.pdf: the project's own text as a book, the document that `make demo` processes.

The README, the guide to the architecture, the changelog and then the sources in their order of reading are set in
Helvetica and Courier, which every reader has, until there are PAGES_MIN pages. Plain Python, nothing to install; the
same text gives the same file.
"""

import argparse
import itertools
import re
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

PAGES_MIN = 60
PAGE_WIDTH, PAGE_HEIGHT = 595, 842  # A4 in points
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM = 64, 78, 70
TEXT_WIDTH = PAGE_WIDTH - 2 * MARGIN_LEFT

PROSE = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"]
# The order of reading: what is decided, how it goes over the wire, what does it, how it is put together.
ROOMS = ["Core", "Wire", "Text", "JSON", "System", "Loop", "Crypto", "Compression", "Ledger", "Blobs", "Hub",
         "Documents", "Pipeline", "Worker", "Server", "Client", "headway"]

INK, GREY, ACCENT, COMMENT = (0.10, 0.11, 0.13), (0.45, 0.47, 0.50), (0.11, 0.33, 0.65), (0.25, 0.38, 0.36)
FONTS = {"regular": "Helvetica", "bold": "Helvetica-Bold", "code": "Courier"}

# The widths of Helvetica's printable ASCII, in thousandths of the size (Adobe's metrics for the standard fonts).
HELVETICA = dict(zip(range(32, 127), map(int, (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584").split())))
HELVETICA.update({ord("—"): 1000, ord("…"): 1000, ord("·"): 278, ord("•"): 350, ord("×"): 584, ord("’"): 222})

# What the fonts' encoding (Windows-1252) lacks, in words a reader understands.
SUBSTITUTES = {"→": "->", "←": "<-", "↔": "<->", "⇒": "=>", "≤": "<=", "≥": ">=", "≠": "!=", "−": "-", "Σ": "sum of ",
               "✓": "yes", "✗": "no", "█": "#", "▏": "|", "░": ".", "├": "|", "│": "|", "└": "`", "─": "-", "▶": ">",
               "∞": "infinity", "≈": "~", "∈": "in", "⁰": "0", "ⁿ": "^n", "\u00a0": " ", "\t": "    "}


def encodable(text):
    """The text in the characters that the fonts have."""
    for character, substitute in SUBSTITUTES.items():
        text = text.replace(character, substitute)
    return text.encode("cp1252", "replace").decode("cp1252")


def width(text, font, size):
    if font == "code":
        return len(text) * 0.6 * size
    em = sum(HELVETICA.get(ord(character), 556) for character in text)
    return em * size / 1000 * (1.09 if font == "bold" else 1)  # bold is that much wider, near enough


@dataclass
class Page:
    chapter: str
    operators: list = field(default_factory=list)

    def text(self, x, y, text, font, size, colour=INK):
        string = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.operators.append("%.2f %.2f %.2f rg BT /%s %g Tf %.2f %.2f Td (%s) Tj ET" %
                              (*colour, font, size, x, y, string))

    def rule(self, x, y, length, colour=GREY):
        self.operators.append("%.2f %.2f %.2f RG 0.5 w %.2f %.2f m %.2f %.2f l S" % (*colour, x, y, x + length, y))


class Book:
    """Lines go in, pages come out. `chapters` and their page indices become the table of contents and the outline."""

    def __init__(self):
        self.pages = []
        self.chapters = []
        self.chapter = ""
        self.y = 0

    def new_page(self):
        self.pages.append(Page(self.chapter))
        self.y = PAGE_HEIGHT - MARGIN_TOP

    def need(self, height):
        """Call before every line: starts a page when the line no longer fits."""
        if not self.pages or self.y - height < MARGIN_BOTTOM:
            self.new_page()

    def line(self, runs, size, leading, indent=0):
        """Set one line of (text, font, colour) runs."""
        self.need(leading)
        self.y -= leading
        x = MARGIN_LEFT + indent
        # Neighbours of one kind are one string: the reader's own metrics then space the words.
        for (font, colour), group in itertools.groupby(runs, key=lambda run: run[1:]):
            text = "".join(word for word, _, _ in group)
            if text.strip():
                self.pages[-1].text(x, self.y, text, font, size, colour)
            x += width(text, font, size)

    def space(self, height):
        self.y -= height

    def begin_chapter(self, title, subtitle=""):
        self.chapter = title
        self.new_page()
        self.chapters.append((title, len(self.pages) - 1))
        self.line([(title, "bold", INK)], 22, 26)
        if subtitle:
            self.line([(subtitle, "regular", GREY)], 10, 16)
        self.pages[-1].rule(MARGIN_LEFT, self.y - 8, TEXT_WIDTH, ACCENT)
        self.space(22)

    def heading(self, text, level):
        size = {1: 18, 2: 14, 3: 11.5}.get(level, 10.5)
        self.need(size * 4)  # a heading stays with the lines it announces
        self.space(size * 0.7)
        for line in wrapped([(word, "bold", INK) for word in text.split()], size, TEXT_WIDTH):
            self.line(line, size, size * 1.25)
        self.space(size * 0.35)

    def paragraph(self, text, indent=0, bullet=""):
        size, leading = 10, 13.6
        for number, line in enumerate(wrapped(inline(text), size, TEXT_WIDTH - indent)):
            if bullet and number == 0:
                self.need(leading)
                x = MARGIN_LEFT + indent - 5 - width(bullet, "regular", size)
                self.pages[-1].text(x, self.y - leading, bullet, "regular", size, ACCENT)
            self.line(line, size, leading, indent)
        self.space(5)

    def code(self, text, size=8.2, numbered=False):
        gutter = 26 if numbered else 8
        columns = int((TEXT_WIDTH - gutter) / (0.6 * size))
        for number, line in enumerate(text.splitlines(), 1):
            colour = COMMENT if line.lstrip().startswith("//") else INK
            margin = len(line) - len(line.lstrip()) + 2
            label = "%d" % number if numbered and number % 5 == 0 else ""
            for part in folded(line, columns, margin):
                self.line([(part, "code", colour)], size, size * 1.32, gutter)
                if label:
                    self.pages[-1].text(MARGIN_LEFT, self.y, label, "regular", 6.5, GREY)
                    label = ""
        self.space(6)


def folded(line, columns, margin):
    """A line of code in pieces of at most `columns` characters, the later ones indented by `margin`."""
    margin = min(margin, columns // 2)
    while len(line) > columns:
        cut = line.rfind(" ", margin + 1, columns + 1)
        cut = cut if cut > margin else columns
        yield line[:cut]
        line = " " * margin + line[cut:].lstrip()
    yield line


def inline(text):
    """Words of a Markdown paragraph with their fonts: **bold**, `code`, [text](address) as its text."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for piece in re.findall(r"`[^`]+`|\*\*[^*]+\*\*|[^`*]+|[`*]", text):
        font, colour = "regular", INK
        if piece.startswith("`") and len(piece) > 1:
            piece, font, colour = piece[1:-1], "code", ACCENT
        elif piece.startswith("**") and len(piece) > 4:
            piece, font = piece[2:-2], "bold"
        # A piece keeps its outer spaces, so that what touches in the source touches on the page.
        for word in re.findall(r"\s+|\S+", piece):
            yield (" " if word.isspace() else word, font, colour)


def wrapped(words, size, limit):
    """Lines of runs no wider than `limit`; words that carry no spaces of their own are given them."""
    words = list(words)
    if not any(word == " " for word, _, _ in words):
        words = [run for word in words for run in (word, (" ", word[1], word[2]))][:-1]
    line, used = [], 0
    for word, font, colour in words:
        length = width(word, font, size)
        if used + length > limit and line and word != " ":
            yield line
            line, used = [], 0
        if word == " " and not line:
            continue
        line.append((word, font, colour))
        used += length
    if line:
        yield line


def set_markdown(book, text):
    """Headings, paragraphs, lists, tables and code blocks: what the project's own pages use."""
    block, indent, bullet = [], 0, ""
    in_code = False

    def flush():
        nonlocal indent, bullet
        if block:
            book.paragraph(" ".join(block), indent, bullet)
        block.clear()
        indent, bullet = 0, ""

    for line in text.splitlines() + [""]:
        if line.startswith("```"):
            flush()
            in_code = not in_code
            book.space(2 if in_code else 4)
        elif in_code:
            book.code(line or " ")
            book.space(-6)
        elif heading := re.match(r"(#+) (.*)", line):
            flush()
            book.heading(heading[2], len(heading[1]))
        elif line.startswith("|"):
            flush()
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                book.paragraph(" — ".join(cell for cell in cells if cell), indent=10)
        elif item := re.match(r"(\s*)([-*]|\d+\.) (.*)", line):
            flush()
            block.append(item[3])
            indent, bullet = 16 + 4 * len(item[1]), "•" if item[2] in "-*" else item[2]
        elif not line.strip() or line.startswith(("<", "---", "![")):
            flush()
        else:
            block.append(line.strip())
    flush()


def title_page(book):
    book.new_page()
    page = book.pages[0]
    page.text(MARGIN_LEFT, 560, "Headway", "bold", 44)
    page.rule(MARGIN_LEFT, 540, TEXT_WIDTH, ACCENT)
    for number, line in enumerate([
        "Takes documents in, processes each where it can hurt nothing,",
        "and tells everybody who watches how far it is.",
    ]):
        page.text(MARGIN_LEFT, 512 - 20 * number, line, "regular", 14, GREY)
    page.text(MARGIN_LEFT, 110, "The project's own pages and sources, set as one book:", "regular", 10, GREY)
    page.text(MARGIN_LEFT, 96, "the sample document of `make demo`.", "regular", 10, GREY)


def set_contents(book, page):
    page.text(MARGIN_LEFT, PAGE_HEIGHT - MARGIN_TOP - 20, "Contents", "bold", 22)
    y = PAGE_HEIGHT - MARGIN_TOP - 60
    step = min(17.0, (y - MARGIN_BOTTOM) / max(1, len(book.chapters)))
    size = min(10.5, step * 0.7)
    for title, index in book.chapters:
        number = str(index + 1)
        page.text(MARGIN_LEFT, y, title, "regular", size)
        page.text(PAGE_WIDTH - MARGIN_LEFT - width(number, "regular", size), y, number, "regular", size, GREY)
        y -= step


def set_running_lines(book):
    """The chapter above and the page number below, on every page but the title."""
    for number, page in enumerate(book.pages[1:], 2):
        page.text(MARGIN_LEFT, PAGE_HEIGHT - 46, "Headway", "bold", 8, GREY)
        page.text(PAGE_WIDTH - MARGIN_LEFT - width(page.chapter, "regular", 8), PAGE_HEIGHT - 46, page.chapter,
                  "regular", 8, GREY)
        label = "Page %d of %d" % (number, len(book.pages))
        page.text((PAGE_WIDTH - width(label, "regular", 8)) / 2, 40, label, "regular", 8, GREY)


def written(book):
    """The book as a PDF file (ISO 32000-1): objects, one cross-reference table, Flate streams."""
    objects = {}

    def add(number, body):
        objects[number] = body if isinstance(body, bytes) else body.encode("cp1252")

    catalog, pages, outline, info, first_font = 1, 2, 3, 4, 5
    first_page = first_font + len(FONTS)
    first_item = first_page + 2 * len(book.pages)
    page_number = lambda index: first_page + 2 * index
    string = lambda text: "(%s)" % text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")

    add(catalog, "<< /Type /Catalog /Pages %d 0 R /Outlines %d 0 R /PageMode /UseOutlines >>" % (pages, outline))
    add(pages, "<< /Type /Pages /Count %d /Kids [%s] >>" %
        (len(book.pages), " ".join("%d 0 R" % page_number(index) for index in range(len(book.pages)))))
    add(info, "<< /Title (Headway) /Subject (The project's own pages and sources) /Producer (make_sample_pdf.py) >>")
    for offset, (name, base) in enumerate(FONTS.items()):
        add(first_font + offset,
            "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % base)
    fonts = " ".join("/%s %d 0 R" % (name, first_font + offset) for offset, name in enumerate(FONTS))
    for index, page in enumerate(book.pages):
        stream = zlib.compress("\n".join(page.operators).encode("cp1252"), 9)
        add(page_number(index),
            "<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R /Resources << /Font << %s >> >> >>" %
            (pages, PAGE_WIDTH, PAGE_HEIGHT, page_number(index) + 1, fonts))
        add(page_number(index) + 1,
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream))
    last_item = first_item + len(book.chapters) - 1
    add(outline, "<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" %
        (first_item, last_item, len(book.chapters)))
    for offset, (title, index) in enumerate(book.chapters):
        item = first_item + offset
        beside = (" /Prev %d 0 R" % (item - 1) if item > first_item else "") + \
                 (" /Next %d 0 R" % (item + 1) if item < last_item else "")
        add(item, "<< /Title %s /Parent %d 0 R%s /Dest [%d 0 R /Fit] >>" %
            (string(title), outline, beside, page_number(index)))

    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for number in sorted(objects):
        out += b"%010d 00000 n \n" % offsets[number]
    out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, catalog, info, start)
    return bytes(out)


def make(root):
    book = Book()
    title_page(book)
    book.chapter = "Contents"
    book.new_page()
    contents = book.pages[-1]
    prose = [root / name for name in PROSE] + sorted((root / "docs").glob("*.md"))
    for path in prose:
        if path.exists():
            text = encodable(path.read_text("utf-8"))
            title = re.match(r"# (.+)", text)
            book.begin_chapter(title[1] if title else path.stem, path.relative_to(root).as_posix())
            set_markdown(book, text[title.end():] if title else text)
    for room in ROOMS:
        for path in sorted((root / "Sources" / room).glob("**/*.swift")):
            if len(book.pages) >= PAGES_MIN:
                break
            book.begin_chapter("%s: %s" % (room, path.stem), path.relative_to(root).as_posix())
            book.code(encodable(path.read_text("utf-8")), numbered=True)
    set_contents(book, contents)
    set_running_lines(book)
    return book


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    book = make(arguments.root)
    arguments.out.write_bytes(written(book))
    print("%s: %d pages, %d bytes" % (arguments.out, len(book.pages), arguments.out.stat().st_size))
    if len(book.pages) < PAGES_MIN:
        sys.exit("too little text for %d pages" % PAGES_MIN)


if __name__ == "__main__":
    main()
