"""A server that we start is healthy when its address is given, and gone afterwards, whatever happened."""

from __future__ import annotations

import http.client
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from synthscale.server.config import ServerConfig
from synthscale.server.process import command_line, held_port, serve, server_environment
from synthscale.server.request import ServerFailed
from synthscale.session import Session, Stopped

SCRIPTED = Path(__file__).parents[1] / "openai_server.py"


def config_of(program: str, **keys) -> ServerConfig:
    """A server that is this Python program; sys.argv is [-c, port, model]."""
    command = shlex.join([sys.executable, "-c", textwrap.dedent(program)]) + " {port} {model}"
    return ServerConfig(**{"command": command, "startup_minutes": 0.5, **keys})


SERVER = f"""
import os, subprocess, sys
sys.path.append({str(SCRIPTED.parent)!r})
from openai_server import ScriptedServer
child = subprocess.Popen([sys.executable, "-c", "import signal, time\\nSTUBBORN\\ntime.sleep(600)"])
server = ScriptedServer(port=int(sys.argv[1]))
print("pids", os.getpid(), child.pid, flush=True)
server.serve_forever()
"""
STUBBORN = SERVER.replace("STUBBORN", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
WILLING = SERVER.replace("STUBBORN", "")


def pids_in(log: Path) -> list[int]:
    """The server and its child, which stands for a worker of vLLM."""
    return [int(word) for line in log.read_text().splitlines() if line.startswith("pids") for word in line.split()[1:]]


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def are_gone(pids: list[int], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(is_running(pid) for pid in pids):
        time.sleep(0.05)
    return bool(pids) and not any(is_running(pid) for pid in pids)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the server prints."""
    return tmp_path / "logs" / "server.log"


def test_it_is_healthy_in_the_block_and_gone_after_it(log):
    with serve(config_of(WILLING), "a folder", log) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://").removesuffix("/v1"))
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()
        pids = pids_in(log)
        assert len(pids) == 2 and all(map(is_running, pids))
    assert are_gone(pids, 0)


@pytest.mark.parametrize("error", [RuntimeError("ours"), KeyboardInterrupt()])
def test_it_is_gone_after_an_exception_which_stays_what_it_was(log, error):
    with pytest.raises(type(error)) as raised, serve(config_of(WILLING), "x", log):
        raise error
    assert raised.value is error and are_gone(pids_in(log), 0)


def test_a_child_that_does_not_heed_sigterm_is_killed(log):
    started = time.monotonic()
    with serve(config_of(STUBBORN), "x", log):
        pids = pids_in(log)
        time.sleep(0.3)  # until the child ignores the signal
    assert are_gone(pids, 0) and time.monotonic() - started < 20


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lets a process adopt its descendants")
def test_a_child_that_left_the_group_is_killed(log):
    with serve(config_of(SERVER.replace("STUBBORN", "import os; os.setsid()")), "x", log):
        pids = pids_in(log)
        time.sleep(0.3)
    assert are_gone(pids, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_gone_when_its_parent_is_killed(log, number):
    parent = f"""
from pathlib import Path
from synthscale.server.config import ServerConfig
from synthscale.server.process import serve
import time
with serve(ServerConfig(command={config_of(WILLING).command!r}), "x", Path({str(log)!r})):
    print("healthy", flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "healthy\n"
    pids = pids_in(log)
    assert len(pids) == 2 and all(map(is_running, pids))
    os.kill(process.pid, number)
    process.wait()
    process.stdout.close()
    assert are_gone(pids)


def test_a_server_that_dies_is_told_with_the_end_of_its_log(log):
    program = "import sys; print('loading'); print('out of memory', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ServerFailed) as failed, serve(config_of(program), "x", log):
        raise AssertionError("not reached")
    *shown, last = str(failed.value).splitlines()
    assert {"loading", "out of memory"} <= set(shown)
    assert "ended with exit code 3" in last and last.endswith(f"its log is {log}.")


def test_a_server_that_is_killed_while_it_is_asked_is_told_in_place_of_its_clients_trouble(log):
    with pytest.raises(ServerFailed, match="ended with exit code 137; its log is"), serve(config_of(WILLING), "x", log):
        os.kill(pids_in(log)[0], signal.SIGKILL)
        raise ServerFailed("The server at … failed 9 times")
    assert are_gone(pids_in(log), 0)  # its child, too
    with pytest.raises(ServerFailed, match=r"^ours$"), serve(config_of(WILLING), "x", log):
        raise ServerFailed("ours")


def test_a_server_that_never_gets_healthy_is_told_and_ended(log):
    program = "import os, sys, time; print('pids', os.getpid(), flush=True); time.sleep(600)"
    config = config_of(program, startup_minutes=0.02, health_path="/ready")
    with pytest.raises(ServerFailed, match=r"was not healthy at /ready after 0\.02 min"), serve(config, "x", log):
        raise AssertionError("not reached")
    assert are_gone(pids_in(log), 0)


def test_a_stop_is_heeded_while_the_server_starts(log):
    session = Session()
    threading.Timer(1.0, session.request_stop).start()
    program = "import os, time; print('pids', os.getpid(), flush=True); time.sleep(600)"
    with pytest.raises(Stopped), serve(config_of(program), "x", log, session):
        raise AssertionError("not reached")
    assert are_gone(pids_in(log), 0)


def test_a_program_that_is_not_there(log):
    config = ServerConfig(command="no-such-program {port}")
    with pytest.raises(ServerFailed, match="no-such-program cannot be started: No such file"), serve(config, "x", log):
        raise AssertionError("not reached")


def test_another_port_is_tried_where_the_first_is_taken(log):
    """The first two times the server finds its port taken, as if another process had been faster."""
    program = f"""
import pathlib, sys
count = pathlib.Path({str(log.with_name("count"))!r})
count.write_text(count.read_text() + sys.argv[1] + " " if count.exists() else sys.argv[1] + " ")
if len(count.read_text().split()) < 3:
    raise OSError(98, "Address already in use")
{WILLING}"""
    with serve(config_of(program), "x", log) as url:
        ports = log.with_name("count").read_text().split()
        assert len(set(ports)) == 3 and url == f"http://127.0.0.1:{ports[-1]}/v1"


def test_it_is_given_up_when_all_ports_are_taken(log):
    config = config_of("raise OSError(98, 'Address already in use')")
    with pytest.raises(ServerFailed, match="Address already in use"), serve(config, "x", log):
        raise AssertionError("not reached")


def test_a_held_port_is_given_to_nobody_else():
    with suppress(OSError), held_port() as first, held_port() as second:
        assert first.getsockname() != second.getsockname()


def test_the_command_is_split_by_no_shell(tmp_path, monkeypatch):
    folder = tmp_path / "a folder; touch x $(y)"
    words = command_line("serve '{model}' --flag='two words' --port={port} {model}", folder, 8123)
    assert words == ["serve", str(folder), "--flag=two words", "--port=8123", str(folder)]
    assert command_line("sh -c {port}", "x", 1) == [shutil.which("sh"), "-c", "1"]
    monkeypatch.setenv("PATH", str(tmp_path))
    beside = Path(sys.executable).name
    assert command_line(f"{beside} {{port}}", "x", 1) == [str(Path(sys.executable).parent / beside), "1"]


def test_the_server_is_given_no_keys_that_it_does_not_need():
    given = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "x",
        "HF_TOKEN": "x",
        "WANDB_API_KEY": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "DB_PASSWORD": "x",
        "TOKENIZERS_PARALLELISM": "false",
        "VLLM_API_KEY": "x",
        "HF_HUB_OFFLINE": "1",
    }
    kept = server_environment(given, ServerConfig(api_key_env="VLLM_API_KEY"))
    assert set(kept) == {"PATH", "TOKENIZERS_PARALLELISM", "VLLM_API_KEY", "HF_HUB_OFFLINE"}
