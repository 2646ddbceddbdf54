"""Tokens, their offsets, special tokens and truncation, for four kinds of tokenizers."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from universality.errors import StudyError
from universality.inputs.tokenization import tokenize
from universality.inputs.tokens import Tokens

TINY = Path(__file__).parents[2] / "resources" / "tiny"
LLAMA, NEOX = (AutoTokenizer.from_pretrained(TINY / name) for name in ("llama", "neox"))


def encoder() -> PreTrainedTokenizerFast:
    """Return a BERT-like tokenizer: lower case, no accents, [CLS] and [SEP]."""
    vocabulary = ["[UNK]", "[CLS]", "[SEP]", "the", "cafe", "##s", "open", ".", "a"]
    tokenizer = Tokenizer(
        models.WordPiece({t: i for i, t in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )


def columns(tokens: Tokens, *names: str) -> list[list[int]]:
    return [getattr(tokens, name).tolist() for name in names]


def test_encoder() -> None:
    tokens = tokenize(encoder().backend_tokenizer, ["The Cafés  open.", "a"], None, 10)
    assert columns(tokens, "ids", "start", "end") == [
        [1, 3, 4, 5, 6, 7, 2, 1, 8, 2],
        [0, 0, 4, 8, 11, 15, 0, 0, 0, 0],
        [0, 3, 8, 9, 15, 16, 0, 0, 1, 0],
    ]
    assert columns(tokens, "document", "position", "special") == [
        [0] * 7 + [1] * 3,
        [0, 1, 2, 3, 4, 5, 6, 0, 1, 2],
        [True] + [False] * 5 + [True, True, False, True],
    ]
    assert tokens.truncated == 0


def test_truncation_keeps_the_closing_token() -> None:
    tokens = tokenize(encoder().backend_tokenizer, ["The Cafés open.", "a"], None, 4)
    assert tokens.ids.tolist() == [1, 3, 4, 2, 1, 8, 2]
    assert tokens.position.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert tokens.truncated == 1


def test_dtypes() -> None:
    for texts in (["some text"], []):
        tokens = tokenize(NEOX.backend_tokenizer, texts, None, 10)
        for name in ("ids", "start", "end", "document", "position"):
            assert getattr(tokens, name).dtype == np.int32
        assert tokens.special.dtype == bool


def test_bos_of_the_tokenizer_or_another_or_none() -> None:
    text = ["The girl"]
    own, other, none = (
        tokenize(LLAMA.backend_tokenizer, text, None, 50),
        tokenize(LLAMA.backend_tokenizer, text, "<eos>", 50),
        tokenize(NEOX.backend_tokenizer, text, None, 50),
    )
    assert LLAMA.convert_ids_to_tokens(own.ids[:2].tolist()) == ["<bos>", "The"]
    assert LLAMA.convert_ids_to_tokens(other.ids[:2].tolist()) == ["<eos>", "The"]
    assert own.ids[1:].tolist() == other.ids[1:].tolist()
    for tokens in (own, other):
        assert tokens.special.tolist() == [True] + [False] * (len(tokens.ids) - 1)
        assert (tokens.start[0], tokens.end[0]) == (0, 0)
    assert not none.special.any()
    with_bos = tokenize(NEOX.backend_tokenizer, text, "<|endoftext|>", 50)
    assert with_bos.ids.tolist() == [NEOX.eos_token_id, *none.ids.tolist()]
    np.testing.assert_array_equal(with_bos.end[1:], none.end)


def test_unknown_bos() -> None:
    message = (
        r"bos '<s>': no such token in the vocabulary; the special tokens are <unk>, <bos>, <eos>"
    )
    with pytest.raises(StudyError, match=message):
        tokenize(LLAMA.backend_tokenizer, ["x"], "<s>", 10)


def test_white_space_keeps_its_offsets() -> None:
    text = "a  ⚠ b"
    tokens = tokenize(NEOX.backend_tokenizer, [text], None, 50)
    # The tokenizer's own offsets trim the spaces.
    trimmed = NEOX(text, return_offsets_mapping=True)["offset_mapping"]
    names = NEOX.convert_ids_to_tokens(tokens.ids.tolist())
    assert names == ["a", "Ġ", "Ġ", "â", "ļ", "ł", "Ġb"]
    assert trimmed[1] == (2, 2)
    spans = list(zip(tokens.start.tolist(), tokens.end.tolist(), strict=True))
    assert spans == [(0, 1), (1, 2), (2, 3), (3, 4), (3, 4), (3, 4), (4, 6)]
    # The caller's tokenizer stays as it was.
    assert NEOX(text, return_offsets_mapping=True)["offset_mapping"] == trimmed


def test_nested_post_processors_do_not_trim_either() -> None:
    tokenizer = Tokenizer.from_str(NEOX.backend_tokenizer.to_str())
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.RobertaProcessing(("</s>", 1), ("<s>", 2), trim_offsets=True),
        ]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    tokens = tokenize(fast.backend_tokenizer, ["a b"], None, 9)
    assert columns(tokens, "start", "end") == [[0, 0, 1, 0], [0, 1, 3, 0]]
    assert tokens.special.tolist() == [True, False, False, True]


def test_names_of_special_tokens_are_text() -> None:
    text = "a<bos>b<|endoftext|>"
    for tokenizer in (LLAMA, NEOX):
        tokens = tokenize(tokenizer.backend_tokenizer, [text], None, 100)
        inside = tokens.ids[~tokens.special]
        assert not set(inside.tolist()) & set(tokenizer.all_special_ids)
        assert tokenizer.decode(inside.tolist()) == text


@pytest.mark.parametrize("max_tokens", range(1, 9))
def test_truncation_never_splits_a_character(max_tokens: int) -> None:
    # "x" is one token, the emoji four.
    tokens = tokenize(NEOX.backend_tokenizer, ["x🙂x"], None, max_tokens)
    assert len(tokens.ids) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 5}.get(max_tokens, 6)
    assert tokens.truncated == (max_tokens < 6)


def test_no_room_and_empty_documents() -> None:
    tokens = tokenize(LLAMA.backend_tokenizer, ["", "abc", ""], None, 1)
    assert columns(tokens, "document", "position") == [[0, 1, 2], [0, 0, 0]]
    assert tokens.special.all()
    assert tokens.truncated == 1
    assert len(tokenize(NEOX.backend_tokenizer, ["", ""], None, 5).ids) == 0


def test_padding_and_truncation_settings_of_the_tokenizer_do_not_matter() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY / "neox")
    plain = tokenize(tokenizer.backend_tokenizer, ["The girl and the king", "x"], None, 50)
    tokenizer.backend_tokenizer.enable_truncation(2)
    tokenizer.backend_tokenizer.enable_padding(length=20)
    again = tokenize(tokenizer.backend_tokenizer, ["The girl and the king", "x"], None, 50)
    np.testing.assert_array_equal(plain.ids, again.ids)
