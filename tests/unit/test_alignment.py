"""Alignment against an oracle that knows nothing of offsets: the bytes that the tokens spell."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from universality.inputs.alignment import align, reads_whole_characters, shares
from universality.inputs.tokenization import tokenize
from universality.inputs.tokens import Tokens

TINY = Path(__file__).parents[2] / "resources" / "tiny"

ADVERSARIAL = [
    "Plain English words, and some more of them.",
    "  leading and trailing white space \t ",
    "tabs\tand\t\ttabs\nnew lines\n\n\nand\r\nCRLF\r\n",
    "family 👨‍👩‍👧‍👦 flag 🇯🇵 skin 👍🏽 heart ❤️‍🔥!",
    "combining e\u0301 a\u0308\u0323 and composed é ậ, Zalgo Z̷̢͝a̵l̶g̸o̸",
    "日本語の文章です。漢字とかな、混ぜて。",
    "שלום עולם, مرحبا بالعالم mixed with English",
    "no\u00a0break thin\u2009space zero\u200bwidth \ufeffBOM \u2028line",
    "replacement \ufffd\ufffd character, and \ufffdx",
    "Gothic 𐌰𐌱𐌲 and musical 𝄞 letters",
    "<bos> and <|endoftext|> and <0x41> are text here",
    "\U0001f642" * 30,
    "x",
    "é",
    " ",
    "",
]


LLAMA, NEOX = (AutoTokenizer.from_pretrained(TINY / name) for name in ("llama", "neox"))


def gpt2_bytes() -> dict[str, int]:
    """Return the byte that each letter of a byte-level vocabulary stands for (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + i): byte for i, byte in enumerate(others)
    }


BYTE_OF = gpt2_bytes()


def spelled(token: str, byte_level: bool) -> bytes:
    """Return the bytes that a token of the vocabulary stands for."""
    if byte_level:
        return bytes(BYTE_OF[letter] for letter in token)
    if len(token) == 6 and token.startswith("<0x"):
        return bytes([int(token[3:5], 16)])
    return token.replace("▁", " ").encode()


def prefixes(
    tokenizer: PreTrainedTokenizerBase, tokens: Tokens, document: int, byte_level: bool
) -> dict[bytes, int]:
    """Map what has been read after each token of a document to its (last) row."""
    read, result = b"", {}
    for row in np.flatnonzero((tokens.document == document) & ~tokens.special):
        name = tokenizer.convert_ids_to_tokens(int(tokens.ids[row]))
        read += spelled(name, byte_level)
        result[read] = int(row)
    return result


def is_text(data: bytes) -> bool:
    try:
        return bool(data.decode())
    except UnicodeDecodeError:
        return False


def check_against_oracle(
    texts: list[str],
    a: PreTrainedTokenizerBase,
    b: PreTrainedTokenizerBase,
    max_tokens: int = 512,
) -> None:
    """Compare with the pairs of rows whose tokens spell the same complete text; `b` is GPT-2's."""
    tokens_a, tokens_b = (tokenize(t.backend_tokenizer, texts, None, max_tokens) for t in (a, b))
    aligned = align(tokens_a, tokens_b, np.arange(len(texts)))
    expected = []
    for document, text in enumerate(texts):
        read_a = prefixes(a, tokens_a, document, byte_level=False)
        read_b = prefixes(b, tokens_b, document, byte_level=True)
        assert all(text.encode().startswith(read) for read in (*read_a, *read_b))
        expected += [
            (row, read_b[read], document)
            for read, row in read_a.items()
            if read in read_b and is_text(read)
        ]
        for side, tokens in ((read_a, tokens_a), (read_b, tokens_b)):
            whole = reads_whole_characters(tokens)
            for read, row in side.items():
                assert whole[row] == is_text(read)
                if whole[row]:
                    assert read.decode() == text[: tokens.end[row]]
    found = list(
        zip(*(x.tolist() for x in (aligned.row_a, aligned.row_b, aligned.document)), strict=True)
    )
    assert found == expected


def test_adversarial_unicode() -> None:
    check_against_oracle(ADVERSARIAL, LLAMA, NEOX)


