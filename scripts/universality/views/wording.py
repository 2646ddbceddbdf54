"""Numbers, lists and tables as text, and Markdown that shows every name as it is."""

import html
import re
from collections.abc import Iterable, Sequence

import pandas as pd

MISSING = "–"


def count(number: int, noun: str) -> str:
    """Return `1 cell`, `9 cells`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def number(value: float | None, digits: int = 3) -> str:
    """Return a rounded number; what is missing is `–`."""
    # "+ 0" turns a rounded -0.000 into 0.000.
    return MISSING if pd.isna(value) else f"{round(value, digits) + 0:.{digits}f}"


def mean(values: pd.Series, digits: int = 3) -> str:
    """Return the rounded mean of what is not missing."""
    return number(values.mean(), digits)


def chance(p: float | None) -> str:
    """Return a p-value; 0 is possible for the published protocol."""
    return MISSING if pd.isna(p) else f"{p:.2g}"


def ranged(value: float, low: float, high: float) -> str:
    """Return a number with its interval, where there is one: `0.74 (0.70 to 0.78)`."""
    if pd.isna(low) or pd.isna(value):
        return number(value, 2)
    return f"{number(value, 2)} ({number(low, 2)} to {number(high, 2)})"


def reached(values: pd.Series, level: float, noun: str) -> str:
    """Return how many of the known values are at most `level`: `8 of 9 cells`."""
    known = values.dropna()
    return f"{(known <= level).sum()} of {count(len(known), noun)}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    heads = [escape(column) for column in columns]
    lines = [heads, ["---"] * len(columns), *([escape(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def bullets(sentences: Iterable[str]) -> list[str]:
    """Return the lines of a Markdown list."""
    return [f"- {escape(sentence)}" for sentence in sentences]


def escape(text: str) -> str:
    """Return Markdown that shows `text` as it is: no markup, HTML, mathematics, or line breaks."""
    text = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("$", "&#36;")
