"""Categories of words, such as months or emotions, and the features whose labels name them.

Labels are whole lower-case words around the token (see `labels`), so that a category finds the same
features whatever the model's tokenizer makes of its words. Lan et al. 2024 (arXiv 2410.06981)
compare their keywords with single tokens instead.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from universality.errors import StudyError, reason
from universality.features import labels


def read(path: Path) -> list[str]:
    """Return the words of a file: one on each line, in lower case, once each.

    What follows a `#` is a comment. Lines without a word are left out.

    Raises:
        StudyError: the file cannot be read, is not UTF-8, or holds no word; or a line holds what
            can be no label: several words, or something such as `ice-cream`.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8 text ({reason(error)})") from error
    except OSError as error:
        raise StudyError(f"{path}: not a readable file ({reason(error)})") from error
    stated = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    return _checked(((f"{path}, line {number}", word) for number, word in stated if word), path)


def listed(words: Sequence[str], where: str) -> list[str]:
    """Return the words that a configuration lists at the key `where`, as `read` does.

    Raises:
        StudyError: as `read`.
    """
    return _checked(((where, word) for word in words), where)


def _checked(words: Iterable[tuple[str, str]], where: object) -> list[str]:
    """Return the words in lower case, each given with its place; `where` is that of them all."""
    found: dict[str, None] = {}
    for place, word in words:
        if not word or any(c.isspace() for c in word):
            raise StudyError(f"{place}: found {word!r}; valid: a single word without white space")
        lower, label = word.lower(), labels.word(word, 0, len(word))
        # White space is labelled by its escapes, which are no words.
        if label != lower and "\\" not in word:
            raise StudyError(
                f"{place}: found {word!r}, which is never a label (labels are whole words: here "
                f"{label!r})"
            )
        found[lower] = None
    if not found:
        raise StudyError(f"{where}: found no words; a category needs at least one")
    return list(found)


def naming(
    feature: Int[np.ndarray, "N"],
    word: Sequence[str],
    n_features: int,
    words: Collection[str],
    min_words: int,
) -> Bool[np.ndarray, "F"]:
    """Say which of `n_features` features name the category with these `words`.

    A feature does when the label of at least `min_words` of its top contexts is one of them.
    `feature` and `word` are the columns of the table of labels, one row for each context. Features
    without contexts (they never fire) name nothing.
    """
    wanted = frozenset(words)
    hits = np.fromiter((one in wanted for one in word), bool, len(word))
    return np.bincount(feature[hits], minlength=n_features) >= min_words
