"""HTML elements as text that cannot be unbalanced or unescaped."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping

Markup = NewType("Markup", str)

# Not allowed in an HTML document, escaped or not; a lone surrogate cannot even be encoded.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def text(content: str) -> Markup:
    """Escape any text, for an element or for a quoted attribute."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n")
    return Markup(html.escape(_FORBIDDEN.sub(_REPLACEMENT, lines), quote=True))


def element(name: str, attributes: Mapping[str, str | float], *children: Markup) -> Markup:
    """Return an element with an end tag; the children are markup already.

    Args:
        name: the tag.
        attributes: numbers are written with at most two decimals.
        children: what is inside, one after the other.
    """
    written = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{''.join(children)}</{name}>")


def join(*parts: Markup) -> Markup:
    """Put markup one after the other, a line each."""
    return Markup("\n".join(parts))


def _attribute(value: str | float) -> str:
    return text(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
