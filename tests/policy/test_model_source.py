"""Models by folder and by name: what is refused before anything is loaded, and a name loaded without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthscale.policy.config import PolicyConfig, PromptFormat
from synthscale.policy.model_source import (
    check_fingerprint,
    check_folder,
    check_model_source,
    fingerprint_of,
    is_hub_name,
)
from synthscale.policy.policy import load_policy

SERVER = Path(__file__).parents[1] / "hub_server.py"
NOWHERE = "http://127.0.0.1:1"
CHECK = """
import json, sys, time
from synthscale.policy.config import PromptFormat
from synthscale.policy.model_source import check_model_source
said, started = [], time.perf_counter()
for path, revision in json.loads(sys.argv[1]):
    try:
        said.append(check_model_source(path, revision, PromptFormat.plain))
    except ValueError as error:
        said.append(str(error))
heavy = [name for name in ("torch", "transformers", "pandas") if name in sys.modules]
print(json.dumps([said, time.perf_counter() - started, heavy]))
"""
FETCH = "import sys, huggingface_hub; print(huggingface_hub.snapshot_download(sys.argv[1]))"
LOAD = """
import sys
from synthscale.policy.policy import load_policy
model, tokenizer = load_policy(sys.argv[1], revision="main")
print(sum(p.double().sum().item() for p in model.parameters()), tokenizer("1 + 1")["input_ids"])
"""


@pytest.fixture
def folder(small_llama: Path, tmp_path: Path) -> Path:
    """A model's folder, to be broken."""
    return shutil.copytree(small_llama, tmp_path / "model")


def test_a_whole_folder_is_taken(folder):
    check_folder(folder, PromptFormat.plain)
    check_model_source(str(folder), None, PromptFormat.plain)


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def in_place_of_safetensors(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "model.safetensors").rename(folder / name)


def lacking_a_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def in_another_format(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.example/spec/v1\noid sha256:0\n")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut_short, r"has a model\.safetensors that is damaged or cut short: copy or save it again\.$"),
        (in_another_format, r"has a model\.safetensors that is damaged or cut short"),
        (without("config.json"), r"is not a folder that transformers can load: it has no config\.json\.$"),
        (without("tokenizer.json"), r"has no tokenizer \(no tokenizer\.json\): save the model's own beside it\.$"),
        (without("model.safetensors"), r"has no model\.safetensors: save the weights as safetensors\.$"),
        (in_place_of_safetensors("pytorch_model.bin"), r"has only pytorch_model\.bin, a pickle, which is not read"),
        (in_place_of_safetensors("consolidated.00.pth"), r"has only consolidated\.00\.pth, a pickle"),
        (lacking_a_shard, r"lacks model-00002-of-00002\.safetensors, which its index of weights names\.$"),
    ],
)
def test_what_a_folder_lacks_is_said_in_one_sentence(folder, spoil, sentence):
    spoil(folder)
    with pytest.raises(ValueError, match=rf"^model\.path={folder} {sentence}"):
        check_folder(folder, PromptFormat.plain)


def test_a_chat_needs_a_template(folder):
    with pytest.raises(ValueError, match=r"model\.prompt_format=chat needs a chat template, and .* has none"):
        check_folder(folder, PromptFormat.chat)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "{{ messages }}"}))
    check_folder(folder, PromptFormat.chat)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    check_folder(folder, PromptFormat.chat)


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-Math-1.5B", "meta-llama/Llama-2-7b-hf", "a/b"])
def test_names_of_the_hub(name):
    assert is_hub_name(name)


@pytest.mark.parametrize("path", ["gpt2", "/a/b", "./a", "../b", "a/b/c", "a/", "/a", "a b/c", "~/model", ""])
def test_what_is_neither_folder_nor_name(path, tmp_path, monkeypatch):
    assert not is_hub_name(path)
    monkeypatch.chdir(tmp_path)
    if path:
        with pytest.raises(ValueError, match="neither a folder that is there nor a name on the hub"):
            check_model_source(path, None, PromptFormat.plain)


