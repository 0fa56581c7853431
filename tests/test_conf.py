"""Every YAML composes into a typed config and a point, and every key is read by some code."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from omegaconf import OmegaConf

from synthscale.credit.pit import PitRule
from synthscale.mixture.mixture import StepsOfPositives
from synthscale.problem import DatasetConfig
from synthscale.stage.stage import STAGES
from synthscale.study.config import GROUPS, KINDS, ConfigError, RunConfig, to_run_config
from synthscale.study.recipe import build_point

REPOSITORY = Path(__file__).parents[1]
CONF, SOURCE = REPOSITORY / "conf", REPOSITORY / "src" / "synthscale"
OPTIONS = [path.relative_to(CONF).with_suffix("") for path in sorted(CONF.rglob("*.yaml")) if path.parent != CONF]
# launchers are checked with the launchers; they are Hydra's, not a run's
RUN_OPTIONS = [path for path in OPTIONS if path.parts[0] != "hydra"]
STUDIES = [path.name for path in OPTIONS if path.parts[0] == "study"]
ALGORITHMS = [path.name for path in OPTIONS if path.parts[0] == "algorithm"]
MIXTURES = [path.name for path in OPTIONS if path.parts[0] == "mixture"]
# what a mixture needs beside a recipe
CREDIT_OF = {"filtered_positives": ["credit=accepted"], "advantage_weighted": ["credit=all_samples"]}
CREDITED = {"filtered_positives": "accepted", "advantage_weighted": "both"}
KEY_OF = {
    "step_pairs": "pair_shape",
    "divergence": "pair_shape",
    "filtered_positives": "min_advantage",
    "advantage_weighted": "step_weights",
}
EXHAUSTIVE = "credit.search=exhaustive"
TEACHER = ["teacher.num_problems=8", "teacher.server.model=m", "teacher.server.url=http://127.0.0.1:1/v1"]
PAPERS = ("eightfold_gsm8k", "eightfold_math")


def is_world(task: Path) -> bool:
    """Whether an option of the group `task` needs no data."""
    return any(re.fullmatch(rf"{world}(_\w+)?", task.name) for world in KINDS["task"] if world != "dataset")


@pytest.fixture
def needed_by(gsm8k_folder: Path, small_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    """The overrides without which an option cannot stand: a data set's folder, and a model that can read it."""
    keys = [f"task.source={gsm8k_folder}", "task.problem_key=question", "task.solution_key=answer", "data_size=4"]
    sizes = ["task.num_validation=4", "trainer.num_validation=4", "evaluation.num_test=8"]
    needs = [*keys, *sizes, "evaluation.num_sampled_problems=4", f"model.path={small_llama}"]
    address = {"sampler/server": ["sampler.server.url=http://127.0.0.1:1/v1"]}
    # a model's name stands on a hub that cannot be reached from here
    monkeypatch.setattr("synthscale.policy.model_source.check_on_hub", lambda name, revision: None)

    def of(option: Path) -> list[str]:
        if option.parts[0] == "study" and option.name in PAPERS:  # sizes as they are: the teacher's pool is no file
            return [
                need for need in [*needs, *TEACHER] if not need.startswith(("data_size", "teacher=", "teacher.num"))
            ]
        if option.parts[0] == "model" and option.name != "tiny":
            return ["task=gsm8k", *needs[:-1]]
        if option.parts[0] == "teacher" and option.name != "procedural":
            return ["task=gsm8k", *needs, *TEACHER]
        return needs if option.parts[0] == "task" and not is_world(option) else address.get(str(option), [])

    return of


def test_there_is_something_to_test():
    assert {path.parts[0] for path in RUN_OPTIONS} >= set(GROUPS)
    assert {"sft", "sft_matched", "rft", "dpo", "step_dpo", "step_mix"} <= set(ALGORITHMS)


@pytest.mark.parametrize("option", RUN_OPTIONS, ids=str)
def test_every_option_composes_alone(compose_run, needed_by, option):
    # a mixture of step pairs needs an algorithm with credit
    of_mixture = ["algorithm=step_dpo", *CREDIT_OF.get(option.name, [])]
    more = of_mixture if option.parts[0] == "mixture" else needed_by(option)
    run = compose_run(*more, f"{option.parent}={option.name}")
    group = getattr(run, option.parts[0], None)
    assert isinstance(group, GROUPS.get(option.parts[0], type(None)))
    point = build_point(run)
    assert [node.stage for node in point.nodes.values()][-len(run.recipe) :] == run.recipe


