"""Every format that is read, made by another program's library and held against what that library reads in it."""

import io
import os
import re
import zipfile

import docx
import lxml.etree
import lxml.html
import odf.opendocument
import odf.table
import odf.teletype
import odf.text
import pytest
from ebooklib import epub

import documents
import rules
from client import OCTETS, TEXT
from means import shared
from watchers import watch

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
HTML, XHTML, CSV = "text/html", "application/xhtml+xml", "text/csv"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def text_of(client, state):
    assert state["status"] == "complete", state["error"]
    return client.get(f"/v1/documents/{state['document_id']}/text", expect=200).decoded().decode()


def words(text):
    return text.split()


def process(client, body, name, content_type=OCTETS):
    state = client.process(body, name, content_type)
    return state, text_of(client, state)


def failed(client, body, name, content_type, code):
    state = client.process(body, name, content_type)
    assert (state["status"], state["error"]["code"]) == ("failed", code), state
    assert state["error"]["detail"].endswith("."), state["error"]
    return state


# Documents, made by the libraries that people make them with.

def saved(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def word_document(paragraphs=30):
    document = docx.Document()
    document.add_heading("Größe und 日本語", 1)
    for number in range(paragraphs):
        document.add_paragraph(f"Paragraph {number}: " + documents.plain_text(1, seed=number).decode())
    for item in ("first", "second"):
        document.add_paragraph(item, style="List Bullet")
    table = document.add_table(rows=3, cols=2)
    for row in range(3):
        for column in range(2):
            table.cell(row, column).text = f"cell {row} {column}"
    document.add_page_break()
    document.add_paragraph("behind\tthe break")
    return saved(document)


def word_text(body):
    """The text of a DOCX as its XML has it: the runs of each paragraph, and a space for whatever parts them."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        root = lxml.etree.fromstring(archive.read("word/document.xml"))
    pieces = []
    for element in root.iter():
        if element.tag == W + "t":
            pieces.append(element.text or "")
        elif element.tag in {W + "p", W + "tab", W + "br"}:
            pieces.append(" ")
    return "".join(pieces)


def open_document():
    document = odf.opendocument.OpenDocumentText()
    document.text.addElement(odf.text.H(outlinelevel=1, text="Überschrift"))
    for number in range(20):
        document.text.addElement(odf.text.P(text=f"Paragraph {number}: {documents.plain_text(1, seed=number).decode()}"))
    listing = odf.text.List()
    for item in ("first", "second"):
        entry = odf.text.ListItem()
        entry.addElement(odf.text.P(text=item))
        listing.addElement(entry)
    document.text.addElement(listing)
    table = odf.table.Table()
    for row in range(2):
        line = odf.table.TableRow()
        for column in range(2):
            cell = odf.table.TableCell()
            cell.addElement(odf.text.P(text=f"cell {row} {column}"))
            line.addElement(cell)
        table.addElement(line)
    document.text.addElement(table)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def open_document_text(body):
    document = odf.opendocument.load(io.BytesIO(body))
    paragraphs = [element for element in document.text.childNodes]

    def walk(element):
        if element.qname[1] in ("p", "h"):
            yield odf.teletype.extractText(element)
        else:
            for child in element.childNodes:
                if hasattr(child, "qname"):
                    yield from walk(child)
    return " ".join(text for element in paragraphs for text in walk(element))


def book(chapters=12):
    made = epub.EpubBook()
    made.set_identifier("headway")
    made.set_title("A book")
    made.set_language("en")
    items = []
    for number in range(chapters):
        item = epub.EpubHtml(title=f"Chapter {number}", file_name=f"chapter {number}.xhtml")
        item.content = f"<h1>Chapter {number}</h1><p>{documents.plain_text(3, seed=number).decode()}</p>"
        made.add_item(item)
        items.append(item)
    made.add_item(epub.EpubNcx())
    made.add_item(epub.EpubNav())
    made.spine = items
    out = io.BytesIO()
    epub.write_epub(out, made)
    return out.getvalue()


PAGE = """<!DOCTYPE html><html><head><title>The title</title><script>var no = "<p>no</p>";</script></head><body>
<h1>Caf&eacute; &amp; more</h1> <p>One <b>bold</b> word.</p> <table> <tr> <td>a</td> <td>b</td> </tr> </table>
<pre>kept   as
  it is</pre> <!-- not this --> <style>p { color: red }</style> </body></html>"""


class TestSameDocumentSameText:
    """Goal: nothing is lost, added or moved. Method: the words, in order, are those that another reader finds."""

    @pytest.mark.parametrize("content_type", [DOCX, OCTETS])
    def test_docx(self, client, content_type):
        body = word_document()
        state, text = process(client, body, "a.docx", content_type)
        assert words(text) == words(word_text(body))
        assert "cell 1 0\tcell 1 1\ncell 2 0" in text and "first\nsecond" in text
        assert text.split("\f")[1].strip() == "behind\tthe break"
        assert state["content_type"] == DOCX

    def test_odt(self, client):
        body = open_document()
        _, text = process(client, body, "a.odt", ODT)
        assert words(text) == words(open_document_text(body))
        assert "cell 0 0\tcell 0 1\ncell 1 0" in text

    def test_epub_counts_the_pages_of_its_spine(self, client):
        body = book(chapters=12)
        identifier = client.create(name="a.epub", content_type=EPUB, size=len(body))["document_id"]
        watcher = watch(client, identifier)
        client.put_content(identifier, body, EPUB, expect=202)
        state = rules.check_story(watcher.join_account().states)[-1]
        text = text_of(client, state)
        assert (state["pages_total"], state["pages_done"]) == (12, 12)
        pages = text.split("\f")
        assert len(pages) == 13 and pages[12] == ""
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for number in range(12):
                name = next(name for name in archive.namelist() if name.endswith(f"chapter {number}.xhtml"))
                tree = lxml.html.fromstring(archive.read(name))
                assert words(pages[number]) == words(" ".join(tree.find(".//body").itertext()))

    @pytest.mark.parametrize("content_type", [HTML, XHTML, OCTETS])
    def test_html(self, client, content_type):
        _, text = process(client, PAGE.encode(), "a.html", content_type)
        tree = lxml.html.fromstring(PAGE)
        for unseen in tree.xpath("//script|//style|//comment()"):
            unseen.getparent().remove(unseen)
        assert words(text) == words(" ".join(tree.itertext()))
        assert "kept   as\n  it is" in text and "a\tb" in text

    def test_csv_and_markdown_are_read_as_they_are(self, client):
        for name, content_type in (("a.csv", CSV), ("a.md", "text/markdown")):
            state, text = process(client, b"# a,b\r\n1,*2*\r\n", name, OCTETS)
            assert text == "# a,b\n1,*2*\n\f" and state["content_type"] == content_type

    @pytest.mark.parametrize("name", ["tika__017091.docx", "tika__testOptionalHyphen.docx",
                                      "tika__testWORD_EMFAndAttachments.docx"])
    def test_real_documents(self, client, name):
        body = shared(f"corpus/other/{name}").read_bytes()
        _, text = process(client, body, name)
        assert words(text) == words(word_text(body))

    def test_the_same_bytes_give_the_same_text(self, client):
        body = word_document()
        assert len({process(client, body, "a.docx")[1] for _ in range(3)}) == 1


ENCODED = {
    "utf-8": "Größe, naïveté — Ελληνικά, русский, 日本語\n", "utf-8-sig": "Größe\n", "utf-16": "Größe\n", "utf-32": "Größe\n",
    "cp1252": "Die Größe der Häuser, naïve cafés — “it’s”.\n",
    "cp1251": "Все счастливые семьи похожи друг на друга.\n", "koi8_r": "Все счастливые семьи похожи друг на друга.\n",
    "shift_jis": "吾輩は猫である。名前はまだ無い。\n", "euc_jp": "吾輩は猫である。名前はまだ無い。\n",
    "gb18030": "天下大势，分久必合，合久必分。我们在这里。\n", "big5": "滾滾長江東逝水，浪花淘盡英雄。我們在這裡。\n",
    "euc_kr": "모든 국민은 법 앞에 평등하다. 한국어 문서이다.\n",
}


class TestEncodings:
    @pytest.mark.parametrize("codec", ENCODED)
    def test_text_is_read_in_the_encoding_that_its_bytes_are_in(self, client, codec):
        text = ENCODED[codec] * 30
        assert process(client, text.encode(codec), "a.txt", TEXT)[1] == text + "\f"

    @pytest.mark.parametrize("charset, codec, letters", [
        ("iso-8859-15", "iso8859_15", "10 € für Œuvres"), ("KOI8-R", "koi8_r", "да"), ("Shift_JIS", "shift_jis", "日"),
        ("iso-8859-2", "iso8859_2", "zażółć gęślą jaźń")])
    def test_a_declared_charset_decides_and_is_kept(self, client, charset, codec, letters):
        state, text = process(client, letters.encode(codec), "a.txt", f"text/plain; charset={charset}")
        assert text == letters + "\f"
        assert state["content_type"] == f"text/plain; charset={charset.lower()}"
        reply = client.get(f"/v1/documents/{state['document_id']}/content", expect=200)
        assert reply.headers["content-type"] == state["content_type"]

    def test_the_charset_that_a_page_declares_is_believed(self, client):
        body = '<meta charset="windows-1251"><p>Привет</p>'.encode("cp1251")
        assert words(process(client, body, "a.html", HTML)[1]) == ["Привет"]

    def test_text_that_nobody_declared_is_judged_by_its_bytes(self, client):
        assert process(client, "Grüße, naïve".encode("cp1252"), "letter", OCTETS)[1] == "Grüße, naïve\f"


def archive(entries, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in entries:
            made.writestr(name, content)
    return out.getvalue()


def rewritten(body, change):
    """The archive with each entry as `change(name, content)` gives it."""
    with zipfile.ZipFile(io.BytesIO(body)) as source:
        return archive([(name, change(name, source.read(name))) for name in source.namelist()])


class TestWhatIsNotRead:
    def test_an_archive_that_is_no_document_is_unsupported(self, client):
        failed(client, archive([("a.txt", "text")]), "a.zip", OCTETS, "unsupported_type")

    @pytest.mark.parametrize("name, content_type", [("a.docx", DOCX), ("a.odt", ODT), ("a.epub", EPUB)])
    def test_an_archive_that_only_says_it_is_a_document_is_unsupported(self, client, name, content_type):
        failed(client, archive([("a.txt", "text")]), name, content_type, "unsupported_type")

    @pytest.mark.parametrize("content_type", [DOCX, ODT, EPUB])
    def test_what_is_no_archive_is_unreadable(self, client, content_type):
        failed(client, b"no archive at all", "a", content_type, "unreadable")

    def test_a_cut_document_is_unreadable(self, client):
        failed(client, word_document()[:-30], "a.docx", DOCX, "unreadable")

    def test_an_encrypted_entry_is_a_passwords(self, client):
        body = bytearray(word_document())
        # The flag of the local header and of the directory (APPNOTE 4.4.4).
        for match in re.finditer(rb"PK\x01\x02", bytes(body)):
            body[match.start() + 8] |= 1
        failed(client, bytes(body), "a.docx", DOCX, "password_protected")

    def test_an_office_document_with_a_password_says_so(self, client):
        body = bytearray(1536)
        body[:8] = bytes.fromhex("d0cf11e0a1b11ae1")
        body[30], body[48] = 9, 1
        body[1024:1024 + 32] = "EncryptedPackage".encode("utf-16-le")
        failed(client, bytes(body), "a.docx", OCTETS, "password_protected")

    def test_an_open_document_with_a_password_says_so(self, client):
        def protect(name, content):
            return content.replace(b"</manifest:manifest>", b"<manifest:encryption-data/></manifest:manifest>")
        failed(client, rewritten(open_document(), protect), "a.odt", ODT, "password_protected")

    def test_a_bomb_is_told_as_one(self, client):
        def swell(name, content):
            empty = b"<w:p/>" * (5 << 20)
            return content.replace(b"<w:body>", b"<w:body>" + empty) if name == "word/document.xml" else content
        state = failed(client, rewritten(word_document(3), swell), "a.docx", DOCX, "expansion_exceeded")
        assert state["error"]["retryable"] is False

    def test_entities_are_never_expanded_and_no_file_is_read(self, client):
        def declare(name, content):
            if name != "word/document.xml":
                return content
            doctype = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            return content.replace(b"<w:document", doctype + b"<w:document", 1).replace(b"Paragraph 0", b"&x;")
        failed(client, rewritten(word_document(3), declare), "a.docx", DOCX, "unreadable")

    def test_a_document_without_text_has_no_text(self, client):
        failed(client, saved(docx.Document()), "a.docx", DOCX, "no_text")
        failed(client, b"<html><script>x</script></html>", "a.html", HTML, "no_text")


def other_documents():
    folder = os.environ.get("HEADWAY_SHARED")
    path = folder and os.path.join(folder, "corpus", "other")
    return sorted(name for name in os.listdir(path) if name != "MANIFEST.tsv") if path and os.path.isdir(path) else [""]


@pytest.mark.parametrize("name", other_documents())
def test_a_real_document_of_another_format_is_read(client, name):
    state, text = process(client, shared(f"corpus/other/{name}").read_bytes(), name)
    assert words(text)
    if name.endswith(".epub"):
        assert state["pages_total"] == state["pages_done"] == text.count("\f")
