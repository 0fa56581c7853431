"""A scripted OpenAI-compatible server for tests, on loopback: what it answers, and how it fails, is the test's to say.

    def reply(path: str, body: dict) -> Reply:
        return Reply([f"sample {i}" for i in range(body.get("n", 1))])

    with ScriptedServer(reply) as server:
        ...  # server.url is http://127.0.0.1:PORT/v1
    assert [body["prompt"] for _, _, body in server.requests] == [...]

As a process of its own: `python tests/openai_server.py --port 8000 [--script FILE]`, where FILE defines `reply`.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Fault(Enum):
    """How an answer is spoilt on its way."""

    HALF_JSON = "half_json"  # 200, and a body that ends in the middle
    EMPTY = "empty"  # 200, and no body
    DROP = "drop"  # the connection ends without an answer
    HTML = "html"  # 200, and a proxy's page in the place of JSON


@dataclass(frozen=True)
class Reply:
    """What the server answers; the texts are the choices, however many were asked for."""

    texts: Sequence[str] = ("an answer",)
    finish: str | Sequence[str] = "stop"  # finish_reason of all choices, or of each
    status: int = 200
    error: str = "scripted"  # message of a body whose status is no 200
    retry_after: str | None = None  # seconds, or a date
    usage: tuple[int, int] | None = None  # (prompt, completion tokens); the words are counted where it is None
    has_usage: bool = True
    delay_seconds: float = 0.0  # before it answers
    fault: Fault | None = None


Script = Callable[[str, dict[str, Any]], Reply]
Seen = tuple[str, dict[str, str], dict[str, Any]]


def echo(path: str, body: dict[str, Any]) -> Reply:
    """As many choices as were asked for, each naming its number and seed."""
    return Reply([f"{body.get('seed')}/{i}" for i in range(body.get("n") or 1)])


class ScriptedServer:
    """Serves while it is entered. `requests` are (path, headers in lower case, body), as they came.

    `num_answered` counts the answers that were sent whole with status 200, `num_choices` the choices in them, and
    `most_at_once` is the largest number of requests that were under way together.
    """

    def __init__(self, reply: Script = echo, *, port: int = 0) -> None:
        self.reply = reply
        self.num_answered = self.num_choices = self.most_at_once = 0
        self._requests: list[Seen] = []
        self._under_way = 0
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL of the protocol."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> list[Seen]:
        """All requests so far."""
        with self._lock:
            return list(self._requests)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all requests so far."""
        return [body for _, _, body in self.requests]

    def serve_forever(self) -> None:
        """Serve in this thread."""
        self._server.serve_forever(0.02)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def seen(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Iterator[None]:
        """Note a request, for as long as it is under way."""
        with self._lock:
            self._requests.append((path, headers, body))
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def sent(self, num_choices: int) -> None:
        """Note an answer that was sent whole."""
        with self._lock:
            self.num_answered += 1
            self.num_choices += num_choices

    def answer_id(self) -> str:
        """A name for an answer."""
        return f"cmpl-{next(self._ids)}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a slow answer does not hold up the test's end
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; tests do that on purpose."""


def _handler_of(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            known = self.path in ("/health", "/v1/models")
            self._send(200 if known else 404, json.dumps({"object": "list", "data": []}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if self.path not in ("/v1/completions", "/v1/chat/completions"):
                self._send(404, b"{}")
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            with server.seen(self.path, headers, body):
                reply = server.reply(self.path, body)
                time.sleep(reply.delay_seconds)
                self._answer(reply, body)

        def _answer(self, reply: Reply, body: dict[str, Any]) -> None:
            if reply.fault is Fault.DROP:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = json.dumps(answer_body(self.path, reply, body, server.answer_id())).encode()
            if reply.fault is Fault.HALF_JSON:
                content = content[: len(content) // 2]
            elif reply.fault is not None:
                content = {Fault.EMPTY: b"", Fault.HTML: HTML.encode()}[reply.fault]
            extra = {} if reply.retry_after is None else {"Retry-After": reply.retry_after}
            if reply.fault is Fault.HTML:
                extra["Content-Type"] = "text/html"
            self._send(reply.status, content, extra)
            if reply.status == 200 and reply.fault is None:
                server.sent(len(reply.texts))

        def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def answer_body(path: str, reply: Reply, body: dict[str, Any], answer_id: str) -> dict[str, Any]:
    """The JSON of a reply, as the protocol has it for the path."""
    if reply.status != 200:
        return {"error": {"message": reply.error, "type": "scripted", "code": reply.status}}
    finishes = [reply.finish] * len(reply.texts) if isinstance(reply.finish, str) else reply.finish
    is_chat = path.endswith("/chat/completions")
    choices = [
        {"index": i, "finish_reason": finish, "logprobs": None}
        | ({"message": {"role": "assistant", "content": text}} if is_chat else {"text": text})
        for i, (text, finish) in enumerate(zip(reply.texts, finishes, strict=True))
    ]
    answer = {
        "id": answer_id,
        "object": "chat.completion" if is_chat else "text_completion",
        "created": 0,
        "model": body.get("model"),
        "choices": choices,
    }
    return answer | ({"usage": usage_of(reply, body)} if reply.has_usage else {})


def usage_of(reply: Reply, body: dict[str, Any]) -> dict[str, int]:
    """The scripted usage, or the words of prompt and texts."""
    prompt = body.get("prompt") or " ".join(message["content"] for message in body.get("messages", []))
    words = (len(prompt.split()), sum(len(text.split()) for text in reply.texts))
    prompt_tokens, completion_tokens = reply.usage or words
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def main() -> None:
    """Serve a script of one's own, or echoes, until killed; says the URL first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("model", nargs="?")
    options = parser.parse_args()
    reply = echo
    if options.script is not None:
        spec = importlib.util.spec_from_file_location("script", options.script)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        reply = module.reply
    server = ScriptedServer(reply, port=options.port)
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
