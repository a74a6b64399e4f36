"""Documents made from scratch, each with exactly the property a test asks for."""

import io
import random
import subprocess
import zlib

WORDS = ("river stone window garden letter market winter harbour signal copper meadow lantern bridge number silver "
         "engine valley record carbon object village method forest island paper motion summer circle theory "
         "planet").split()


def sentence(choose):
    return " ".join(choose.choices(WORDS, k=9)).capitalize() + "."


def page_text(number, pages, lines, choose):
    """The lines of a page; the first names it, so that a test finds it in the result. Without any the page is blank."""
    return [f"Page {number} of {pages}."][:lines] + [sentence(choose) for _ in range(lines - 1)]


def pdf(pages=1, lines=30, seed=1, padding=0, trailer=b"", font=b"10 Tf 14 TL"):
    """A valid PDF with real text on every page. `padding` bytes of an unused stream make it larger.

    `lines` is a number, or a function that gives one for the number of a page. What does not fit on the page is no text.
    """
    choose = random.Random(seed)
    # A page tree of one level would make a large document slow to open.
    fan = 256
    leaves = -(-pages // fan)
    first_page = 4 + leaves
    bodies = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    for leaf in range(leaves):
        kids = range(leaf * fan, min(pages, (leaf + 1) * fan))
        bodies[4 + leaf] = b"<< /Type /Pages /Parent 2 0 R /Count %d /Kids [%s] >>" % (
            len(kids), b" ".join(b"%d 0 R" % (first_page + 2 * page) for page in kids))
    bodies[2] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
        pages, b" ".join(b"%d 0 R" % (4 + leaf) for leaf in range(leaves)))
    for page in range(pages):
        count = lines(page + 1) if callable(lines) else lines
        operators = b"\n".join(b"(%s) Tj T*" % line.encode() for line in page_text(page + 1, pages, count, choose))
        bodies[first_page + 2 * page] = (
            b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (4 + page // fan, first_page + 2 * page + 1))
        bodies[first_page + 2 * page + 1] = stream(b"BT /F1 %s 50 760 Td " % font + operators + b" ET")
    if padding:
        bodies[first_page + 2 * pages] = stream(random.Random(seed).randbytes(padding))
    return assembled(bodies, trailer)


def stream(data, dictionary=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), dictionary, data)


def assembled(bodies, trailer=b""):
    out, offsets = io.BytesIO(), {}
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    for number in sorted(bodies):
        offsets[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, bodies[number]))
    start, size = out.tell(), max(bodies) + 1
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    for number in range(1, size):
        out.write(b"%010d 00000 n \n" % offsets[number])
    out.write(b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start))
    return out.getvalue()


def scan(pages=2):
    """Pages that hold an image and no text, as a scanner makes them."""
    image = zlib.compress(bytes(range(256)) * 256)
    bodies = {1: b"<< /Type /Catalog /Pages 2 0 R >>",
              2: b"<< /Type /Pages /Count %d /Kids [%s] >>" %
                 (pages, b" ".join(b"%d 0 R" % (5 + page) for page in range(pages))),
              3: stream(image, b"/Type /XObject /Subtype /Image /Width 256 /Height 256 /ColorSpace /DeviceGray "
                               b"/BitsPerComponent 8 /Filter /FlateDecode"),
              4: stream(b"q 600 0 0 700 0 0 cm /I Do Q")}
    for page in range(pages):
        bodies[5 + page] = (b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
                            b"/Resources << /XObject << /I 3 0 R >> >> >>")
    return assembled(bodies)


