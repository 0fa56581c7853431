"""Errors that a user can act on: their message is one clear sentence, and no traceback is shown for them."""

from __future__ import annotations


class UserError(Exception):
    """What went wrong and what to do about it, in one sentence."""
