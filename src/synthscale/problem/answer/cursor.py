"""A place in a list of tokens, moved along by the grammar."""

from __future__ import annotations

from collections.abc import Sequence

from synthscale.problem.answer.tokens import Kind, Token, Unreadable

MAX_DEPTH = 100
MAX_OPERATIONS = 400  # so that what is built is not too deep for those who walk through it
END = Token(Kind.SIGN, "")


class Cursor:
    """Reads tokens one after the other, to a bounded depth."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = list(tokens)
        self.position = 0
        self.depth = 0
        self.num_operations = 0

    @property
    def next(self) -> Token:
        """The token that is to be read."""
        return self.tokens[self.position] if self.position < len(self.tokens) else END

    @property
    def before(self) -> Token:
        """The token that was read last."""
        return self.tokens[self.position - 1]

    def take(self) -> Token:
        token = self.next
        self.position += 1
        return token

    def at_end(self) -> bool:
        return self.position >= len(self.tokens)

    def at_last(self) -> bool:
        return self.position + 1 >= len(self.tokens)

    def accept(self, text: str) -> bool:
        if self.next.text == text and self.position < len(self.tokens) and self.next.kind is Kind.SIGN:
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise Unreadable(f"{text!r} is missing")

    def operate(self) -> None:
        """Count one more operation.

        Raises:
            Unreadable: where there are too many.
        """
        self.num_operations += 1
        if self.num_operations > MAX_OPERATIONS:
            raise Unreadable("it has too many operations")

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("it is nested too deeply")