@pytest.mark.parametrize("option", [path for path in RUN_OPTIONS if path.parts[0] in GROUPS], ids=str)
def test_every_option_is_called_what_its_file_is_called(compose_run, needed_by, option):
    algorithm = "sft" if option == Path("credit/accepted") else "step_dpo"  # whose pits are in rejected samples
    needs = [*needed_by(option), *(CREDIT_OF.get(option.name, []) if option.parts[0] == "mixture" else [])]
    run = compose_run(f"algorithm={algorithm}", *needs, f"{option.parent}={option.name}")
    name = getattr(getattr(run, option.parts[0]), "name", option.name)
    assert getattr(name, "value", name) == option.name


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("mixture", MIXTURES)
def test_algorithms_take_any_mixture_that_their_recipe_can_make(compose_run, algorithm, mixture):
    recipe = compose_run(f"algorithm={algorithm}").recipe
    key = KEY_OF.get(mixture)
    overrides = [f"algorithm={algorithm}", f"mixture={mixture}"]
    if key and "compose" in recipe and "credit" not in recipe:
        with pytest.raises(ConfigError, match=rf"^mixture\.{key}=.* needs prefix values, and the recipe of algorithm"):
            compose_run(*overrides)
    else:
        credited = f"credit.credited_samples={CREDITED.get(mixture, 'rejected')}"
        build_point(compose_run(*overrides, credited, EXHAUSTIVE, "credit.max_negatives_per_problem=16"))


def points_of(sweeper: Any) -> Iterator[list[str]]:
    """The study's points as overrides: params × points."""
    for item in sweeper.points or [{}]:
        axes = [
            [f"{key}={value}" for value in re.split(r",(?![^[]*\])", str(values))]
            for key, values in [*(sweeper.params or {}).items(), *item.items()]
        ]
        yield from map(list, itertools.product(*axes))


