"""A client of a scripted server, as the tests of the server room make it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from openai_server import ScriptedServer
from synthscale.server.client import Client, Request
from synthscale.server.config import ServerConfig
from synthscale.session import Session


def make_request(key: str = "a", num_samples: int = 1, **changed: Any) -> Request:
    """A short request."""
    values = {"prompt": f"prompt {key}", "temperature": 0.7, "max_tokens": 16, "seed": 1, **changed}
    return Request(key=key, num_samples=num_samples, **values)


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """Makes short requests."""
    return make_request


@pytest.fixture
def open_client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Opens clients with one journal; each is closed when the next is opened. The back-off is short."""
    with ExitStack() as stack:

        def make(
            server: ScriptedServer | str, *, session: Session | None = None, name: str = "a.journal", **keys: Any
        ) -> Client:
            stack.close()
            options = {key: keys.pop(key) for key in ("count_tokens", "identity") if key in keys}
            config = ServerConfig(**{"max_backoff_seconds": 0.02, **keys})
            config.check("server")
            url = server if isinstance(server, str) else server.url
            place = {"journal": tmp_path / name, "session": session or Session()}
            return stack.enter_context(Client(config, url=url, model="m", **place, **options))

        yield make
