"""The client against a scripted server: nothing is lost, asked twice, mixed up or asked too often at once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest

from openai_server import Fault, Reply, ScriptedServer, echo
from synthscale.server.client import Message, ServerFailed
from synthscale.server.request import seed_at
from synthscale.session import Session, Stopped


def test_samples_come_in_the_requests_order_whatever_the_answers_order(open_client, request_of):
    def reply(path, body):
        number = int(body["prompt"].split()[1])
        return Reply([body["prompt"]] * body.get("n", 1), delay_seconds=0.05 * (5 - number))

    with ScriptedServer(reply) as server:
        client = open_client(server, num_concurrent=6)
        drawn = client.ask([request_of(str(i), 1 + i % 2) for i in range(6)])
    assert [[choice.text for choice in choices] for choices in drawn] == [
        [f"prompt {i}"] * (1 + i % 2) for i in range(6)
    ]


def test_what_is_sent(open_client, request_of):
    chat = (Message("system", "be brief"), Message("user", "one and one?"))
    with ScriptedServer() as server:
        client = open_client(server, samples_per_request=3)
        client.ask([request_of("a", 7, stop=("\n\n",)), request_of("b", prompt=chat, temperature=0.0)])
        raw = [body for path, _, body in server.requests if path == "/v1/completions"]
        (chats,) = [body for path, _, body in server.requests if path == "/v1/chat/completions"]
    assert Counter(body.get("n", 1) for body in raw) == {3: 2, 1: 1}
    assert {body["seed"] for body in raw} == {seed_at(1, start) for start in (0, 3, 6)}
    assert all(
        (body["prompt"], body["temperature"], body["top_p"], body["max_tokens"]) == ("prompt a", 0.7, 1.0, 16)
        and (body["model"], body["stop"]) == ("m", ["\n\n"])
        for body in raw
    )
    assert chats["messages"] == [{"role": m.role, "content": m.content} for m in chat]
    assert "n" not in chats and "stop" not in chats and chats["temperature"] == 0.0


def test_a_chats_limit_goes_by_its_newer_name_where_that_is_asked_for(open_client, request_of):
    with ScriptedServer() as server:
        client = open_client(server, max_completion_tokens=True)
        client.ask([request_of("a"), request_of("b", prompt=(Message("user", "one and one?"),))])
        bodies = {path: body for path, _, body in server.requests}
    names = {"max_tokens", "max_completion_tokens"}
    assert names & set(bodies["/v1/chat/completions"]) == {"max_completion_tokens"}
    assert names & set(bodies["/v1/completions"]) == {"max_tokens"}


def test_greedy_samples_are_asked_for_one_by_one(open_client, request_of):
    """vLLM refuses n > 1 at temperature 0."""
    with ScriptedServer() as server:
        open_client(server).ask([request_of("a", 3, temperature=0.0)])
        assert [body.get("n", 1) for body in server.bodies] == [1, 1, 1]


@pytest.mark.parametrize("given", [1, 3])
def test_a_server_that_gives_fewer_samples_is_asked_for_the_rest(open_client, request_of, given):
    with ScriptedServer(lambda path, body: Reply([f"{body['seed']}"] * min(given, body.get("n", 1)))) as server:
        (choices,) = open_client(server).ask([request_of("a", 8)])
        seeds = [body["seed"] for body in server.bodies]
    assert len(choices) == 8
    rest = [seed_at(1, start) for start in range(given, 8)]  # under way together, so they arrive in any order
    assert (seeds[0], sorted(seeds[1:])) == (seed_at(1, 0), sorted(rest)) and len(set(seeds)) == len(seeds)
    assert [choice.text for choice in choices[given:]] == [str(seed) for seed in rest]


def test_a_server_that_gives_more_samples_gives_no_more_than_were_asked_for(open_client, request_of):
    with ScriptedServer(lambda path, body: Reply(["x"] * 9)) as server:
        client = open_client(server)
        (choices,) = client.ask([request_of("a", 2)])
        assert len(choices) == 2 and client.meter.completion_tokens == 9


@pytest.mark.parametrize(
    ("finish", "finished"), [("stop", True), ("length", False), ("content_filter", False), (None, False)]
)
def test_only_a_stop_is_an_end(open_client, request_of, finish, finished):
    with ScriptedServer(lambda path, body: Reply(["x"], finish=[finish])) as server:
        ((choice,),) = open_client(server).ask([request_of()])
        assert choice.finished is finished


def test_half_a_character_is_replaced_and_a_whole_one_is_not(open_client, request_of):
    """JSON can hold one half of a pair of surrogates, which no file can."""
    with ScriptedServer(lambda path, body: Reply(["\ud83d cut, \ud83d\ude00 whole"])) as server:
        assert open_client(server).ask([request_of()])[0][0].text == "\ufffd cut, \U0001f600 whole"
        assert open_client(server).ask([request_of()])[0][0].text == "\ufffd cut, \U0001f600 whole"  # from the journal
        assert server.num_answered == 1


def test_an_address_without_the_protocols_root_is_asked_about(open_client, request_of):
    sentence = r"404.*Does server\.url end where the protocol begins"
    with ScriptedServer(lambda *_: Reply(status=404)) as server, pytest.raises(ServerFailed, match=sentence):
        open_client(server).ask([request_of()])


def test_tokens_of_a_sample(open_client, request_of):
    """All of the usage for one; for several, shares that add up, or what the tokenizer says; bytes without usage."""
    texts = ["a b c", "d"]
    with ScriptedServer(lambda path, body: Reply(texts, finish=["stop", "length"], usage=(7, 20))) as server:
        shares = open_client(server).ask([request_of("a", 2)])[0]
        counted = open_client(server, name="b.journal", count_tokens=lambda text: len(text.split())).ask(
            [request_of("a", 2)]
        )[0]
    assert sum(choice.num_tokens for choice in shares) == 20 and shares[0].num_tokens > shares[1].num_tokens
    assert [choice.num_tokens for choice in counted] == [4, 1]
    with ScriptedServer(lambda path, body: Reply(["abc"], usage=(7, 9))) as server:
        assert open_client(server, name="c.journal").ask([request_of()])[0][0].num_tokens == 9
    with ScriptedServer(lambda path, body: Reply(["abc"], has_usage=False)) as server:
        client = open_client(server, name="d.journal")
        assert client.ask([request_of()])[0][0].num_tokens == 4
        assert client.meter.completion_tokens == 4 and client.meter.prompt_tokens == len("prompt a") + 1


FAULTS = {
    "429": Reply(status=429),
    "500": Reply(status=500),
    "503": Reply(status=503),
    "half": Reply(fault=Fault.HALF_JSON),
    "empty": Reply(fault=Fault.EMPTY),
    "drop": Reply(fault=Fault.DROP),
    "html": Reply(fault=Fault.HTML),
    "slow": Reply(delay_seconds=1.5),
    "no choices": Reply([]),
    "408": Reply(status=408),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_passes_is_tried_again(open_client, request_of, fault):
    troubles = [fault, fault]

    def reply(path, body):
        return troubles.pop() if troubles else Reply(["well"])

    with ScriptedServer(reply) as server:
        client = open_client(server, timeout_seconds=0.4, max_retries=2)
        ((choice,),) = client.ask([request_of()])
        assert (choice.text, len(server.requests), client.meter.retries) == ("well", 3, 2)
        assert len({json.dumps(body, sort_keys=True) for body in server.bodies}) == 1


@pytest.mark.parametrize("fault", ["503", "drop", "half"])
def test_a_server_that_stays_unwell_is_given_up_in_one_sentence(open_client, request_of, fault):
    with ScriptedServer(lambda path, body: FAULTS[fault]) as server:
        client = open_client(server, max_retries=2)
        with pytest.raises(
            ServerFailed, match=r"failed 3 times, at last with: .*only the rest is asked for\."
        ) as failed:
            client.ask([request_of()])
        assert "\n" not in str(failed.value) and len(server.requests) == 3


def test_a_server_that_is_not_there(open_client, request_of):
    with ScriptedServer() as server:
        url = server.url
    with pytest.raises(ServerFailed, match="failed 2 times, at last with: no connection"):
        open_client(url, max_retries=1).ask([request_of()])


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(open_client, request_of, status):
    with ScriptedServer(lambda path, body: Reply(status=status, error="no such model")) as server:
        with pytest.raises(ServerFailed, match=f"refused a request: {status} no such model"):
            open_client(server).ask([request_of()])
        assert len(server.requests) == 1


def test_a_quota_that_is_used_up_does_not_pass(open_client, request_of, monkeypatch):
    monkeypatch.setattr(
        "openai_server.answer_body", lambda *_: {"error": {"message": "pay", "code": "insufficient_quota"}}
    )
    with ScriptedServer(lambda path, body: Reply(status=429)) as server:
        with pytest.raises(ServerFailed, match="refused a request: 429 pay"):
            open_client(server).ask([request_of()])
        assert len(server.requests) == 1


def test_retry_after_is_waited_for_by_all(open_client, request_of):
    times: dict[str, float] = {}

    def reply(path, body):
        name = body["prompt"].split()[1]
        if name == "a" and "a" not in times:
            times["a"] = time.monotonic()
            return Reply(status=429, retry_after="0.5")
        times[name] = time.monotonic()
        return Reply(delay_seconds=0.15)

    with ScriptedServer(reply) as server:
        open_client(server, num_concurrent=2, max_backoff_seconds=60).ask([request_of(name) for name in "abc"])
        refused_at = min(times["b"], times["c"])
        assert times["a"] - refused_at >= 0.45 and times["c"] - refused_at >= 0.45  # c had room after 0.15 s


def test_retry_after_is_waited_for_no_longer_than_the_config_says(open_client, request_of):
    replies = [Reply(), Reply(status=429, retry_after="3600")]
    with ScriptedServer(lambda path, body: replies.pop()) as server:
        started = time.monotonic()
        open_client(server, max_backoff_seconds=0.05).ask([request_of()])
        assert time.monotonic() - started < 3


def test_no_more_requests_at_once_than_the_config_says(open_client, request_of):
    with ScriptedServer(lambda path, body: Reply(delay_seconds=0.03)) as server:
        open_client(server, num_concurrent=5).ask([request_of(str(i)) for i in range(40)])
        assert server.most_at_once == 5


def test_what_was_answered_is_kept_when_another_request_is_refused(open_client, request_of):
    """Those under way are let end, too."""

    def reply(path, body):
        if body["prompt"] == "prompt 2":
            return Reply(status=400)
        return Reply([body["prompt"]], delay_seconds=0.2)

    with ScriptedServer(reply) as server:
        with pytest.raises(ServerFailed):
            open_client(server, num_concurrent=3).ask([request_of(str(i)) for i in range(9)])
        assert server.num_answered == 2 and len(server.requests) == 3
        server.reply = lambda path, body: Reply([body["prompt"]])
        drawn = open_client(server).ask([request_of(str(i)) for i in range(9)])
        assert [choice.text for (choice,) in drawn] == [f"prompt {i}" for i in range(9)]
        assert server.num_answered == 9


def test_a_journal_answers_what_was_asked_and_nothing_else(open_client, request_of):
    with ScriptedServer() as server:
        first = open_client(server).ask([request_of("a", 4), request_of("b", 2)])
        assert open_client(server).ask([request_of("a", 4), request_of("b", 2)]) == first
        assert len(server.requests) == 2
        more = open_client(server).ask([request_of("a", 6)])  # two more of the same
        assert more[0][:4] == first[0] and server.bodies[-1]["n"] == 2
        for changed in ({"temperature": 0.5}, {"max_tokens": 8}, {"seed": 2}, {"prompt": "other"}, {"stop": ("x",)}):
            before = len(server.requests)
            open_client(server).ask([request_of("a", 1, **changed)])
            assert len(server.requests) == before + 1, changed
        assert open_client("http://127.0.0.1:1/v1").ask([request_of("a", 5)]) == [more[0][:5]]  # nobody is asked


def test_one_request_named_twice_is_asked_once(open_client, request_of):
    with ScriptedServer() as server:
        client = open_client(server)
        few, many = client.ask([request_of("a", 2), request_of("a", 4)])
        assert many[:2] == few and server.num_choices == 4
        with pytest.raises(AssertionError, match="one key"):
            client.ask([request_of("a"), request_of("a", seed=9)])


def test_the_meter_counts_what_earlier_processes_asked_for(open_client, request_of):
    prices = {"price_per_million_prompt_tokens": 1.0, "price_per_million_completion_tokens": 3.0}
    with ScriptedServer(lambda path, body: Reply(["x"], usage=(10, 5))) as server:
        open_client(server).ask([request_of("a")])
        client = open_client(server, **prices)
        client.ask([request_of("a"), request_of("b")])
    assert (client.meter.requests, client.meter.prompt_tokens, client.meter.completion_tokens) == (2, 20, 10)
    assert client.meter.cost == pytest.approx((20 * 1 + 10 * 3) / 1e6)
    assert client.meter.seconds > 0
    measures = client.meter.measures()
    assert (measures["num_requests"], measures["cost"]) == (2, client.meter.cost)
    assert open_client("http://127.0.0.1:1/v1").meter.cost is None


def test_a_stop_lets_what_is_under_way_end_and_starts_nothing(open_client, request_of):
    session = Session()
    arrived = threading.Event()

    def reply(path, body):
        if len(server.requests) >= 4:
            arrived.set()
        return Reply([body["prompt"]], delay_seconds=0.4)

    with ScriptedServer(reply) as server:
        threading.Thread(target=lambda: (arrived.wait(5), session.request_stop())).start()
        with pytest.raises(Stopped):
            open_client(server, num_concurrent=4, session=session).ask([request_of(str(i)) for i in range(40)])
        assert len(server.requests) == server.num_answered == 4
        server.reply = lambda path, body: Reply([body["prompt"]])
        drawn = open_client(server).ask([request_of(str(i)) for i in range(40)])
        assert [choice.text for (choice,) in drawn] == [f"prompt {i}" for i in range(40)]
        assert server.num_answered == 40  # none twice


def test_a_stop_does_not_wait_for_a_back_off_or_a_stuck_server(open_client, request_of, monkeypatch):
    monkeypatch.setattr("synthscale.server.round.SECONDS_TO_END", 0.3)
    session = Session()

    def reply(path, body):
        session.request_stop()
        return Reply(status=429, retry_after="30") if body["prompt"] == "prompt a" else Reply(delay_seconds=30)

    with ScriptedServer(reply) as server:
        started = time.monotonic()
        with pytest.raises(Stopped):
            open_client(server, session=session, max_backoff_seconds=60).ask([request_of("a"), request_of("b")])
        assert time.monotonic() - started < 5


def test_a_stop_after_the_last_answer_is_the_stages_to_see(open_client, request_of):
    session = Session()

    def reply(path, body):
        session.request_stop()
        return echo(path, body)

    with ScriptedServer(reply) as server:
        assert len(open_client(server, session=session).ask([request_of()])) == 1


def test_progress_says_how_fast_it_goes_and_what_it_costs(open_client, request_of):
    calls = []
    prices = {"price_per_million_prompt_tokens": 1e6, "price_per_million_completion_tokens": 0.0}
    with ScriptedServer(lambda path, body: Reply(["x"], usage=(1, 50), delay_seconds=0.05)) as server:
        session = Session(lambda done, total, note="": calls.append((done, total, note)))
        open_client(server, session=session, num_concurrent=1, **prices).ask([request_of(str(i)) for i in range(3)])
    done, total, note = calls[-1]
    assert (done, total) == (3, 3) and note.endswith(" tok/s, 3.00 spent")
    assert 100 < float(note.split()[0].replace(",", "")) < 1000
    assert [done for done, _, _ in calls] == sorted(done for done, _, _ in calls)
