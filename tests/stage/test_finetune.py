"""Two phases of training from a model's folder, with adapters and in bfloat16: where they start and what is written."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from synthscale.mixture.example import Example
from synthscale.policy.config import Device, Dtype, LoraConfig, PolicyConfig, PromptFormat
from synthscale.policy.policy import load_policy, save_policy
from synthscale.problem import DatasetConfig
from synthscale.session import Session, checkpoints_of
from synthscale.stage.finetune import FinetuneConfig, run
from synthscale.stage.stage import Artifact
from synthscale.table import write_table
from synthscale.training.config import Precision, TrainerConfig

TEMPLATE = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"


@pytest.fixture(scope="module")
def chat_model(small_llama, tmp_path_factory) -> Path:
    """A bfloat16 model's folder as an instruction-tuned one has it: a chat template and sampling defaults."""
    model, tokenizer = load_policy(small_llama)
    tokenizer.chat_template = TEMPLATE
    folder = tmp_path_factory.mktemp("chat_model")
    save_policy(model, tokenizer, folder, dtype=torch.bfloat16)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"do_sample": True, "temperature": 0.6, "top_p": 0.9}))
    return folder


@pytest.fixture(scope="module")
def config_of(chat_model, gsm8k_folder):
    task = DatasetConfig(
        name="own", source=str(gsm8k_folder), problem_key="question", solution_key="answer", num_validation=4
    )

    def make(precision: Precision = Precision.bf16_mixed, lora: int = 4, dtype: Dtype = Dtype.auto) -> FinetuneConfig:
        return FinetuneConfig(
            task=task,
            trainer=TrainerConfig(
                batch_size=4, num_validation=2, num_validations=1, device=Device.cpu, precision=precision
            ),
            max_new_tokens=4,
            policy=PolicyConfig(prompt_format=PromptFormat.chat, system_prompt="Be brief.", dtype=dtype),
            path=str(chat_model),
            lora=LoraConfig(rank=lora),
            gradient_checkpointing=True,
            learning_rate=1e-2,
            num_updates=4,
        )

    return make


@pytest.fixture
def data(tmp_path) -> Artifact:
    """Positives and pairs."""
    folder = tmp_path / "data"
    folder.mkdir()
    examples = [Example(str(i), f"{i} + 1 = ?\n", f"It is\n#### {i + 1}") for i in range(6)]
    examples += [Example(str(i), f"{i} + 2 = ?\n", f"It is\n#### {i + 2}", "So\n#### 0") for i in range(6)]
    write_table(folder / "examples.parquet", Example, examples)
    return Artifact(folder, {"stage": "compose", "measures": {}})


def finetune(config: FinetuneConfig, inputs: dict[str, Artifact], out: Path) -> Artifact:
    checkpoints_of(out).mkdir(parents=True)
    return Artifact(out, {"stage": "finetune", "measures": run(config, inputs, out, Session())})


def curves(artifact: Artifact) -> list[dict[str, str]]:
    return list(csv.DictReader((artifact.folder / "curves.csv").open()))


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("lora", [0, 4])
def test_a_second_phase_starts_at_its_reference_and_leaves_a_plain_model(config_of, data, tmp_path, precision, lora):
    first = finetune(config_of(precision, lora), {"data": data}, tmp_path / "first")
    config = config_of(precision, lora)
    config.path = None
    second = finetune(config, {"data": data, "policy": first, "reference": first}, tmp_path / "second")
    losses = [float(row["train_dpo_loss"]) for row in curves(second) if row["train_dpo_loss"]]
    assert losses[0] == pytest.approx(math.log(2), abs=2e-3)
    assert losses[-1] != losses[0]
    before, after = (load_file(one.folder / "model" / "model.safetensors") for one in (first, second))
    assert any(not weight.equal(after[name]) for name, weight in before.items())
    model = second.folder / "model"
    assert {path.name for path in model.iterdir()} == {
        *("config.json", "generation_config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
    }
    assert {tensor.dtype for tensor in load_file(model / "model.safetensors").values()} == {torch.bfloat16}
    generation = json.loads((model / "generation_config.json").read_text())
    assert generation.keys() == {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version"}
    assert AutoTokenizer.from_pretrained(model).chat_template == TEMPLATE
    names = AutoModelForCausalLM.from_pretrained(model).state_dict().keys()
    assert names == load_policy(str(config_of().path))[0].state_dict().keys()


def test_the_dtype_that_is_asked_for_is_the_one_that_is_saved(config_of, data, tmp_path):
    made = finetune(config_of(Precision.full, lora=2, dtype=Dtype.float16), {"data": data}, tmp_path / "made")
    assert {t.dtype for t in load_file(made.folder / "model" / "model.safetensors").values()} == {torch.float16}


def test_a_data_set_without_solutions_is_validated_by_accuracy_alone(config_of, data, gsm8k_folder, tmp_path):
    """A teacher wrote what it trains on; the data set has answers only."""
    rows = [json.loads(line) for line in (gsm8k_folder / "train.jsonl").read_text().splitlines()]
    source = tmp_path / "answers"
    source.mkdir()
    for name, part in (("train", rows[:12]), ("test", rows[12:])):
        lines = [{"problem": row["question"], "answer": row["answer"].rpartition("#### ")[2]} for row in part]
        (source / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = config_of(lora=0)
    config.task = DatasetConfig(
        name="own", source=str(source), solution_key=None, answer_key="answer", num_validation=4
    )
    trained = finetune(config, {"data": data} | reference_of(config, tmp_path), tmp_path / "out")
    assert any(row["validation_accuracy"] for row in curves(trained))
    assert "validation_loss" not in curves(trained)[0] and "final_validation_loss" not in trained.manifest["measures"]


def reference_of(config: FinetuneConfig, folder: Path) -> dict[str, Artifact]:
    """The model that training starts from, as an artifact."""
    place = folder / "reference"
    place.mkdir()
    (place / "model").symlink_to(config.path or "")
    return {"reference": Artifact(place, {"stage": "finetune", "measures": {}})}


def test_sequences_longer_than_the_model_are_refused_before_training(config_of, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_table(folder / "examples.parquet", Example, [Example("0", "1 + 1 = ?\n", "So " * 900)])
    with pytest.raises(ValueError, match=r"^the longest example has 27\d\d tokens, .* the model takes 2048"):
        finetune(config_of(lora=0), {"data": Artifact(folder, {"stage": "compose"})}, tmp_path / "out")
