"""The wheel works outside the checkout: configs, base weights, launcher and commands come along."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, as pip would leave it in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def synthscale(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from synthscale.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=site.parent, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_what_is_not_code(site: Path) -> None:
    assert (site / "synthscale/conf/study/quick.yaml").exists()
    assert list((site / "synthscale/policy/base").glob("pretrain-*/model/model.safetensors"))
    assert list((site / "synthscale/policy/base").glob("pretrain-*/manifest.json"))
    assert (site / "synthscale/py.typed").exists()
    assert (site / "hydra_plugins/synthscale_launchers/local.py").exists()


def test_the_base_weights_are_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "src/synthscale/policy/base").rglob("*") if path.is_file()]
    assert 0 < sum(sizes) < 1_500_000


def test_a_point_composes_and_runs_outside_the_checkout(site: Path) -> None:
    shown = synthscale(site, "run", "--cfg", "job", "algorithm=step_mix")
    assert shown.returncode == 0 and "name: step_mix" in shown.stdout, shown.stderr
    ran = synthscale(site, "run", "stage=synthesize", "data_size=4", "logger=none")
    assert ran.returncode == 0, ran.stderr
    assert list((site.parent / "runs/artifacts").glob("synthesize-*/manifest.json"))


def test_a_users_own_config_is_found(site: Path) -> None:
    own = site.parent / "own/algorithm"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("defaults: [sft, _self_]\nname: mine\nfirst:\n  learning_rate: 0.002\n")
    shown = synthscale(site, "run", "--config-dir", str(own.parent), "algorithm=mine", "--cfg", "job")
    assert shown.returncode == 0 and "name: mine" in shown.stdout, shown.stderr
