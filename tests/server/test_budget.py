"""`max_cost` is never exceeded, whatever is lost, and raising it goes on from there."""

from __future__ import annotations

import pytest

from openai_server import Fault, Reply, ScriptedServer
from synthscale.server.client import Message, OutOfBudget, Request, ServerFailed
from synthscale.server.config import ServerConfig

FREE_PROMPTS = {"price_per_million_prompt_tokens": 0.0, "price_per_million_completion_tokens": 1e6}  # 1 a token
MAX_TOKENS = 16  # of the requests here: so a sample costs 16 at most


def charged(server: ScriptedServer) -> int:
    """What the server would have charged for the answers that it sent whole, at 4 tokens each."""
    return 4 * server.num_answered


@pytest.mark.parametrize("num_concurrent", [1, 3, 50])
def test_it_is_not_exceeded_and_used_as_far_as_can_be(open_client, request_of, num_concurrent):
    requests = [request_of(str(i)) for i in range(50)]
    with ScriptedServer(lambda path, body: Reply(["x"], usage=(9, 4), delay_seconds=0.01)) as server:
        keys = {"num_concurrent": num_concurrent, **FREE_PROMPTS}
        client = open_client(server, max_cost=70.0, **keys)
        with pytest.raises(OutOfBudget, match=r"was spent of server\.max_cost=70") as spent:
            client.ask(requests)
        # it stops as soon as one more could cost too much: 56 + 16 > 70, and not before
        assert charged(server) == client.meter.cost == 56 and len(server.requests) == server.num_answered
        assert "14 answers" in str(spent.value) and "the next request may cost 16" in str(spent.value)
        assert server.most_at_once <= min(num_concurrent, 70 // MAX_TOKENS)
        client = open_client(server, max_cost=400.0, **keys)
        assert len(client.ask(requests)) == 50
        assert server.num_answered == 50 and client.meter.cost == 200  # nothing was paid for twice


def test_nothing_is_asked_that_could_never_be_afforded(open_client, request_of):
    with ScriptedServer() as server:
        with pytest.raises(OutOfBudget, match="0 was spent"):
            open_client(server, max_cost=15.9, **FREE_PROMPTS).ask([request_of()])
        assert not server.requests


@pytest.mark.parametrize("fault", [Reply(fault=Fault.HALF_JSON), Reply(fault=Fault.DROP), Reply(delay_seconds=1)])
def test_what_may_have_been_charged_and_never_came_is_counted_at_its_most(open_client, request_of, fault):
    """By later processes, too."""
    with ScriptedServer(lambda path, body: fault) as server:
        keys = {"timeout_seconds": 0.2, "max_retries": 9, **FREE_PROMPTS}
        with pytest.raises(OutOfBudget, match="up to 48 for requests whose answers never came"):
            open_client(server, max_cost=50.0, **keys).ask([request_of()])
        assert len(server.requests) == 3
        with pytest.raises(OutOfBudget):
            open_client(server, max_cost=63.0, **keys).ask([request_of()])
        assert len(server.requests) == 3
        server.reply = lambda path, body: Reply(["x"], usage=(1, 4))
        assert open_client(server, max_cost=64.0, **keys).ask([request_of()])[0][0].text == "x"


def test_refusals_cost_nothing(open_client, request_of):
    replies = [Reply(["x"], usage=(1, 4)), *[Reply(status=503)] * 5]
    with ScriptedServer(lambda path, body: replies.pop()) as server:
        client = open_client(server, max_cost=16.0, max_retries=5, **FREE_PROMPTS)
        assert client.ask([request_of()])[0][0].text == "x" and client.meter.cost == 4
    with pytest.raises(ServerFailed, match="no connection"):
        open_client(server, max_cost=20.0, max_retries=5, **FREE_PROMPTS).ask([request_of("b")])


@pytest.mark.parametrize("text", ["one and one", "π" * 50, "数学" * 30, "1" * 40])
def test_a_prompts_bound_is_no_less_than_its_bytes(text):
    """No tokenizer that falls back to bytes makes more tokens of it."""
    chat = (Message("system", "x"), Message("user", text))
    for prompt in (text, chat):
        assert Request("a", prompt, 1, 1.0, 1, 0).max_prompt_tokens() > len(text.encode())


def test_a_limit_needs_both_prices():
    ServerConfig(max_cost=1.0, **FREE_PROMPTS).check("server")
    with pytest.raises(ValueError, match=r"server\.max_cost needs"):
        ServerConfig(max_cost=1.0, price_per_million_prompt_tokens=1.0).check("server")
