"""Decodes text files by their byte order mark."""

from __future__ import annotations

import codecs

# Encodings by byte order mark; that of UTF-32 starts with that of UTF-16.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32",
          codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
          codecs.BOM_UTF16_BE: "utf-16"}


class EncodingError(ValueError):
    """Bytes that are not text; the message continues the name of the file."""


def decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 or UTF-32 with a byte order mark, which is removed.

    Keeps line endings.  Raises EncodingError for any other encoding, including UTF-16 and UTF-32
    without a mark.

    >>> decode("déjà vu".encode("utf-16"))
    'déjà vu'
    """
    code = next((code for mark, code in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(code)
    except UnicodeDecodeError as error:
        remedy = ("convert it from its encoding, for example a text of Western Windows "
                  "with iconv -f WINDOWS-1252 -t UTF-8" if code.startswith("utf-8") else
                  "it is truncated or damaged, so get it again")
        raise EncodingError(f"is not {code.removesuffix('-sig').upper()} text (byte {error.start} "
                            f"is 0x{error.object[error.start]:02x}); {remedy}") from None
    if "\0" in text:  # valid UTF-8, and every second byte of English text in UTF-16
        raise EncodingError("holds NUL characters: it is UTF-16 or UTF-32 without a byte order "
                            "mark, or not text; convert it, for example with iconv -f "
                            "UTF-16LE -t UTF-8")
    return text
