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

# Whether the process was started with this variable.
has() { grep -qzxE "$2" "/proc/$1/environ" 2>/dev/null; }

# Ends a daemon: asks, and insists after ten seconds. A pid whose process has another environment is now a stranger's.
end() {
  local pid deadline=$((SECONDS + 10))
  pid=$(cat "$root/run/$1.pid" 2>/dev/null) && has "$pid" "SLURM_CONF=$root/etc/slurm.conf" || return 0
  kill "$pid" 2>/dev/null || true
  while alive "$pid"; do
    ((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
}

# The processes of jobs: slurmstepd, which outlives slurmd so that slurmd can be restarted under running jobs, and all
# that was started on a node, also where its parent is gone. A person's shell that uses the cluster is not on a node.
of_jobs() {
  local pid
  for pid in $(ps -o pid= -C slurmstepd); do
    [[ -z $(find "/proc/$pid/fd" -lname "$root/log/slurmd-n*.log" 2>/dev/null) ]] || echo "$pid"
  done
  for pid in $(cd /proc && grep -lzxF "SLURM_CONF=$root/etc/slurm.conf" [0-9]*/environ 2>/dev/null | cut -d/ -f1); do
    ! { has "$pid" "SLURMD_NODENAME=n[12]" && alive "$pid"; } || echo "$pid"
  done
}

end slurmctld # first, or it would start jobs again whose nodes go
end slurmd-n1
end slurmd-n2
while pids=$(of_jobs) && [[ -n $pids ]]; do
  kill -KILL $pids 2>/dev/null || true # unquoted: one word a pid
  sleep 0.05
done
end slurmdbd
end mariadbd
end munged