@pytest.fixture(scope="module")
def hub(small_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a hub with one model, acme/small."""
    root = tmp_path_factory.mktemp("hub")
    shutil.copytree(small_llama, root / "models" / "acme" / "small")
    with subprocess.Popen([sys.executable, SERVER, root], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        yield server.stdout.readline().decode().strip()
        server.terminate()


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a program that knows a hub's address, with a cache that all of them share; what it printed."""
    place = tmp_path_factory.mktemp("asked")

    def run(program: str, argument: str, endpoint: str, offline: bool = False) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(place / "hf"), "HF_HUB_OFFLINE": str(int(offline))}
        command = [sys.executable, "-c", program, argument]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return run


def test_a_name_is_looked_up_and_then_loaded_without_a_network(ask, hub, small_llama):
    def check(endpoint: str, offline: bool = False) -> list[str | None]:
        asked = [("acme/small", None), ("acme/smal", None), ("acme/small", "main")]
        said, seconds, heavy = json.loads(ask(CHECK, json.dumps(asked), endpoint, offline))
        assert seconds < 10 and heavy == []
        return said

    there, absent, at_main = check(hub)
    assert there is None and at_main is None
    assert absent == "model.path=acme/smal is no folder here, and there is no such model on the hub."
    unreachable, *_ = check(NOWHERE)
    assert unreachable.startswith(
        "model.path=acme/small is no folder here and not in the hub's cache, and the hub does"
    )
    offline, _, revision = check(hub, offline=True)
    assert offline.startswith("model.path=acme/small is no folder here, and HF_HUB_OFFLINE is set while")
    assert revision.startswith("model.path=acme/small at revision main is no folder here")
    ask(FETCH, "acme/small", hub)
    model, tokenizer = load_policy(small_llama)
    weights = sum(p.double().sum().item() for p in model.parameters())
    assert ask(LOAD, "acme/small", NOWHERE, offline=True) == f"{weights} {tokenizer('1 + 1')['input_ids']}"
    there, absent, at_main = check(NOWHERE, offline=True)
    assert there is None and at_main is None and absent is not None


def test_a_gated_model_says_what_to_do(monkeypatch):
    import httpx
    from huggingface_hub import errors

    from synthscale.policy import model_source

    def gated(*args, **kwargs):
        request = httpx.Request("HEAD", NOWHERE)
        raise errors.GatedRepoError("403", response=httpx.Response(403, request=request))

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", gated)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(ValueError, match=r"model\.path=acme/gated is gated: accept its licence .* set HF_TOKEN"):
        model_source.check_on_hub.__wrapped__("acme/gated", None)


def test_the_door_refuses_what_cannot_be_loaded(compose, folder):
    from synthscale.study.config import ConfigError, to_run_config

    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match="has no tokenizer"):
        to_run_config(compose(f"model.path={folder}"))
    with pytest.raises(ConfigError, match=r"model\.system_prompt is part of a chat"):
        to_run_config(compose("model.system_prompt=Hello"))


def test_a_policys_config_says_nothing_of_where_it_comes_from():
    assert "path" not in PolicyConfig.__slots__


def test_a_models_key_is_of_its_files_and_not_of_their_place(compose, folder, tmp_path):
    from synthscale.study.config import to_run_config
    from synthscale.study.recipe import build_point

    def key(path: Path) -> str:
        run = to_run_config(compose(f"model.path={path}"))
        return build_point(run).nodes["sft"].key

    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    (elsewhere / "README.md").write_text("the same model")
    before = key(folder)
    assert key(elsewhere) == before
    planned = fingerprint_of(str(folder))
    check_fingerprint(str(folder), planned)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert key(folder) != before
    with pytest.raises(ValueError, match=r"have the fingerprint .* run the same command again"):
        check_fingerprint(str(folder), planned)
    assert fingerprint_of("org/name") is None


def test_a_large_file_is_known_by_its_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("synthscale.policy.model_source.WHOLE_BYTES", 1000)
    monkeypatch.setattr("synthscale.policy.model_source.NUM_BLOCKS", 5)
    monkeypatch.setattr("synthscale.policy.model_source.BLOCK_BYTES", 100)
    content = bytes(i % 251 for i in range(4000))
    found = set()
    for changed in (None, 0, 1000, 2000, 3999):
        folder = tmp_path / str(changed)
        folder.mkdir()
        place = range(4000)[changed] if changed is not None else 0
        flipped = content[:place] + bytes([content[place] ^ (changed is not None)]) + content[place + 1 :]
        (folder / "model.safetensors").write_bytes(flipped)
        found.add(fingerprint_of(str(folder)))
    assert len(found) == 5
