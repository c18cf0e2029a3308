"""Texts that are not numbers, though a person may read them as such, and what to write instead."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

_QUOTED = 40  #: characters of a value that a message shows
_SIGNED = r"[+-]?"
_GROUPED = re.compile(rf"{_SIGNED}\d{{1,3}}(?:([,.'’_\s])\d{{3}})(?:\1\d{{3}})*(?:(?!\1)[.,]\d+)?")
_DECIMAL_COMMA = re.compile(rf"{_SIGNED}\d+,\d+")
_COULD_BE_EITHER = re.compile(rf"{_SIGNED}\d{{1,3}},\d{{3}}")
_PLAIN = re.compile(rf"{_SIGNED}(?:\d+\.?\d*|\.\d+)(?:[eE]{_SIGNED}\d+)?")
_SHORTENED = re.compile(rf"({_SIGNED}\d+(?:\.\d+)?)\s*([kKmMbB])")
_SCALES = {"k": 3, "m": 6, "b": 9}
_USUAL = "write it with a decimal point and no thousands separator"


def quote(value: object) -> str:
    """Show a value in a message: on one line, and not at any length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def explain(text: str) -> str:
    """Say how a text that is no number is to be written: `'1,234.5'` without its comma, as 1234.5."""
    bare = text.strip()
    signs = {ord(char): "" for char in bare if unicodedata.category(char) == "Sc"}
    shortened = _SHORTENED.fullmatch(bare)
    if not bare:
        remedy = "fill it in"
    elif signs:
        remedy = f"write it without the currency sign{_as(_plain(bare.translate(signs).strip()))}"
    elif bare.endswith("%"):
        remedy = "it is a percentage: give the number itself"
    elif shortened:
        number = Decimal(shortened[1]).scaleb(_SCALES[shortened[2].lower()])
        remedy = f"write it in full{_as(f'{number:f}')}"
    else:
        remedy = _explain_marks(bare)
    return remedy


def _explain_marks(text: str) -> str:
    """Say what to do about commas, points, spaces and quotes inside a number."""
    if _COULD_BE_EITHER.fullmatch(text):
        either = f"{text.replace(',', '.')} or {text.replace(',', '')}"
        return f"its comma may be a decimal comma or separate thousands: write {either}"
    number = _plain(text)
    if number is None or number == text:
        return _USUAL
    if text.rfind(",") > text.rfind(".") and text.count(",") == 1:
        return f"it has a decimal comma: write it with a decimal point{_as(number)}"
    return f"write it without thousands separators{_as(number)}"


def _as(number: str | None) -> str:
    return "" if number is None else f", as {number}"


def _plain(text: str) -> str | None:
    """Return a number as Python writes it; None if it is none, or could be two."""
    if _COULD_BE_EITHER.fullmatch(text):
        return None
    if _PLAIN.fullmatch(text):
        return text
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    grouped = _GROUPED.fullmatch(text)
    if grouped is None:
        return None
    joined = text.replace(grouped[1], "").replace(",", ".")
    return joined if _PLAIN.fullmatch(joined) else None
