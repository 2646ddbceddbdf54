"""Prose out of markup: each format's known answers, and hostile text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality.errors import StudyError
from universality.inputs.markup import FORMATS, prose

RST = """
.. _label:

=====
Title
=====

A sentence with ``code()``, *emphasis*, a `link <http://x.example>`_, and a note [1]_ in it.

.. currentmodule:: toy

.. class:: Model(name, *, **options)
   :module: toy

   The :class:`~toy.sub.Model` class is described by :ref:`its page <models>` and :meth:`.save`.

   .. method:: save()

       Saves what :attr:`!name` holds, as :pep:`8` and ``x\\\\y`` demand.

   .. versionadded:: 5.0

       This argument was added by a kind person.

See :doc:`/ref/models`, which is a page whose title nobody here knows.

For example, the following block of code is introduced by this paragraph::

    this is code. It is not prose, whatever it ends with.

.. code-block:: python
   :caption: file.py
   :unknown: option

   print("This is also code, although it ends like a sentence.")

.. console::

    $ this is a command that ends with a full stop .

.. note::

    Notes are prose like any other paragraph of the text.

.. unheard-of:: argument
    :option: 3

    The content of unknown directives is read as text.

.. include:: /etc/passwd

.. raw:: html

    <p>Raw content is no prose and must never appear.</p>

.. a comment. It has several words and a full stop.

* :func:`short`
* An item of a list may be a whole sentence, too.

term
    A definition is prose when it is a sentence.

====== ==================================
Column A table is not prose, full stop or not.
====== ==================================
a      Cells of a table are not prose either.
====== ==================================

:field: The body of a field is not prose, even with words.

>>> a doctest is not prose, either. Really not.

The |version| substitution stands for something unknown to us.

This has a :broken:`role that ends :nowhere, and `unbalanced things in it.

.. [1] The text of a footnote is left out on purpose.
"""


def test_rst() -> None:
    assert prose(RST, "rst") == [
        "A sentence with code(), emphasis, a link, and a note in it.",
        "The Model class is described by its page and save.",
        "Saves what name holds, as PEP 8 and x\\\\y demand.",
        "Notes are prose like any other paragraph of the text.",
        "The content of unknown directives is read as text.",
        "An item of a list may be a whole sentence, too.",
        "A definition is prose when it is a sentence.",
    ]


def test_rst_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    prose(RST, "rst")
    assert capfd.readouterr() == ("", "")


def test_plain() -> None:
    text = "First line\nsecond\tline.\n\n\n  \nNext paragraph\r\n\r\nshort\n"
    assert prose(text, "plain") == ["First line second line.", "Next paragraph", "short"]


def test_cleaning() -> None:
    text = "a\x00b\x1b[0m c\ud800d\u0085 e\u0301 \u00a0NBSP\u200b \ufffd\v\fend"
    assert prose(text, "plain") == ["ab[0m cd e\u0301 \u00a0NBSP\u200b \ufffd end"]
    assert prose(" \x00 \n\n\ud800", "plain") == []


def test_replace() -> None:
    assert prose("God`s word -- here", "plain", {"`": "'", "--": "–"}) == ["God's word – here"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_replacements_means_nothing(order: int) -> None:
    replace = dict([("`", "'"), ("``", '"'), ("'", "’")][::order])
    assert prose("``It`s'", "plain", replace) == ["\"It's’"]


def test_python_strings() -> None:
    long, second = "It`s a long story. " * 60, "Another one. " * 90
    source = (
        f'"""Short docstring."""\nx = f(\n    1,\n    {long!r},\n)\n'
        f"y = {{'k': {second + chr(10) * 2 + second!r}}}\nb = b'{'bytes ' * 300}'\n"
        "raise SystemExit('executed')\n"
    )
    expected = [long.strip().replace("`", "'"), second.strip(), second.strip()]
    assert prose(source, "python-strings", {"`": "'"}) == expected


@pytest.mark.parametrize("source", ["def f(:", "x = '\x00'"])
def test_not_python(source: str) -> None:
    with pytest.raises(StudyError, match="python-strings: the text is not Python source"):
        prose(source, "python-strings")


def test_markdown() -> None:
    text = """
# A heading that ends with a full stop.

A paragraph with `code`, **bold**, a [link](http://x.example "t") and
a second line.

![An image. Its text is not prose.](x.png)

- An item that is a whole sentence.
- item

> A quotation is also prose, if it is long enough.

| A | B |
|---|---|
| A cell that is a sentence. | So is this one here. |

```
Code in a fence. It is not prose.
```

    Code by indentation. It is not prose.

<div>Raw blocks of HTML are not read as prose.</div>

Inline <b>HTML</b> loses its tags &amp; entities are read.
"""
    assert prose(text, "markdown") == [
        "A paragraph with code, bold, a link and a second line.",
        "An item that is a whole sentence.",
        "A quotation is also prose, if it is long enough.",
        "Inline HTML loses its tags & entities are read.",
    ]


def test_html() -> None:
    text = """<!DOCTYPE html><html><head><title>The title is not prose at all.</title>
<style>p { content: "Style is not prose at all."; }</style></head><body>
<nav><a>Navigation is not prose, says everyone here.</a></nav>
<h1>A heading that ends with a full stop.</h1>
<p>One <em>paragraph</em> with <code>code</code>, caf&eacute; &amp; a<br>line break.
<p>Another that nobody <!-- comment --> closed, in fact.
<ul><li>item<li>An item that is a whole sentence.</ul>
<div>Text in a division counts <span>as well</span>.<hr/>But this is short.</div>
<pre>Preformatted text is code. It is not prose.</pre>
<script>var s = "<p>Scripts are no prose at all.</p>";</script>
<table><tr><td>Cells are no prose, even if sentences.</table>
</pre><p>A closing tag too many does no harm here.</p></body></html>"""
    assert prose(text, "html") == [
        "One paragraph with code, café & a line break.",
        "Another that nobody closed, in fact.",
        "An item that is a whole sentence.",
        "Text in a division counts as well.",
        "A closing tag too many does no harm here.",
    ]


def test_unknown_format() -> None:
    with pytest.raises(StudyError, match="'docx'; valid are plain, rst, markdown, html, "):
        prose("", "docx")


PIECES = st.sampled_from(
    ["a b c d e f.", "\n\n", "\n", "  ", ".. x::", ":x:`y`", "``", "`", "*", "|", "=====", "::",
     "<p>", "</p>", "<!--", "&", "[a](b)", "[1]_", "> ", "```", ".. include:: /etc/hostname", "\\",
     "<script>", "|x|", "_", "- ", "\t", "é", "\x00"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join),
    st.sampled_from([name for name in FORMATS if name != "python-strings"]),
)
def test_any_text_gives_clean_paragraphs(text: str, format: str) -> None:
    for paragraph in prose(text, format):
        assert paragraph == " ".join(word for word in paragraph.split(" ") if word)
        assert paragraph
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in paragraph)
        paragraph.encode()
