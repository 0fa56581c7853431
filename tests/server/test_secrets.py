"""The key reaches the server in one header, and nobody else in any way; nothing else of the environment leaks."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest

from openai_server import Fault, Reply, ScriptedServer
from synthscale.server.client import ServerFailed
from synthscale.server.secret import redacted

KEY = "sk-planted-0123456789abcdefghij"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the variable that holds the key."""
    monkeypatch.setenv("TEACHER_KEY", KEY)
    return "TEACHER_KEY"


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all behind it, suppressed or not."""
    seen: list[BaseException] = []
    todo = [error]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.append(one)
            yield one
            todo += [other for other in (one.__cause__, one.__context__) if other is not None]


def test_the_key_is_sent_and_the_environments_settings_are_not(open_client, request_of, planted, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"stray-{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Stray: stray\nAuthorization: Bearer stray")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with ScriptedServer() as server:
        open_client(server, api_key_env=planted).ask([request_of()])
        open_client(server, name="b.journal").ask([request_of()])
        (_, with_key, _), (_, without, _) = server.requests
    assert (with_key["authorization"], without["authorization"]) == (f"Bearer {KEY}", "Bearer none")
    assert "stray" not in str(with_key | without).lower()


REFUSALS = {
    "401": Reply(status=401, error=f"Incorrect API key provided: {KEY}."),
    "400, a part": Reply(status=400, error=f"bad header 'Bearer {KEY[:18]}…' in the request"),
    "403, quoted": Reply(status=403, error=f'{{"Authorization": "Bearer {KEY}"}}'),
    "500": Reply(status=500, error=f"crashed on {KEY}"),
    "half": Reply([KEY], fault=Fault.HALF_JSON),
}


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)
def test_the_key_is_in_no_exception_log_or_journal(
    open_client, request_of, planted, tmp_path, caplog, capfd, monkeypatch, reply
):
    for name in ("openai", "httpx", "httpx2", "httpcore", "httpcore2", ""):  # put back when the test ends
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.getLogger("openai").manager._clear_cache()
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(lambda path, body: reply) as server:
        client = open_client(server, api_key_env=planted, max_retries=1)
        with pytest.raises(ServerFailed) as failed:
            client.ask([request_of()])
        assert len(server.requests) == (1 if 400 <= reply.status < 500 else 2)
    behind = list(chain(failed.value))
    shown = [repr(client), str(vars(failed.value)), "".join(traceback.format_exception(failed.value)), caplog.text]
    shown += [f"{error!r} {error} {error.args} {vars(error)}" for error in behind]
    shown += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    shown += list(capfd.readouterr())
    assert KEY[3:12] not in "".join(shown)
    assert behind == [failed.value]  # nothing behind it, which could hold the request
    assert "\n" not in str(failed.value)


def test_a_key_that_is_not_there_or_is_none(open_client, monkeypatch):
    with pytest.raises(ServerFailed, match=r"TEACHER_KEY, which server\.api_key_env names, is not set"):
        open_client("http://127.0.0.1:1/v1", api_key_env="TEACHER_KEY")
    monkeypatch.setenv("TEACHER_KEY", "planted secret\nword")
    with pytest.raises(ServerFailed, match="TEACHER_KEY holds no key") as failed:
        open_client("http://127.0.0.1:1/v1", api_key_env="TEACHER_KEY")
    assert "planted" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {KEY} is wrong", "key [key] is wrong"),
        (f"key '{KEY[:12]}…' is wrong", "key [key] is wrong"),
        (f"…{KEY[-9:]} is wrong", "[key] is wrong"),
        ("nothing\n  secret", "nothing secret"),
        ("x" * 400, "x" * 300 + "…"),
    ],
)
def test_redaction(text, shown):
    assert redacted(text, KEY) == shown
    assert redacted(text.replace("sk-", "sk-"), None) == " ".join(text.split())[:300] + "…" * (len(text) > 300)


def test_a_short_key_is_redacted_too():
    assert "abc" not in redacted("the key abc", "abc")
