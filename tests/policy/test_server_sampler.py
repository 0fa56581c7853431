"""Samples from a server: scripted, and a real `transformers serve` beside the sampler in process."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from openai_server import Reply, ScriptedServer
from synthscale.policy.config import Device, PolicyConfig, PromptFormat, SamplerConfig, SamplerKind
from synthscale.policy.open_sampler import PolicySampler, open_sampler
from synthscale.policy.prompter import Prompt
from synthscale.policy.sampler import Continuation
from synthscale.policy.served import write_served
from synthscale.server.client import ServerFailed
from synthscale.server.config import ServerConfig
from synthscale.server.process import serve
from synthscale.session import Session, Stopped

SCRIPTED = Path(__file__).parents[1] / "openai_server.py"
PROMPTS = [Prompt("What is 1 + 1?\n"), Prompt("Two apples and three pears.\n", prefix="First, 2 + 3 ="), Prompt("x")]


def sampler_config(server: ServerConfig, **keys) -> SamplerConfig:
    values = {"kind": SamplerKind.server, "temperature": 0.7, "num_samples": 4, "max_new_tokens": 12, **keys}
    return SamplerConfig(server=server, **values)


@contextmanager
def sampler_at(
    url: str, folder: Path, policy: PolicyConfig | None = None, session: Session | None = None, **keys
) -> Iterator[PolicySampler]:
    config = sampler_config(ServerConfig(url=url, max_backoff_seconds=0.02), **keys)
    with open_sampler(config, policy or PolicyConfig(), folder, Device.auto, session or Session()) as sampler:
        yield sampler


def test_prompts_go_out_raw_and_samples_come_back_in_order(small_llama, tmp_path):
    def reply(path, body):
        return Reply([body["prompt"][::-1]] * body.get("n", 1), finish="length", usage=(3, 5 * body.get("n", 1)))

    with ScriptedServer(reply) as server, sampler_at(server.url, small_llama) as sampler:
        drawn = sampler.sample(PROMPTS, 3, temperature=0.7, seed=5, keep=tmp_path / "keep")
        assert {path for path, _, _ in server.requests} == {"/v1/completions"}
        assert {body["model"] for body in server.bodies} == {str(small_llama)}
        sent = [(body["max_tokens"], body["temperature"], body["n"]) for body in server.bodies]
        assert set(sent) == {(12, 0.7, 3)}
        assert len({body["seed"] for body in server.bodies}) == 3
        assert sampler.device == "server" and 0 < sampler.seconds < 10
    texts = [(prompt.text + prompt.prefix)[::-1] for prompt in PROMPTS]
    assert drawn == [[Continuation(text, len(text), False)] * 3 for text in texts]  # a token is a byte


def test_chats_are_framed_by_the_template_and_the_prefix_goes_on_from_there(small_llama, tmp_path):
    folder = tmp_path / "chat"
    shutil.copytree(small_llama, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": template}))
    policy = PolicyConfig(prompt_format=PromptFormat.chat, system_prompt="Be brief.")
    with ScriptedServer() as server, sampler_at(server.url, folder, policy) as sampler:
        sampler.sample([Prompt("1 + 1?", prefix="It is")], 1, temperature=1.0, seed=0, keep=tmp_path / "keep")
        assert server.bodies[0]["prompt"] == "<system>Be brief.<user>1 + 1?<a>It is"


def test_a_stop_text_ends_a_solution_and_is_no_part_of_it(small_llama, tmp_path):
    """Whether the server cuts it off or leaves it in."""
    texts = ["one", "one\n\n", "one\n\ntwo\n\nthree"]
    finishes = ["stop", "stop", "length"]
    with ScriptedServer(lambda path, body: Reply(texts, finishes)) as server:
        with sampler_at(server.url, small_llama, stop=["\n\n"]) as sampler:
            (drawn,) = sampler.sample(PROMPTS[:1], 3, temperature=1.0, seed=0, keep=tmp_path / "keep")
        assert server.bodies[0]["stop"] == ["\n\n"]
    assert [(one.text, one.finished) for one in drawn] == [("one", True)] * 3


def test_what_is_kept_is_not_asked_for_again(small_llama, tmp_path):
    with ScriptedServer() as server:
        with sampler_at(server.url, small_llama) as sampler:
            first = sampler.sample(PROMPTS, 4, temperature=0.7, seed=5, keep=tmp_path / "keep")
            seconds = sampler.seconds
        num_asked = len(server.requests)
        with sampler_at(server.url, small_llama) as sampler:
            assert sampler.sample(PROMPTS, 4, temperature=0.7, seed=5, keep=tmp_path / "keep") == first
            assert len(server.requests) == num_asked and sampler.seconds == pytest.approx(seconds)
            others = sampler.sample(PROMPTS, 4, temperature=0.7, seed=6, keep=tmp_path / "other")
        assert len(server.requests) > num_asked
        assert not {one.text for row in first for one in row} & {one.text for row in others for one in row}


def test_a_stopped_sampler_keeps_what_was_answered(small_llama, tmp_path):
    session = Session()

    def reply(path, body):
        session.request_stop()
        return Reply([body["prompt"]])

    with ScriptedServer(reply) as server:
        prompts = [Prompt(str(i)) for i in range(200)]
        with pytest.raises(Stopped), sampler_at(server.url, small_llama, session=session) as sampler:
            sampler.sample(prompts, 1, temperature=0.7, seed=5, keep=tmp_path)
        assert 0 < server.num_answered < 200
        with sampler_at(server.url, small_llama) as sampler:
            drawn = sampler.sample(prompts, 1, temperature=0.7, seed=5, keep=tmp_path)
        assert [one.text for (one,) in drawn] == [str(i) for i in range(200)] and server.num_answered == 200


def command_config(tmp_path: Path, command: str) -> ServerConfig:
    """A server that leaves a mark when it is started."""
    script = tmp_path / "script.py"
    mark = f"open({str(tmp_path / 'started')!r}, 'a').write('x')"
    script.write_text(
        f"{mark}\nfrom openai_server import Reply\ndef reply(path, body): return Reply([body['model']])\n"
    )
    return ServerConfig(command=command.replace("SCRIPT", str(script)), startup_minutes=0.5)


def test_a_server_is_started_once_for_what_is_missing_and_asked_for_what_it_serves(small_llama, tmp_path):
    command = f"{sys.executable} {SCRIPTED} --script SCRIPT --port {{port}} {{model}}"
    config = sampler_config(command_config(tmp_path, command))

    def draw(names: list[str]) -> list[str]:
        with open_sampler(config, PolicyConfig(), small_llama, Device.auto, Session()) as sampler:
            drawn = [
                sampler.sample(PROMPTS[:1], 1, temperature=1.0, seed=0, keep=tmp_path / name)[0][0].text
                for name in names
            ]
        return drawn

    served = str(tmp_path / "greedy" / "served")
    assert draw(["greedy", "sampled"]) == [served, served]
    assert (tmp_path / "started").read_text() == "x"
    assert draw(["greedy", "sampled"]) == [served, served]
    assert (tmp_path / "started").read_text() == "x"  # nothing was missing
    assert (tmp_path / "greedy" / "server_log.journal").read_text().startswith("http://127.0.0.1:")


def test_a_server_that_does_not_start_is_told(small_llama, tmp_path):
    config = sampler_config(ServerConfig(command=f"{sys.executable} -c 'print(1/0)' {{port}}"))
    with (
        open_sampler(config, PolicyConfig(), small_llama, Device.auto, Session()) as sampler,
        pytest.raises(ServerFailed, match=r"(?s)ZeroDivisionError.*ended with exit code 1"),
    ):
        sampler.sample(PROMPTS, 1, temperature=1.0, seed=0, keep=tmp_path)


def test_what_is_served_has_the_policys_files_and_defaults_that_change_nothing(small_llama, tmp_path):
    folder = tmp_path / "policy"
    shutil.copytree(small_llama, folder)
    brought = {"eos_token_id": [257, 3], "temperature": 0.3, "top_k": 20, "repetition_penalty": 1.05}
    (folder / "generation_config.json").write_text(json.dumps(brought))
    for _ in range(2):  # as after a kill
        write_served(folder, tmp_path / "served")
    found = json.loads((tmp_path / "served" / "generation_config.json").read_text())
    assert found == {"eos_token_id": [257, 3], "do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    names = {path.name for path in folder.iterdir()}
    assert {path.name for path in (tmp_path / "served").iterdir()} == names
    assert (tmp_path / "served" / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert json.loads((folder / "generation_config.json").read_text()) == brought
    (folder / "generation_config.json").unlink()
    write_served(folder, tmp_path / "served")
    assert json.loads((tmp_path / "served" / "generation_config.json").read_text())["eos_token_id"] == 257


@pytest.mark.parametrize(("temperature", "warns"), [(0.7, True), (0.0, False)])
def test_a_server_that_does_not_sample_is_noticed(small_llama, tmp_path, caplog, temperature, warns):
    caplog.set_level(logging.WARNING)
    prompts = [Prompt(str(i)) for i in range(20)]
    alike = ScriptedServer(lambda path, body: Reply([body["prompt"]] * body.get("n", 1)))
    with alike as server, sampler_at(server.url, small_llama) as sampler:
        sampler.sample(prompts, 2, temperature=temperature, seed=0, keep=tmp_path)
    assert ("does the server sample at all?" in caplog.text) is warns


def test_both_samplers_say_how_fast_they_are(small_llama, tmp_path):
    def notes(config: SamplerConfig, name: str) -> list[tuple[int, int, str]]:
        calls: list[tuple[int, int, str]] = []
        session = Session(lambda done, total, note="": calls.append((done, total, note)))
        with open_sampler(config, PolicyConfig(), small_llama, Device.cpu, session) as sampler:
            sampler.sample(PROMPTS, 2, temperature=1.0, seed=0, keep=tmp_path / name)
        return calls

    with ScriptedServer() as server:
        served = notes(sampler_config(ServerConfig(url=server.url)), "served")
    drawn = notes(SamplerConfig(temperature=1.0, num_samples=1, max_new_tokens=8), "here")
    for done, total, note in (served[-1], drawn[-1]):
        assert (done, total) == (3, 3)
        assert note.endswith(" tok/s") and float(note.split()[0].replace(",", "")) > 0


# The real one.


@dataclass
class Real:
    """A `transformers serve` for small_llama, started as the sampler does it."""

    url: str
    served: Path
    stop: Callable[[], None]


@pytest.fixture(scope="module")
def real(small_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One for all tests here, since it takes seconds to start."""
    place = tmp_path_factory.mktemp("real")
    write_served(small_llama, place / "served")
    command = "transformers serve --host 127.0.0.1 --port {port} {model}"
    with pytest.MonkeyPatch.context() as environment, ExitStack() as stack:
        environment.setenv("HF_HUB_OFFLINE", "1")
        config = ServerConfig(command=command, startup_minutes=3)
        url = stack.enter_context(serve(config, place / "served", place / "log"))
        yield Real(url, place / "served", stack.close)


