"""Reading a text token by token, with the position of what does not fit."""

from __future__ import annotations

import re
from typing import ClassVar

from fcpref.errors import FormulaSyntaxError


class Tokens:
    """The tokens of a text, one ahead; a notation's recursive descent builds on it.

    Attributes:
        ahead: the token that comes next; empty at the end of the text.
        position: where it begins, in characters.
        space: what may stand between tokens; ASCII unless a notation says otherwise.
    """

    space: ClassVar[re.Pattern[str]] = re.compile(r"\s*", re.ASCII)

    def __init__(self, text: str, token: re.Pattern[str]) -> None:
        """Read up to the first token.

        Args:
            text: what to read; space between tokens is skipped.
            token: matches any one token.

        Raises:
            FormulaSyntaxError: the text begins with something else.
        """
        self.text = text
        self.token = token
        self.end = self.position = 0
        self.ahead = ""
        self.advance()

    def advance(self, token: re.Pattern[str] | None = None) -> str:
        """Return the token that was ahead, and look at the next, by a pattern of its own if given.

        Raises:
            FormulaSyntaxError: what comes next is no token.
        """
        taken = self.ahead
        space = self.space.match(self.text, self.end)
        self.position = self.end = space.end() if space else self.end
        found = (token or self.token).match(self.text, self.position)
        if found:
            self.ahead, self.end = found[0], found.end()
        elif self.position == len(self.text):
            self.ahead = ""
        else:
            message = f"unexpected {self.text[self.position]!r}"
            raise FormulaSyntaxError(message, self.position)
        return taken

    def refuse(self, wanted: str) -> FormulaSyntaxError:
        """Return the error that something else is expected here."""
        return FormulaSyntaxError(
            f"expected {wanted}, found {self.ahead or 'the end'!r}", self.position
        )

    def expect(self, token: str) -> None:
        """Take a token that must come next.

        Raises:
            FormulaSyntaxError: another one does.
        """
        if self.ahead != token:
            raise self.refuse(repr(token))
        self.advance()
