"""What users call and describe their tasks is shown as text where Prefect's UI renders markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from falcon_scheduler.adapters.prefect.markdown import as_text

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
INTERESTING = "abc 12 \\`*_{}[]()<>#+-.!|~:@&;=/\"'\n\t"


def shown(markdown: str) -> str:
    """What a reader sees; fails when anything but text in paragraphs comes out."""
    html = RENDERER.render(markdown)
    tags = set(re.findall(r"<[^>]*>", html))
    assert tags <= {"<p>", "</p>"}, html
    text = re.sub(r"</?p>", "", html)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    "text",
    [
        "plain words, with 3.5 % and 10:30",
        "[click](javascript:alert(1))",
        "![x](https://evil.example/pixel.png)",
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "see https://evil.example, www.evil.example or mailto:a@evil.example",
        "<https://evil.example>",
        "[x]: https://evil.example",
        "**bold** _thin_ `code` ~~gone~~ &amp; &#x3c;b&#x3e;",
        "# a\n## b\na\n===\nb\n---\n- c\n+ d\n1. e\n2) f\n> g\n***\n___",
        "    indented\n\tcode",
        "```\nfenced\n```",
        "a | b\n--|--\nc | d",
        "\\*\\[x\\](y)",
    ],
)
def test_markup_is_shown_as_text(text: str) -> None:
    assert words(shown(as_text(text))) == words(text)
    assert not re.search(r"https?:/|mailto:|www\.|(?<!\\)@", as_text(text)), "nothing that GFM makes a link of"


@given(st.text(INTERESTING, max_size=80))
def test_whatever_is_written_is_shown_as_text(text: str) -> None:
    assert words(shown(as_text(text))) == words(text)