@pytest.mark.parametrize("study", STUDIES)
def test_every_point_of_every_study_composes(compose, needed_by, study):
    """Each axis of the sweep, at each of its values."""
    needs = needed_by(Path("study") / study)
    config = compose(f"study={study}", *needs, return_hydra_config=True)
    assert config.study_name == study
    points = list(points_of(config.hydra.sweeper))
    some = points[:: max(1, len(points) // 12)]  # a dozen of them, over all axes
    keys = {build_point(to_run_config(compose(f"study={study}", *needs, *point))).root.key for point in some}
    shapes = {tuple(key for key in point if not is_of_no_matter(key, point)) for point in some}
    assert len(keys) == len(shapes)


def is_of_no_matter(key: str, point: list[str]) -> bool:
    """Whether it is the shape of pairs where there are none."""
    return key.startswith("mixture.pair_shape") and "mixture.negative_fraction=0" in point


def test_the_papers_studies_go_to_a_cluster_unless_told_otherwise(compose, needed_by):
    def launcher(*overrides: str) -> str:
        return compose(*overrides, return_hydra_config=True).hydra.runtime.choices["hydra/launcher"]

    for study in ("eightfold_gsm8k", "eightfold_math"):
        needs = needed_by(Path("study") / study)
        assert launcher(f"study={study}", *needs) == "slurm_h100"
        assert launcher(f"study={study}", *needs, "hydra/launcher=local") == "local"
    assert launcher("study=quick") == launcher() == "local"
    assert launcher("study=quick", "hydra/launcher=slurm") == "slurm"


def test_recipes_name_stages_and_end_with_evaluation(compose_run):
    for algorithm in ALGORITHMS:
        recipe = compose_run(f"algorithm={algorithm}").recipe
        assert set(recipe) <= set(STAGES)
        assert (recipe[0], recipe[-1]) == ("synthesize", "evaluate")


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.relative_to(CONF).as_posix())
def test_every_file_says_what_it_is_for_and_is_checked_by_a_schema(path):
    text = path.read_text()
    assert text.startswith("# ")
    group = path.relative_to(CONF).parts[0]
    if group in GROUPS:
        defaults = (yaml.safe_load(text) or {})["defaults"]
        parents = [entry for entry in defaults if isinstance(entry, str) and entry != "_self_"]
        stems = {other.stem for other in path.parent.glob("*.yaml")}
        assert parents and all(parent.endswith("_schema") or parent in stems for parent in parents)


REFUSED = [
    ("data_size=0", "data_size"),
    ("data_size=100000000", "data_size"),
    ("data_size=many", "data_size"),
    ("seed=-1", "seed"),
    ("task.num_values=11", "task.num_values"),
    ("sampler.temperature=0", "sampler.temperature"),
    ("sampler.num_samples=4", "credit.best_of"),  # 5 of 4
    ("credit.num_rollouts=2", "credit.best_of"),
    ("algorithm.max_weight=0.5", "algorithm.max_weight"),
    ("mixture.step_weights=reward", "mixture.step_weights"),
    ("mixture.min_advantage=-2", "mixture.min_advantage"),
    ("credit.max_accepted_per_problem=0", "credit.max_accepted_per_problem"),
    ("credit.credited_samples=accepted", "mixture.pair_shape=step needs prefix values of rejected samples"),
    ("mixture.negative_fraction=1.5", "mixture.negative_fraction"),
    ("mixture.pair_shape=circle", "pair_shape"),
    ("trainer.batch_size=1", "trainer.batch_size"),
    ("trainer.num_validation=100000000", "trainer.num_validation"),
    ("evaluation.num_test=0", "evaluation.num_test"),
    ("evaluation.num_test=100000000", "evaluation.num_test"),
    ("algorithm.beta=0", "algorithm.beta"),
    ("algorithm.first.learning_rate=0", "algorithm.first.learning_rate"),
    ("algorithm.second.updates_per_problem=-1", "algorithm.second.updates_per_problem"),
    ("algorithm.recipe=[synthesise]", "algorithm.recipe"),
    ("pretraining.num_updates=0", "pretraining.num_updates"),
    ("pretraining.learning_rate=0", "pretraining.learning_rate"),
    ("pretraining.seed=-1", "pretraining.seed"),
    ("model.architecture.hidden_size=0", "model.architecture.hidden_size"),
    ("model.architecture.intermediate_size=0", "model.architecture.intermediate_size"),
    ("model.architecture.num_layers=0", "model.architecture.num_layers"),
    ("model.architecture.num_heads=0", "model.architecture.num_heads"),
    ("model.architecture.num_heads=7", "model.architecture.num_heads"),  # 64 is no multiple of 7
    ("task.name=alchemy", "task"),
    ("teacher.name=gpt4", "teacher"),
    ("sampler.name=vllm", "sampler"),
    ('sampler.stop=["\\n\\n"]', "sampler.stop"),
    ("sampler.server.command='serve \"{model} --port {port}'", "sampler.server.command"),
]


@pytest.mark.parametrize(("override", "named"), REFUSED)
def test_a_value_out_of_range_is_refused_before_anything_is_computed(compose, override, named):
    """By ConfigError, or by OmegaConf as it composes; the message names the key."""
    with pytest.raises(Exception) as refused:
        build_point(to_run_config(compose("algorithm=step_dpo", override)))
    error = refused.value
    assert isinstance(error, ConfigError) or type(error).__module__.split(".")[0] in ("hydra", "omegaconf")
    assert named in f"{error} {error.__cause__}"


@pytest.mark.parametrize(
    "override",
    ["betta=1", "algorithm.betta=1", "trainer.batchsize=2", "model.architecture.layers=2", "tasks=precedence"],
)
def test_a_misspelt_key_does_not_compose(compose, override):
    with pytest.raises(Exception, match=override.partition("=")[0].rpartition(".")[2]):
        compose(override)


# Every key is read: found in the source, for the class that holds the key.


def keys(cls: type[Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, type[Any], tuple[str, ...]]]:
    """(key, the class that defines it, the path to it) for every leaf of a config class."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        inner = [kind for kind in (hints[field.name], *get_args(hints[field.name])) if dataclasses.is_dataclass(kind)]
        if inner:  # X, or X | None
            yield from keys(inner[0], (*path, field.name))
        else:
            yield field.name, cls, (*path, field.name)


def name_of(owner: ast.expr) -> str:
    """The last word of what an attribute is read from: `logger` for `config.logger` and for `config["logger"]`."""
    if isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Constant):
        return str(owner.slice.value)
    return owner.attr.lstrip("_") if isinstance(owner, ast.Attribute) else ast.unparse(owner)


def accesses() -> Iterator[tuple[str, str, str | None]]:
    """(attribute, what it is read from, the class it stands in) for every attribute that src reads."""

    def walk(node: ast.AST, inside: str | None) -> Iterator[tuple[str, str, str | None]]:
        if isinstance(node, ast.ClassDef):
            inside = node.name
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value
            yield node.attr, name_of(owner), inside
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):  # a config as JSON types
            yield str(node.slice.value), name_of(node.value), inside
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    for path in SOURCE.rglob("*.py"):
        yield from walk(ast.parse(path.read_text()), None)


def is_read(
    key: str, cls: type[Any], path: tuple[str, ...], shared: bool, found: set[tuple[str, str, str | None]]
) -> bool:
    """Whether the key is read outside its own class.

    A name that several classes have, such as `seed`, has to be read from what is called as its group is.
    """
    owners = {path[-2]} if len(path) > 1 else {"config", "run", "run_config"}
    return any(
        attribute == key and inside != cls.__name__ and (not shared or owner in owners)
        for attribute, owner, inside in found
    )


def unread(root: type[Any], found: set[tuple[str, str, str | None]]) -> list[str]:
    """The keys of a config tree that no code reads."""
    all_keys = list(keys(root))
    classes: dict[str, set[type[Any]]] = {}
    for key, cls, _ in all_keys:
        classes.setdefault(key, set()).add(cls)
    return [".".join(path) for key, cls, path in all_keys if not is_read(key, cls, path, len(classes[key]) > 1, found)]


@pytest.mark.parametrize("root", [RunConfig, *(kind for kinds in KINDS.values() for kind in kinds.values())])
def test_every_config_key_is_read(root):
    # its class fills them in, and artifacts' keys have them
    for_identity = {"fingerprint", "test_fingerprint"} if root is DatasetConfig else set()
    assert set(unread(root, set(accesses()))) <= for_identity


@dataclasses.dataclass
class Forgotten:
    batch_size: int = 1
    forgotten: int = 1  # a key that nothing reads
    seed: int = 0  # others have a seed, but nobody reads this one's


@dataclasses.dataclass
class Root:
    group: Forgotten
    seed: int = 0


def test_a_key_that_no_code_reads_is_found():
    assert unread(Root, set(accesses())) == ["group.forgotten", "group.seed"]


@pytest.mark.parametrize(
    ("task", "teacher"),
    [
        *((world, "procedural") for world in ("precedence", "crossroads", "star_graph")),
        ("gsm8k", "procedural"),
        ("gsm8k", "server"),
    ],
)
def test_schema_and_yaml_agree_on_every_key(compose, task, teacher):
    """What composes holds the schema's keys and no others, with nothing missing."""
    schemas = {"task": KINDS["task"].get(task, DatasetConfig), "teacher": KINDS["teacher"][teacher]}
    needed = (["task.source=x"] if task == "gsm8k" else []) + (TEACHER if teacher == "server" else [])
    config = compose("algorithm=step_dpo", f"task={task}", f"teacher={teacher}", *needed)
    paths = {path for _, _, path in keys(RunConfig)}
    paths |= {(group, *path) for group, schema in schemas.items() for _, _, path in keys(schema)}

    def leaves(node, path=()):
        for name in node:
            if OmegaConf.is_dict(node) and OmegaConf.is_dict(node[name]):
                yield from leaves(node[name], (*path, name))
            else:
                assert not OmegaConf.is_missing(node, name), name
                yield (*path, name)

    assert set(leaves(config)) == paths


def test_the_adaptive_search_credits_rejected_samples_alone(compose):
    for samples in ("accepted", "both"):
        with pytest.raises(ConfigError, match=f"^credit.credited_samples={samples} needs credit.search=exhaustive"):
            to_run_config(compose("algorithm=step_mix", f"credit.credited_samples={samples}"))


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["algorithm=rft"], "needs prefix values, and the recipe of algorithm rft has no credit stage"),
        (["algorithm=step_dpo"], r"needs prefix values of accepted samples: set credit\.credited_samples=accepted"),
        (["algorithm=rft_filtered", "credit=adaptive"], "needs prefix values of accepted samples"),
        (["algorithm=rft_filtered", "mixture.positives_per_problem=17"], "judges .*_per_problem=16 samples a problem"),
    ],
)
def test_a_filter_without_its_credit_is_refused(compose, overrides, sentence):
    with pytest.raises(ConfigError, match=rf"^mixture\.min_advantage=-0\.25 {sentence}") as refused:
        to_run_config(compose(*overrides, "mixture.min_advantage=-0.25"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["algorithm=rft"], "needs prefix values, and the recipe of algorithm rft has no credit stage"),
        (
            ["algorithm=advantage_weighted", "credit=accepted"],
            "needs prefix values of accepted and of rejected samples",
        ),
        (
            ["algorithm=advantage_weighted", "credit=adaptive"],
            "needs prefix values of accepted and of rejected samples",
        ),
        (
            ["algorithm=advantage_weighted", "mixture.negative_fraction=0.5"],
            r"takes all samples of pi_sft, right or wrong, and no pairs: set mixture\.negative_fraction=0",
        ),
        (["algorithm=advantage_weighted", "mixture.min_advantage=-0.5"], r".*: set mixture\.min_advantage=null"),
        (["algorithm=advantage_weighted", "mixture.steps=right"], r".*: set mixture\.steps=null"),
    ],
)
def test_weights_of_steps_that_cannot_be_found_are_refused(compose, overrides, sentence):
    with pytest.raises(ConfigError, match=rf"^mixture\.step_weights=advantage {sentence}") as refused:
        to_run_config(compose(*overrides, "mixture.step_weights=advantage"))
    assert "\n" not in str(refused.value)