def scanned(pages=1, blank=(), size=(612, 792), information=b"", typed=(), empty=()):
    """Pictures of pages of large print, as a scanner makes them; `blank` are numbers of pages whose picture is white.

    Pages of numbers in `typed` have text and no picture, those in `empty` have nothing. `information` is what the
    document's information dictionary holds.
    """
    text = pdf(pages=pages, lines=4, font=b"24 Tf 40 TL")
    drawn = subprocess.run(["pdftoppm", "-gray", "-r", "90", "-"], input=text, capture_output=True, check=True).stdout
    bodies = {1: b"<< /Type /Catalog /Pages 2 0 R >>",
              2: b"<< /Type /Pages /Count %d /Kids [%s] >>" %
                 (pages, b" ".join(b"%d 0 R" % (4 + 3 * page) for page in range(pages)))}
    for page in range(pages):
        _, width, height, _ = drawn.split(None, 4)[:4]
        start = drawn.index(b"255\n") + 4
        picture, drawn = drawn[start:start + int(width) * int(height)], drawn[start + int(width) * int(height):]
        if page + 1 in blank:
            picture = b"\xff" * len(picture)
        number = 4 + 3 * page
        bodies[number] = (b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R "
                          b"/Resources << /XObject << /I %d 0 R >> >> >>" % (*size, number + 1, number + 2))
        bodies[number + 1] = stream(b"q %d 0 0 %d 0 0 cm /I Do Q" % size)
        if page + 1 in typed:
            bodies[number] = bodies[number].replace(b"/XObject << /I %d 0 R >>" % (number + 2), b"/Font << /F << "
                                                    b"/Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>")
            bodies[number + 1] = stream(b"BT /F 24 Tf 50 700 Td (Typed on page %d.) Tj ET" % (page + 1))
        elif page + 1 in empty:
            bodies[number + 1] = stream(b"")
            bodies[number] = bodies[number].replace(b"/I %d 0 R" % (number + 2), b"")
        bodies[number + 2] = stream(zlib.compress(picture),
                                    b"/Type /XObject /Subtype /Image /Width %s /Height %s /ColorSpace /DeviceGray "
                                    b"/BitsPerComponent 8 /Filter /FlateDecode" % (width, height))
    bodies[3] = b"<< %s >>" % information
    return assembled(bodies, b"/Info 3 0 R")


def with_attachments(names):
    """One page of text, and a file of each name (ISO 32000-1, 7.11.4)."""
    bodies = {1: b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [%s] >> >> >>" %
                 b" ".join(b"(%06d) %d 0 R" % (index, 10 + 2 * index) for index in range(len(names))),
              2: b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
              3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
              4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
                 b"/Resources << /Font << /F1 3 0 R >> >> >>",
              5: stream(b"BT /F1 12 Tf 50 700 Td (Two files are attached.) Tj ET")}
    for index, name in enumerate(names):
        text = (b"\xfe\xff" + name.encode("utf-16-be")).hex().encode()
        bodies[10 + 2 * index] = (b"<< /Type /Filespec /F <%s> /UF <%s> /EF << /F %d 0 R >> >>" %
                                  (text, text, 11 + 2 * index))
        bodies[11 + 2 * index] = stream(b"hidden words", b"/Type /EmbeddedFile")
    for number in range(6, 10):
        bodies[number] = b"null"
    return assembled(bodies)


def with_attached_note(name):
    """A file that hangs on the page as a note, of no type and in no list of files (ISO 32000-1, 12.5.6.15)."""
    return assembled({
        1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Annots [6 0 R] "
           b"/Resources << /Font << /F1 3 0 R >> >> >>",
        5: stream(b"BT /F1 12 Tf 50 700 Td (A file hangs on this page.) Tj ET"),
        6: b"<< /Type /Annot /Subtype /FileAttachment /Rect [50 600 70 620] /FS 7 0 R >>",
        7: b"<< /Type /Filespec /F (%s) /EF << /F 8 0 R >> >>" % name.encode(), 8: stream(b"hidden words")})


def with_password():
    """Encrypted (ISO 32000-1, 7.6.3) with a password that nobody knows."""
    return pdf(trailer=b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -44 >> /ID [<%s> <%s>]" %
               (b"41" * 32, b"42" * 32, b"43" * 16, b"43" * 16))


def damaged():
    """Begins like a PDF and holds nothing that can be read."""
    return b"%PDF-1.7\n" + random.Random(3).randbytes(4096)


def plain_text(paragraphs=200, seed=1):
    choose = random.Random(seed)
    return "\n\n".join(" ".join(sentence(choose) for _ in range(5)) for _ in range(paragraphs)).encode()


PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 64