ASCII = [Prompt(f"{i} apples and {i + 1} pears make\n", prefix="so it is " * (i % 3)) for i in range(12)]


@contextmanager
def real_sampler(real: Real, folder: Path, num_concurrent: int = 4, **keys) -> Iterator[PolicySampler]:
    server = ServerConfig(
        url=real.url, model=str(real.served), num_concurrent=num_concurrent, samples_per_request=keys.pop("n", 8)
    )
    with open_sampler(sampler_config(server, **keys), PolicyConfig(), folder, Device.auto, Session()) as sampler:
        yield sampler


@pytest.mark.server
@pytest.mark.parametrize("stop", [[], ["G"]], ids=["ends", "stop texts"])
def test_greedy_completions_agree_with_those_drawn_in_process(real, small_llama, tmp_path, stop):
    """Token for token, from prefixes too, and where they end.

    But for a solution that ends with the last token it may have: only in process it counts as finished.
    """
    prompts = [*ASCII, Prompt("hello"), Prompt("hel", prefix="lo")]
    with real_sampler(real, small_llama, stop=stop, max_new_tokens=40) as sampler:
        served = sampler.sample(prompts, 1, temperature=0.0, seed=0, keep=tmp_path / "served")
    here = SamplerConfig(temperature=1.0, num_samples=1, max_new_tokens=40, stop=stop)
    with open_sampler(here, PolicyConfig(), small_llama, Device.cpu, Session()) as sampler:
        drawn = sampler.sample(prompts, 1, temperature=0.0, seed=0, keep=tmp_path / "here")
    assert served == drawn
    assert len({row[0].text for row in drawn}) > 3 and any(row[0].finished for row in drawn)


