"""One request over the wire, with the `openai` client: an answer, or what went wrong and whether to try again.

The library's own retries are off. They stop at 8 s, know nothing of a body that ends in the middle, do not say how many
there were, and would send a request twice whose first answer may be charged for without our noticing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from synthscale.server.config import ServerConfig
from synthscale.server.request import Request
from synthscale.server.secret import redacted

PASSING = {408, 409, 425, 429}  # and 5xx: the same request may succeed later
NOT_REACHED = {"ConnectError", "ConnectTimeout", "PoolTimeout"}  # of the HTTP library, whichever `openai` stands on
OWN_HEADERS = {
    *("host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"),
    "x-stainless-raw-response",  # by which the library knows that we read the body ourselves
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: texts with their finish reasons, and the usage where the server tells it."""

    choices: list[tuple[str, str | None]]
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What came instead."""

    what: str  # part of a sentence, without the key
    passes: bool  # trying again may help
    may_be_charged: bool  # the server may have worked for it
    wait_seconds: float | None = None  # that the server asks for


class Wire:
    """Connections to one server, to be used in one event loop.

    No setting of the `openai` library is taken from the environment: the key is put into the header here, at the last
    moment, and headers that the library adds from OPENAI_ORG_ID, OPENAI_CUSTOM_HEADERS and the like are taken out.
    Proxies of the environment are used, but not on the way to this machine itself.
    """

    def __init__(self, config: ServerConfig, url: str, model: str, key: str | None) -> None:
        import openai

        for name in ("httpx", "httpx2"):  # `openai` stands on the one or the other
            logging.getLogger(name).setLevel(logging.WARNING)  # they log a line for each request
        self._model, self._key, self._timeout_seconds = model, key, config.timeout_seconds
        self._has_newer_limit = config.max_completion_tokens

        async def own_headers_only(request: Any) -> None:
            for name in [name for name in request.headers if name.lower() not in OWN_HEADERS]:
                del request.headers[name]
            request.headers["Authorization"] = f"Bearer {key or 'none'}"

        self._openai = openai.AsyncOpenAI(
            api_key="none",
            base_url=url,
            max_retries=0,
            timeout=config.timeout_seconds,
            http_client=openai.DefaultAsyncHttpxClient(
                trust_env=not is_loopback(url),
                follow_redirects=False,  # the key is for this address
                event_hooks={"request": [own_headers_only]},
            ),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def post(self, request: Request, num_samples: int, seed: int) -> Answer | Trouble:
        """Ask for so many samples, once; whatever happens is told, and nothing raised."""
        import openai

        try:
            async with asyncio.timeout(self._timeout_seconds):  # the library's time-out starts anew with each byte
                content = await self._send(request, num_samples, seed)
        except (TimeoutError, openai.APITimeoutError):
            return Trouble(f"no answer in {self._timeout_seconds:g} s", passes=True, may_be_charged=True)
        except openai.APIStatusError as error:
            return self._status_trouble(error.response)
        except openai.APIConnectionError as error:
            reached = type(error.__cause__).__name__ not in NOT_REACHED
            what = "the connection was lost" if reached else "no connection"
            return Trouble(self._with_cause(what, error.__cause__), passes=True, may_be_charged=reached)
        return read_answer(content)

    async def _send(self, request: Request, num_samples: int, seed: int) -> bytes:
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": 1.0,  # said, since servers take what is not from the model's generation_config.json
            "seed": seed,
        }
        if num_samples > 1:
            body["n"] = num_samples
        if request.stop:
            body["stop"] = list(request.stop)
        if isinstance(request.prompt, str):
            raw = await self._openai.completions.with_raw_response.create(prompt=request.prompt, **body)
        else:
            if self._has_newer_limit:
                body["max_completion_tokens"] = body.pop("max_tokens")
            messages: Any = [{"role": message.role, "content": message.content} for message in request.prompt]
            raw = await self._openai.chat.completions.with_raw_response.create(messages=messages, **body)
        content: bytes = raw.http_response.content
        return content

    def _status_trouble(self, response: Any) -> Trouble:
        """What a status other than 2xx means; a quota that is used up comes as 429 and does not pass."""
        passes = response.status_code in PASSING or response.status_code >= 500
        message, code = error_of(response.text)
        return Trouble(
            f"{response.status_code} {redacted(message, self._key)}".strip(),
            passes=passes and code != "insufficient_quota",
            may_be_charged=False,
            wait_seconds=retry_after(response.headers.get("retry-after")),
        )

    def _with_cause(self, what: str, cause: BaseException | None) -> str:
        return f"{what} ({redacted(str(cause), self._key)})" if cause is not None and str(cause) else what


def is_loopback(url: str) -> bool:
    """Whether the address is of this machine, so that no proxy leads to it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def error_of(text: str) -> tuple[str, str | None]:
    """The message and the code in the body of an error, in any of the shapes that servers give it."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text, None
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error), None
    message = error.get("message") or error.get("detail") or text
    return str(message), str(error.get("code"))


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if value is None:
        return None
    if re.fullmatch(r"\d+(\.\d*)?", value.strip(), flags=re.ASCII):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def read_answer(content: bytes) -> Answer | Trouble:
    """The answer in a body; one that is empty, ends in the middle or holds no choice is worth another try."""
    try:
        body = json.loads(content)
        choices = [(text_of(choice), choice.get("finish_reason")) for choice in body["choices"]]
        usage = body.get("usage") or {}
        tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Trouble("an answer that is not the protocol's JSON", passes=True, may_be_charged=True)
    if not choices:
        return Trouble("an answer without any choice", passes=True, may_be_charged=True)
    return Answer(choices, *(count if isinstance(count, int) and count >= 0 else None for count in tokens))


def text_of(choice: dict[str, Any]) -> str:
    """The text of a completion's or a chat's choice; a refusal has none, and half a character becomes U+FFFD."""
    text = choice["message"].get("content") if "message" in choice else choice["text"]
    if not isinstance(text, str | None):
        raise TypeError("a text that is none")
    # JSON can hold one half of a pair of surrogates, where a server cut an emoji; no file could
    return (text or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
