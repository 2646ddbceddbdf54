"""Plain prose out of marked-up text: paragraphs of sentences, without code, tables or markup.

`prose(text, format)` knows the formats in `FORMATS`. In the formats that have markup, a paragraph
that is not made of sentences is left out (headings, entries of a list of links, introductions of a
code block that end in a colon).
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from itertools import pairwise

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Directive, Parser, directives, roles
from docutils.parsers.rst.languages import en
from docutils.utils import new_document, unescape
from markdown_it import MarkdownIt

from universality.errors import StudyError, reason

# A string constant that is prose is longer than any message or docstring.
LONG_STRING = 1000


def prose(text: str, format: str, replace: Mapping[str, str] | None = None) -> list[str]:
    """Return the paragraphs of plain prose in a text, in order.

    Runs of white space become one space; control characters and lone surrogates are removed;
    otherwise characters stay as they are (no Unicode normalisation).

    Args:
        text: the marked-up text.
        format: one of `FORMATS`.
        replace: strings to be replaced in the paragraphs, e.g. `{"`": "'"}`. Of several that start
            at one place the longest is; what was put in is not looked at again.

    Raises:
        StudyError: an unknown format, or a text that its parser cannot read.
    """
    if format not in FORMATS:
        raise StudyError(f"unknown text format {format!r}; valid are {', '.join(FORMATS)}")
    new = replace or {}
    old = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))))
    try:
        found = FORMATS[format](text)
    except (StudyError, MemoryError):
        raise
    # What a parser raises depends on what it stumbles over.
    except Exception as error:
        raise StudyError(
            f"cannot be read as {format} ({type(error).__name__}: {reason(error)})"
        ) from error
    paragraphs = []
    for paragraph in found:
        if new:
            paragraph = old.sub(lambda found: new[found[0]], paragraph)
        paragraph = _clean(paragraph)
        if paragraph:
            paragraphs.append(paragraph)
    return paragraphs


def _clean(text: str) -> str:
    text = re.sub(r"[ \t\r\n\f\v]+", " ", text)
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", text).strip(" ")


def _plain(text: str) -> list[str]:
    """Split at blank lines."""
    return re.split(r"\r?\n[ \t]*(?:\r?\n[ \t]*)+", text)


def _sentences(paragraphs: list[str]) -> list[str]:
    """Keep the paragraphs that end like a sentence and have more than four words."""
    ends_like_one = re.compile(r"[.!?…。！？][\"'”’»)\]]*\s*$")
    return [p for p in paragraphs if ends_like_one.search(p) and len(p.split()) > 4]


def _python_strings(text: str) -> list[str]:
    """Return the paragraphs of the long string constants; the source is parsed, never run."""
    try:
        tree = ast.parse(text)
    # The parser's own stack is full: that is no want of memory.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StudyError(
            f"format python-strings: the text is not Python source ({reason(error)})"
        ) from None
    strings = [
        (node.lineno, node.col_offset, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value) > LONG_STRING
    ]
    return [paragraph for _, _, string in sorted(strings) for paragraph in _plain(string)]


def _markdown(text: str) -> list[str]:
    """Return the paragraphs of CommonMark with tables, list items included."""
    paragraphs = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for before, token in pairwise(tokens):
        if before.type == "paragraph_open":
            shown = {"text": None, "code_inline": None, "softbreak": "\n", "hardbreak": "\n"}
            paragraphs.append(
                "".join(
                    shown[child.type] or child.content
                    for child in token.children or []
                    if child.type in shown
                )
            )
    return _sentences(paragraphs)


_HTML_INLINE = """
a abbr b bdi bdo big cite code data del dfn em font i ins kbd mark q s samp small span strike
strong sub sup time tt u var wbr
"""
_HTML_NO_PROSE = """
head script style template noscript svg math pre table nav form button select textarea figure
iframe object h1 h2 h3 h4 h5 h6
"""


class _HtmlParagraphs(HTMLParser):
    """Collects the text between block-level tags, except in blocks that hold no prose."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = [""]
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in _HTML_NO_PROSE.split()
        self._block(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._block(tag)

    def handle_endtag(self, tag: str) -> None:
        self._skipped = max(0, self._skipped - (tag in _HTML_NO_PROSE.split()))
        self._block(tag)

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.paragraphs[-1] += data

    def _block(self, tag: str) -> None:
        if tag == "br":
            self.handle_data("\n")
        elif tag not in _HTML_INLINE.split():
            self.paragraphs.append("")


def _html(text: str) -> list[str]:
    parser = _HtmlParagraphs()
    parser.feed(text)
    parser.close()
    return _sentences(parser.paragraphs)


class _Unreadable(nodes.Inline, nodes.TextElement):
    """Something in a paragraph that shows as other text than its source, e.g. a page's title."""


def _role(
    name: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: object,
    options: Mapping[str, object] | None = None,
    content: Sequence[str] | None = None,
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Show an unknown role as Sphinx would: its title, or the last part of a `~dotted.name`."""
    text = unescape(text)
    titled = re.fullmatch(r"(.+?)\s*<[^<>]+>", text, re.DOTALL)
    if titled:
        text = titled[1]
    elif name.lower() in ("ref", "doc", "numref", "any"):
        return [_Unreadable(rawtext, text)], []
    elif text.startswith("~"):
        text = text.rpartition(".")[2].lstrip("~")
    return [nodes.inline(rawtext, text.lstrip("!."))], []


class _Container(Directive):
    """An unknown directive that describes something: its content is read like any other text."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        container = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


class _Nothing(_Container):
    """A directive whose content is no prose."""

    def run(self) -> list[nodes.Node]:
        return []


_RST_NO_PROSE = """
code code-block console deprecated doctest graphviz highlight index literalinclude mermaid
productionlist snippet sourcecode tabularcolumns testcleanup testcode testoutput testsetup
toctree versionadded versionchanged versionremoved
"""

_RST_NO_PROSE_NODES = (
    nodes.system_message,
    nodes.table,
    nodes.footnote,
    nodes.citation,
    nodes.field_list,
    nodes.option_list,
    nodes.substitution_definition,
)


def _register(text: str) -> None:
    """Make docutils know every role and directive that the text uses.

    docutils keeps them in process-wide tables. `class` is known to it with another meaning than
    Sphinx's description of a class.
    """
    for name in set(re.findall(r"^\s*\.\. +([\w.+:-]+)::", text, re.MULTILINE)):
        if name.lower() in _RST_NO_PROSE.split():
            directives.register_directive(name.lower(), _Nothing)
        elif name.lower() not in en.directives or name == "class":
            directives.register_directive(name.lower(), _Container)
    for name in set(re.findall(r":([A-Za-z][\w.+:-]*):`", text)):
        if name.lower() not in en.roles:
            roles.register_local_role(name.lower(), _role)  # type: ignore[arg-type]


def _rst(text: str) -> list[str]:
    """Return the paragraphs of reStructuredText, with Sphinx's or any other extensions.

    Left out: headings, code, tables, comments, footnotes, fields, notes on versions, whatever
    docutils reports as an error, and paragraphs with a reference whose text is not known.
    """
    _register(text)
    settings = get_default_settings(Parser)
    # Files of this machine must not get into the text, nor errors to the terminal.
    settings.file_insertion_enabled = False
    settings.raw_enabled = False
    settings.report_level = settings.halt_level = 5
    settings.syntax_highlight = "none"
    document = new_document("", settings)
    Parser().parse(text, document)
    unreadable = (_Unreadable, nodes.problematic, nodes.substitution_reference)
    paragraphs = []
    for paragraph in _outside(document, _RST_NO_PROSE_NODES):
        if not isinstance(paragraph, nodes.paragraph):
            continue
        if next(paragraph.findall(lambda node: isinstance(node, unreadable)), None) is None:
            inner = _outside(paragraph, (nodes.footnote_reference, nodes.citation_reference))
            paragraphs.append("".join(n.astext() for n in inner if isinstance(n, nodes.Text)))
    return _sentences(paragraphs)


def _outside(node: nodes.Node, excluded: tuple[type[nodes.Node], ...]) -> list[nodes.Node]:
    """Return the node and its descendants that are not inside an excluded node, in order."""
    if isinstance(node, excluded):
        return []
    return [node, *(inner for child in node.children for inner in _outside(child, excluded))]


FORMATS: dict[str, Callable[[str], list[str]]] = {
    "plain": _plain,
    "rst": _rst,
    "markdown": _markdown,
    "html": _html,
    "python-strings": _python_strings,
}
