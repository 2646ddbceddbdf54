"""The corpus of a study: documents of about one context length, cut from prose, with their split.

A *source* is a sequence of texts (files, or rows of a table), a text is a list of paragraphs, and a
*document* is a piece of one text. Splits are by document, so no token of a document that a choice
was fitted on is among those it is judged on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from universality.documents import Document
from universality.errors import StudyError
from universality.seeds import generator

# Documents are drawn from this many times as many as needed: enough to spread them over the source,
# few enough to leave most of a large source unread.
_POOL = 2

# Behind the end of a sentence, its quotes and brackets, and the white space (none in Chinese).
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？])[」』”]*\s*")


def documents(paragraphs: Iterable[str], size: int) -> Iterator[str]:
    """Cut one text into documents of about `size` characters, at sentence ends where possible.

    Short paragraphs are joined (by an empty line), long ones cut between sentences, and a sentence
    that is too long between words (at single spaces). Each document has .5 to 1.5 times `size`
    characters; what is too short at the end of the text, and words of half a document or longer,
    are left out.
    """
    # The pieces still to come, last first, each with the white space that follows it.
    rest = [piece for paragraph in paragraphs for piece in _pieces(paragraph, size)][::-1]
    text = ""
    while rest:
        piece = rest.pop()
        length = len((text + piece).rstrip())
        before = len(text.rstrip())
        if length <= size:
            text += piece
        elif 2 * before >= size and size - before <= length - size:
            yield text.rstrip()
            text = ""
            rest.append(piece)
        elif 2 * length <= 3 * size:
            yield (text + piece).rstrip()
            text = ""
        else:
            end = 1 + piece.rfind(" ", 0, size - len(text))
            rest.append(piece[end:])
            yield (text + piece[:end]).rstrip()
            text = ""
    if 2 * len(text.rstrip()) >= size:
        yield text.rstrip()


def _pieces(paragraph: str, size: int) -> list[str]:
    """Split a paragraph into sentences that keep the white space behind them."""
    bounds = [0, *(match.end() for match in _SENTENCE_END.finditer(paragraph)), len(paragraph)]
    pieces = []
    for start, end in pairwise(bounds):
        words = paragraph[start:end].split(" ")
        # Shorter than half a document by the paragraph break that may precede them.
        pieces.append(" ".join(word for word in words if len(word) < size // 2 - 2))
    pieces[-1] += "\n\n"
    return [piece for piece in pieces if piece.strip()]


def build(
    sources: Mapping[str, Iterable[list[str]]],
    n_documents: int,
    shares: Mapping[str, float],
    size: int,
    splits: Mapping[str, float],
    seed: int,
) -> list[Document]:
    """Draw a corpus from sources.

    Each source gives its share of the documents, drawn at random from the first texts that hold
    twice as many: give the texts in random order (`texts.read_source` does). No two documents have
    the same text. Within each source the splits have their shares of documents. Both kinds of
    shares are exact, rounded by largest remainders.

    Args:
        sources: by name, the texts of the source, each a list of paragraphs; read only as far as
            needed.
        n_documents: size of the corpus.
        shares: by source, its share of the documents; they sum to 1.
        size: characters of a document, on average; see `documents`.
        splits: by split, its share of the documents; they sum to 1.
        seed: the study's seed.

    Returns:
        The documents in random order; `id` counts from 0.

    Raises:
        StudyError: a source has too little text, or a split gets no document.
    """
    wanted = largest_remainder(n_documents, shares)
    seen: set[str] = set()
    drawn: list[tuple[str, str, str]] = []
    for name, texts in sources.items():
        rng = generator(seed, "corpus", name)
        pool = _distinct(texts, size, _POOL * wanted[name], seen)
        if len(pool) < wanted[name]:
            raise StudyError(
                f"corpus source {name!r}: its text makes {len(pool)} documents of about {size} "
                f"characters, {wanted[name]} are wanted; lower its share or the number of "
                "documents, or add text"
            )
        chosen = [pool[i] for i in rng.permutation(len(pool))[: wanted[name]]]
        counts = largest_remainder(wanted[name], splits)
        labels = [split for split, count in counts.items() for _ in range(count)]
        drawn += [(name, split, text) for split, text in zip(labels, chosen, strict=True)]
    empty = [split for split in splits if split not in {split for _, split, _ in drawn}]
    if empty:
        raise StudyError(
            f"corpus.documents: {n_documents} documents leave none for the split {empty[0]!r}; "
            "draw more of them, or give it a larger share"
        )
    order = generator(seed, "corpus").permutation(len(drawn))
    return [Document(id, *drawn[i]) for id, i in enumerate(order)]


def _distinct(texts: Iterable[list[str]], size: int, enough: int, seen: set[str]) -> list[str]:
    """Cut texts into documents that were not `seen` yet, until there are enough."""
    pool: list[str] = []
    for paragraphs in texts:
        for document in documents(paragraphs, size):
            if document not in seen:
                seen.add(document)
                pool.append(document)
        if len(pool) >= enough:
            break
    return pool


def largest_remainder(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Divide `total` into whole numbers in proportion to `shares`, which sum to 1.

    Of the units that rounding down leaves, one each goes to the largest remainders, the first
    named among equals.

    Raises:
        StudyError: the shares are negative or do not sum to 1.
    """
    if min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
        listed = ", ".join(f"{name}: {share}" for name, share in shares.items())
        raise StudyError(f"shares must be at least 0 and add up to 1; found {{{listed}}}")
    # Rounded, so that 0.1 * 30 = 3.0000000000000004 has no remainder.
    exact = {name: round(total * share, 6) for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
