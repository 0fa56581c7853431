#!/usr/bin/env bash
# Stops what up.sh started in SLURM_ROOT, and all that the cluster's jobs have started, so that nothing is left running.
set -euo pipefail

root=$(readlink -m "${SLURM_ROOT:-/}")
if [[ ! -d $root/run ]]; then
  echo "down.sh: SLURM_ROOT=${SLURM_ROOT:-} holds no cluster." >&2
  exit 2
fi

# Whether the process is there. One that ended and was not reaped is not: in a container, process 1 may never reap.
alive() { [[ $(ps -o stat= -p "$1") == [!Z]* ]]; }

# The processes that have inherited this cluster's environment: a pid from a file alone may by now be a stranger's.
ours() { (cd /proc && grep -lzxF "SLURM_CONF=$root/etc/slurm.conf" [0-9]*/environ 2>/dev/null | cut -d/ -f1) || true; }

# The processes of jobs: slurmstepd, which outlives slurmd so that that can be restarted under running jobs; and whoever
# was started on a node, also where its parent is gone. A person's shell that only uses the cluster is not on a node.
of_jobs() {
  local pid
  for pid in $(ours); do
    if alive "$pid" && { [[ $(ps -o comm= -p "$pid") == slurmstepd ]] ||
      grep -qzx "SLURMD_NODENAME=n[12]" "/proc/$pid/environ" 2>/dev/null; }; then
      echo "$pid"
    fi
  done
}

# Ends a daemon: asks, and insists after ten seconds.
end() {
  local pid deadline=$((SECONDS + 10))
  pid=$(cat "$root/run/$1.pid" 2>/dev/null) && grep -qx "$pid" <<<"$(ours)" && alive "$pid" || return 0
  kill "$pid" 2>/dev/null || true
  while alive "$pid"; do
    ((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
}

end slurmctld # first, or it would restart jobs whose nodes go
end slurmd-n1
end slurmd-n2
while pids=$(of_jobs) && [[ -n $pids ]]; do
  kill -KILL $pids 2>/dev/null || true # one word a pid
  sleep 0.05
done
end slurmdbd
end mariadbd
end munged
