"""Reading an offline wandb run back, and a network that must not be touched meanwhile."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECRET = "5ecre7"


def inspect(folder: Path) -> str:
    """What a wandb run's file holds, as wandb itself reads it: a JSON object a line."""
    command = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json", str(folder)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


def records_of(text: str, kind: str) -> list[dict[str, Any]]:
    """The records of a kind, such as "run", "history" or "summary", of what `inspect` returned."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line[kind] for line in lines if line["type"] == kind]


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network but sockets of this machine, no wandb settings, and keys (`SECRET`) that must be found nowhere."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        assert host in ("unix", "127.0.0.1", "localhost", "::1"), f"tried to reach {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", SECRET + "7" * 34)
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-{SECRET}-of-the-teacher")
