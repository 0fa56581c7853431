"""A small process between us and a server that we started: it ends the server's processes when we are gone.

`python guard.py COMMAND…` starts the command in a process group of its own. It ends when the command does, with its
exit code; and when its standard input ends, which the kernel sees to however its parent dies, kill -9 included, it ends
the whole group: by SIGTERM, and what is left after some seconds by SIGKILL. On Linux it also adopts what the server's
processes leave behind, so that one which left the group is found and killed too.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

SECONDS_TO_LEAVE = 5.0
SECONDS_BETWEEN_LOOKS = 0.1
PR_SET_CHILD_SUBREAPER = 36  # of Linux's prctl(2)


def main(command: list[str]) -> int:
    """Start the command, and end its group when the parent is gone or it has ended itself."""
    with suppress(OSError, AttributeError):  # not on Linux
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: asked.append(number))
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    while server.poll() is None and not asked:
        if select.select([0], [], [], SECONDS_BETWEEN_LOOKS)[0] and not os.read(0, 1):
            break
    end_group(server)
    end_adopted()
    code = server.wait()
    return code if code >= 0 else 128 - code


def end_group(server: subprocess.Popen[bytes]) -> None:
    """End all processes of the server's group."""
    end = time.monotonic() + SECONDS_TO_LEAVE
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        while time.monotonic() < end:
            if server.poll() is not None:
                bury()  # a group has its dead members until then
            os.killpg(server.pid, 0)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def end_adopted() -> None:
    """Kill what is left of the server's descendants."""
    end = time.monotonic() + SECONDS_TO_LEAVE
    with suppress(OSError):  # no /proc
        while time.monotonic() < end:
            bury()
            left = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            if not left:
                return
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(SECONDS_BETWEEN_LOOKS)


def bury() -> None:
    """Take note of the deaths of adopted processes."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