@pytest.mark.parametrize("max_tokens", [2, 3, 7, 12])
def test_truncated_documents(max_tokens: int) -> None:
    check_against_oracle(ADVERSARIAL, LLAMA, NEOX, max_tokens)


# "▁" is the one character that a sentencepiece-like vocabulary cannot tell from a space.
LETTERS = st.one_of(
    st.sampled_from(" \t\n\r.,aeé東\u0301\u200b\u200d\ufe0f\ufffd👍🏽𐌰<0x>"),
    st.characters(exclude_categories=["Cs"], exclude_characters="▁"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=40), min_size=1, max_size=3))
def test_any_text(texts: list[str]) -> None:
    check_against_oracle(texts, LLAMA, NEOX)


def test_same_tokenizer_is_the_identity() -> None:
    texts = ["Anna found the key.", "An old map,\tand the sea…"]
    tokens = tokenize(NEOX.backend_tokenizer, texts, "<|endoftext|>", 512)
    aligned = align(tokens, tokens, np.array([1, 0]))
    np.testing.assert_array_equal(aligned.row_a, aligned.row_b)
    # The only other rows are those within the three bytes of the ellipsis: two of them here.
    left_out = np.setdiff1d(np.flatnonzero(~tokens.special), aligned.row_a)
    assert [NEOX.convert_ids_to_tokens(int(tokens.ids[row])) for row in left_out] == ["âĢ"]
    np.testing.assert_array_equal(aligned.document, tokens.document[aligned.row_a])
    np.testing.assert_array_equal(aligned.split, 1 - aligned.document)


def tokens(spans: list[tuple[int, int]], documents: list[int], special: list[bool]) -> Tokens:
    start, end = np.array(spans, dtype=np.int32).reshape(-1, 2).T
    zeros = np.zeros(len(spans), dtype=np.int32)
    document = np.array(documents, dtype=np.int32)
    return Tokens(zeros, start, end, document, zeros, np.array(special, dtype=bool), 0)


def test_a_token_that_reaches_into_the_next_character_is_incomplete() -> None:
    # Character 1 is read in part by row 1; row 2 ends it and reads character 2.
    a = tokens([(0, 1), (1, 2), (1, 3), (3, 4)], [0, 0, 0, 0], [False] * 4)
    b = tokens([(0, 1), (1, 2), (2, 3), (3, 4)], [0, 0, 0, 0], [False] * 4)
    aligned = align(a, b, np.array([0]))
    assert aligned.row_a.tolist() == [0, 2, 3]
    assert aligned.row_b.tolist() == [0, 2, 3]
    assert shares(aligned, a, b) == (0.75, 0.75)


def test_zero_width_and_special_tokens() -> None:
    a = tokens([(0, 0), (0, 0), (0, 2), (2, 2), (0, 0)], [0] * 5, [True, False, False, False, True])
    b = tokens([(0, 2), (0, 2)], [0, 1], [False, False])
    aligned = align(a, b, np.array([7, 8]))
    # Row 1 has read nothing; rows 2 and 3 have read the same; document 1 is not in A.
    assert (aligned.row_a.tolist(), aligned.row_b.tolist()) == ([3], [0])
    assert (aligned.document.tolist(), aligned.split.tolist()) == ([0], [7])
    assert shares(aligned, a, b) == (pytest.approx(1 / 3), 0.5)


def test_documents_are_kept_apart() -> None:
    # Document 0 ends where a token of document 1 starts "before" that end.
    a = tokens([(0, 5), (0, 3), (3, 5)], [0, 1, 1], [False] * 3)
    b = tokens([(0, 5), (0, 5)], [0, 1], [False] * 2)
    aligned = align(a, b, np.array([0, 1]))
    assert aligned.row_a.tolist() == [0, 2]
    assert aligned.row_b.tolist() == [0, 1]


def test_no_documents() -> None:
    none = tokenize(NEOX.backend_tokenizer, [], None, 10)
    aligned = align(none, none, np.array([], dtype=int))
    assert len(aligned.row_a) == 0
    assert np.isnan(shares(aligned, none, none)).all()
