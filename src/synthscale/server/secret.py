"""The key of an API: read from the environment, sent in one header, and kept out of every text."""

from __future__ import annotations

import os
import re

from synthscale.server.config import ServerConfig
from synthscale.server.request import ServerFailed

SHARED_CHARACTERS = 8  # a word that has so many of the key in a row is a part of it
MAX_MESSAGE_CHARACTERS = 300


def read_key(config: ServerConfig, place: str = "server") -> str | None:
    """The key, from the variable that the config names; None where it names none.

    Raises:
        ServerFailed: if the variable is not set, or cannot be a key.
    """
    if config.api_key_env is None:
        return None
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise ServerFailed(
            f"The environment variable {config.api_key_env}, which {place}.api_key_env names, is not set: "
            "put the API's key there, or leave api_key_env out for a server without keys."
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise ServerFailed(
            f"The environment variable {config.api_key_env} holds no key, which is ASCII without blanks."
        )
    return key


def redacted(text: str, key: str | None) -> str:
    """The text on one line, shortened, without the key or any part of it; APIs echo keys in their messages."""
    if key:
        pieces = {key[i : i + SHARED_CHARACTERS] for i in range(max(1, len(key) - SHARED_CHARACTERS + 1))}
        text = text.replace(key, "[key]")
        text = re.sub(r"\S+", lambda word: "[key]" if any(piece in word[0] for piece in pieces) else word[0], text)
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[:MAX_MESSAGE_CHARACTERS] + "…"