def test_only_weighted_steps_know_of_the_cap(compose_run):
    def keys(*overrides: str) -> dict[str, str]:
        return {role: node.key for role, node in build_point(compose_run(*overrides)).nodes.items()}

    cap = "algorithm.max_weight=5"
    assert keys("algorithm=rft", cap) == keys("algorithm=rft")
    before, after = keys("algorithm=advantage_weighted"), keys("algorithm=advantage_weighted", cap)
    assert {role for role in before if before[role] != after[role]} == {"policy", "evaluate"}
    # a weighted training set reads no limit of accepted samples but credit's, and no rule of choice
    unread = keys("algorithm=advantage_weighted", "mixture.positives_per_problem=9", "mixture.choose=diverse")
    assert unread == before


def test_only_pairs_know_of_their_side(compose_run):
    def keys(*overrides: str) -> dict[str, str]:
        return {role: node.key for role, node in build_point(compose_run(*overrides)).nodes.items()}

    assert keys("algorithm=rft", "algorithm.only_side=chosen") == keys("algorithm=rft")
    before = keys("algorithm=step_mix")
    for side in ("chosen", "rejected"):
        after = keys("algorithm=step_mix", f"algorithm.only_side={side}")
        assert {role for role in before if before[role] != after[role]} == {"policy", "evaluate"}
    assert keys("algorithm=step_mix", "algorithm.only_side=null") == before


def test_the_truth_of_steps_is_asked_of_worlds_alone(compose, needed_by):
    needs = needed_by(Path("task/gsm8k"))
    with pytest.raises(ConfigError, match=r"mixture\.steps=right needs the truth of every step"):
        to_run_config(compose("task=gsm8k", *needs, "algorithm=rft", "mixture.steps=right"))
    assert to_run_config(compose("algorithm=rft", "mixture.steps=right")).mixture.steps is StepsOfPositives.right
    by_truth = ("credit=largest_drop", "credit.pit_rule=first_wrong")
    with pytest.raises(ConfigError, match=r"credit\.pit_rule=first_wrong needs the truth of every step"):
        to_run_config(compose("task=gsm8k", *needs, "algorithm=step_dpo", *by_truth))
    for without_pits in ("rft", "rft_filtered", "dpo"):
        to_run_config(compose("task=gsm8k", *needs, f"algorithm={without_pits}", "credit.pit_rule=first_wrong"))
    assert to_run_config(compose("algorithm=step_dpo", *by_truth)).credit.pit_rule is PitRule.first_wrong
    with pytest.raises(ConfigError, match=r"set credit\.search=exhaustive"):
        to_run_config(compose("algorithm=step_mix", "credit.pit_rule=first_wrong"))
