"""A server started for one checkpoint, and stopped whatever happens."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from synthscale.server import guard
from synthscale.server.config import ServerConfig
from synthscale.server.request import ServerFailed
from synthscale.session import Session

MAX_PORTS = 4  # that are tried before we give up: another process may take one before the server does
PORT_TAKEN = re.compile(r"address already in use|errno 98\b|EADDRINUSE", re.IGNORECASE)
SECONDS_TO_TELL = 1.0  # that the guard may take to end what a dead server left
NUM_LOG_LINES = 25  # in a message; whole logs of servers are long
SECONDS_BETWEEN_LOOKS = 0.1
SECRET = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$", re.IGNORECASE)


@contextmanager
def serve(config: ServerConfig, model: Path | str, log_path: Path, session: Session | None = None) -> Iterator[str]:
    """The base URL of a server that `config.command` starts for the model, and that is gone after the block.

    It runs under a guard process, which ends its process group when this process dies in whatever way. What it prints
    is appended to the log.

    Raises:
        ServerFailed: with the end of its log, if it dies or is not healthy in time; also in place of the one that its
            client raises when it died in the block.
        Stopped: if the session is asked to stop before it is healthy, which can take minutes.
    """
    running = start(config, model, log_path, session)
    try:
        yield running.url
        return
    except ServerFailed:
        death = running.death(SECONDS_TO_TELL)
        if death is None:
            raise
    finally:
        running.stop()
    raise ServerFailed(running.told_with_log(death))


def start(config: ServerConfig, model: Path | str, log_path: Path, session: Session | None = None) -> Running:
    """A healthy server; other ports are tried where it finds the first one taken."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, MAX_PORTS + 1):
        with held_port() as held:
            port = int(held.getsockname()[1])
            if attempt > 1:
                held.close()  # perhaps it is our hold on the port that the server cannot bear
            running = Running(config, model, port, log_path)
            try:
                trouble = running.wait_until_healthy(session)
            except BaseException:
                running.stop()
                raise
        if trouble is None:
            return running
        running.stop()
        if attempt == MAX_PORTS or not PORT_TAKEN.search(running.log_end()):
            raise ServerFailed(running.told_with_log(trouble))
    raise AssertionError("the last attempt returns or raises")


class Running:
    """A server under its guard."""

    def __init__(self, config: ServerConfig, model: Path | str, port: int, log_path: Path) -> None:
        assert config.command is not None
        self.url = f"http://127.0.0.1:{port}/v1"
        self._config, self._port, self._log_path = config, port, log_path
        self._command = command_line(config.command, model, port)
        self._log_start = log_path.stat().st_size if log_path.exists() else 0
        with log_path.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-P", guard.__file__, *self._command],
                stdin=subprocess.PIPE,  # nobody else holds its other end, so it closes when we die
                stdout=log,
                stderr=log,
                env=server_environment(os.environ, config),
                start_new_session=True,  # Ctrl-C on our terminal is for us to act on
            )

    def wait_until_healthy(self, session: Session | None = None) -> str | None:
        """Wait for it; a sentence on what went wrong, or None."""
        end = time.monotonic() + 60 * self._config.startup_minutes
        while time.monotonic() < end:
            healthy = is_healthy(self._port, self._config.health_path)  # before the death, as another may answer there
            death = self.death()
            if death is not None:
                return death
            if healthy:
                return None
            if session is not None and session.is_stop_requested:
                session.saved()
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return (
            f"{self._told()} was not healthy at {self._config.health_path} after "
            f"{self._config.startup_minutes:g} min; its log is {self._log_path}."
        )

    def death(self, seconds: float = 0.0) -> str | None:
        """A sentence on how it ended; None if it lives, also after these seconds."""
        with suppress(subprocess.TimeoutExpired):
            self._guard.wait(seconds)
        code = self._guard.poll()
        return None if code is None else f"{self._told()} ended with exit code {code}; its log is {self._log_path}."

    def stop(self) -> None:
        """End it, and wait until it has."""
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(guard.SECONDS_TO_LEAVE + 10)
        finally:  # a second Ctrl-C, too
            self._guard.poll()
            if self._guard.returncode is None:
                self._guard.terminate()

    def told_with_log(self, sentence: str) -> str:
        """The sentence after the end of the log: whoever shows one line of a message shows its last."""
        return f"The server's log ends with:\n{self.log_end()}\n{sentence}"

    def log_end(self) -> str:
        """The last lines that it printed."""
        with self._log_path.open("rb") as log:
            log.seek(max(self._log_start, self._log_path.stat().st_size - 65_536))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-NUM_LOG_LINES:])

    def _told(self) -> str:
        return f"The server `{shlex.join(self._command)}`"


def command_line(command: str, model: Path | str, port: int) -> list[str]:
    """The words of the command, with the model and the port in their places; no shell reads it."""
    words = [word.replace("{model}", str(model)).replace("{port}", str(port)) for word in shlex.split(command)]
    return [find_program(words[0]) or words[0], *words[1:]]


def find_program(name: str) -> str | None:
    """Where a program is: on the PATH, or beside the Python that runs, whose environment need not be activated."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def server_environment(environment: Mapping[str, str], config: ServerConfig) -> dict[str, str]:
    """Our environment without keys and tokens, but for the one that the config names: a server logs a lot."""
    return {name: value for name, value in environment.items() if name == config.api_key_env or not SECRET.search(name)}


@contextmanager
def held_port() -> Iterator[socket.socket]:
    """A free port of loopback, held so that nobody is given it.

    A server that binds with SO_REUSEADDR, as all do, can listen there all the same, since we do not listen.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held


def is_healthy(port: int, path: str) -> bool:
    """Whether a GET of the path is answered with 2xx."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
