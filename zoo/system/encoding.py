"""The text in a file's bytes, whatever program has written it: by the mark at its beginning."""

from __future__ import annotations

import codecs

# By what a file begins with; that of UTF-32 begins as that of UTF-16.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32",
          codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
          codecs.BOM_UTF16_BE: "utf-16"}


class EncodingError(ValueError):
    """Bytes that are no text; the message follows the name of their file."""


def decode(content: bytes) -> str:
    """The text of `content`: UTF-8, or UTF-16 or UTF-32 with a byte order mark, which is left out.

    Ends of lines are left as they are.  Raises EncodingError for bytes of another code, and for
    UTF-16 and UTF-32 without a mark.

    >>> decode("déjà vu".encode("utf-16"))
    'déjà vu'
    """
    code = next((code for mark, code in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(code)
    except UnicodeDecodeError as error:
        remedy = ("convert it from the code that it is in, for example a text of Western Windows "
                  "with iconv -f WINDOWS-1252 -t UTF-8" if code.startswith("utf-8") else
                  "it is cut off or damaged, so get it again")
        raise EncodingError(f"is not {code.removesuffix('-sig').upper()} text (byte {error.start} "
                            f"is 0x{error.object[error.start]:02x}); {remedy}") from None
    if "\0" in text:  # valid in UTF-8, and in every second byte of English in UTF-16
        raise EncodingError("holds NUL characters: it is UTF-16 or UTF-32 without a mark at its "
                            "beginning, or no text; convert it, for example with iconv -f "
                            "UTF-16LE -t UTF-8")
    return text
