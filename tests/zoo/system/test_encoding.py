"""Texts in every encoding with a byte order mark; others are refused with the remedy."""

import codecs

import pytest

from zoo.system.encoding import EncodingError, decode

TEXT = "déjà vu\r\nencore\r"
MARKED = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE,
          "utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE,
          "utf-8": codecs.BOM_UTF8}


@pytest.mark.parametrize("code", MARKED)
def test_a_marked_text_is_the_same_in_every_encoding(code):
    assert decode(MARKED[code] + TEXT.encode(code)) == TEXT


def test_without_a_mark_it_is_utf_8():
    assert decode(TEXT.encode()) == TEXT
    assert decode(b"") == ""


@pytest.mark.parametrize("content, said", [
    (b"caf\xe9 ", r"^is not UTF-8 text \(byte 3 is 0xe9\); convert it"),
    (TEXT.encode("utf-16")[:-1], r"^is not UTF-16 text"),
    ("ascii".encode("utf-16-le"), r"^holds NUL characters: it is UTF-16 .*without a byte order"),
])
def test_undecodable_text_is_refused(content, said):
    with pytest.raises(EncodingError, match=said):
        decode(content)