@pytest.mark.server
def test_samples_are_drawn_and_draws_repeat_one_at_a_time(real, small_llama, tmp_path):
    def draw(name: str, seed: int) -> list[list[Continuation]]:
        with real_sampler(real, small_llama, num_concurrent=1) as sampler:
            return sampler.sample(ASCII[:3], 4, temperature=1.0, seed=seed, keep=tmp_path / name)

    first = draw("first", 3)
    assert all(len({one.text for one in row}) == 4 for row in first)
    assert draw("again", 3) == first and draw("other", 4) != first
    counts = [one.num_tokens for row in first for one in row]
    assert max(counts) == 12 and all(one.finished == (one.num_tokens < 12) for row in first for one in row)


@pytest.mark.server
def test_samples_of_the_server_are_distributed_as_those_drawn_in_process(real, small_llama, tmp_path):
    """The first token of 300 samples: all of the vocabulary's mass, no top_k and no top_p. Total variation by chance
    is about 0.4 here for 250 tokens that are nearly alike; two top tokens alone would make it near 1."""
    with real_sampler(real, small_llama, max_new_tokens=1) as sampler:
        ((*served,),) = sampler.sample(ASCII[:1], 300, temperature=1.0, seed=0, keep=tmp_path / "served")
    here = SamplerConfig(temperature=1.0, num_samples=1, max_new_tokens=1)
    with open_sampler(here, PolicyConfig(), small_llama, Device.cpu, Session()) as sampler:
        ((*drawn,),) = sampler.sample(ASCII[:1], 300, temperature=1.0, seed=0, keep=tmp_path / "here")
    counts = Counter(one.text for one in served), Counter(one.text for one in drawn)
    assert 0.7 < len(counts[0]) / len(counts[1]) < 1.4 and len(counts[0]) > 50  # top_k is 50 by default


@pytest.mark.server
def test_a_real_server_is_gone_when_it_was_stopped(real):
    """The last test here, since it stops it."""
    assert str(real.served) in command_lines()
    real.stop()
    assert str(real.served) not in command_lines()


def command_lines() -> str:
    """Of all processes."""
    return subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
