#!/usr/bin/env bash
# Starts a Slurm of its own for the tests on this one machine: munged, MariaDB, slurmdbd, slurmctld and two slurmd.
#
#   SLURM_ROOT=/tmp/slurm launchers/test_cluster/up.sh
#   export SLURM_CONF=/tmp/slurm/etc/slurm.conf
#   SLURM_ROOT=/tmp/slurm launchers/test_cluster/down.sh
#
# SLURM_ROOT         a new folder outside any checkout; everything lives in it, and it can be deleted after down.sh
# SLURM_PORT_BASE    the first of five ports on 127.0.0.1 (default 17000); two clusters need two bases
# SLURM_MIN_JOB_AGE  seconds for which squeue remembers a job that has ended (default 20)
#
# Needs the Debian packages slurm-wlm, slurm-client, slurmdbd, munge and mariadb-server, and neither root nor systemd.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
export PATH=$PATH:/usr/sbin:/sbin # where Debian has the daemons
base=${SLURM_PORT_BASE:-17000}
root=$(readlink -m "${SLURM_ROOT:-/}")

# --- what is refused before anything is started

refuse() {
  echo "up.sh: $*" >&2
  exit 2
}

[[ -n ${SLURM_ROOT:-} ]] || refuse "SLURM_ROOT is not set; give a new folder outside any checkout."
[[ $root =~ ^[A-Za-z0-9/._-]+$ ]] || refuse "SLURM_ROOT=$root has a character that Slurm's config files cannot hold."
((${#root} <= 64)) || refuse "SLURM_ROOT=$root has more than 64 characters, too many for the sockets inside it."
[[ -z $(ls -A "$root" 2>/dev/null) ]] || refuse "SLURM_ROOT=$root is not empty; give a new folder."
above=$root
while [[ $above != / ]]; do
  [[ ! -e $above/.git ]] || refuse "SLURM_ROOT=$root is inside the checkout $above; give a folder outside."
  above=$(dirname "$above")
done
for program in munged mariadbd mariadb-install-db mariadb slurmdbd slurmctld slurmd sbatch sacct; do
  command -v "$program" >/dev/null || refuse "$program is not installed; see the packages at the top of up.sh."
done
for port in $(seq "$base" "$((base + 4))"); do
  # opening a connection is the one test of a port that needs no other program
  ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || refuse "Port $port is taken; give another SLURM_PORT_BASE."
done

# --- folders and configs

export SLURM_CONF=$root/etc/slurm.conf
umask 022
mkdir -p "$root"/{etc,run,log,mysql,state/ctld,state/n1,state/n2}
trap 'SLURM_ROOT=$root "$here/down.sh"' EXIT # until everything is up

fill() {
  sed -e "s#@ROOT@#$root#g" -e "s#@HOST@#$(hostname -s)#g" -e "s#@USER@#$(id -un)#g" \
    -e "s#@CTLD_PORT@#$base#g" -e "s#@DBD_PORT@#$((base + 1))#g" -e "s#@SQL_PORT@#$((base + 2))#g" \
    -e "s#@NODE_PORTS@#$((base + 3))-$((base + 4))#g" -e "s#@MIN_JOB_AGE@#${SLURM_MIN_JOB_AGE:-20}#g" "$here/$1.in"
}
fill slurm.conf >"$root/etc/slurm.conf"
(umask 077 && fill slurmdbd.conf >"$root/etc/slurmdbd.conf" && head -c 128 /dev/urandom >"$root/etc/munge.key")
# Slurm can be kept to the address that the host's name has. Where that is not 127.0.0.1, as in most containers, it has
# to listen on all addresses, and the key is what keeps strangers out.
if [[ $(getent ahostsv4 "$(hostname)") == 127.* ]]; then
  echo "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" >>"$root/etc/slurm.conf"
  echo "CommunicationParameters=NoInAddrAny" >>"$root/etc/slurmdbd.conf"
fi
# Two GPUs a node, so that requests for GPUs are scheduled and CUDA_VISIBLE_DEVICES is set. Slurm wants devices, and
# never opens them.
ln -s /dev/null "$root/state/gpu0"
ln -s /dev/null "$root/state/gpu1"
echo "Name=gpu File=$root/state/gpu[0-1]" >"$root/etc/gres.conf"
# Without this slurmd looks for the machine's cgroups, which a container may not have.
printf '%s\n' CgroupAutomount=no CgroupPlugin=cgroup/v1 >"$root/etc/cgroup.conf"

# --- the daemons, each in the foreground of its own session, so that its pid is known from its first moment

start() {
  local name=$1
  shift
  setsid "$@" </dev/null >"$root/log/$name.out" 2>&1 &
  echo $! >"$root/run/$name.pid"
}

# Waits until a command succeeds, unless the daemon that has to answer it is gone.
wait_for() {
  local name=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS > deadline)) || ! kill -0 "$(cat "$root/run/$name.pid")" 2>/dev/null; then
      echo "up.sh: $name does not answer. The end of its log:" >&2
      tail -n 5 "$root/log/$name".* >&2
      return 1
    fi
    sleep 0.1
  done
}

sql() { mariadb --no-defaults --socket="$root/run/mysql.sock" --execute="$1"; }
nodes_are_up() { [[ $(timeout 10 sinfo --noheader --partition=main --Node --format=%T | sort -u) == idle ]]; }

mariadb-install-db --no-defaults --datadir="$root/mysql" --auth-root-authentication-method=socket \
  --auth-root-socket-user="$(id -un)" --skip-test-db --user="$(id -un)" >"$root/log/mysql-install.log" 2>&1
start munged munged --foreground --force --key-file="$root/etc/munge.key" --socket="$root/run/munge.socket" \
  --pid-file="$root/state/munged.pid" --log-file="$root/log/munged.log" --seed-file="$root/state/munged.seed"
start mariadbd mariadbd --no-defaults --user="$(id -un)" --datadir="$root/mysql" --socket="$root/run/mysql.sock" \
  --bind-address=127.0.0.1 --port="$((base + 2))" \
  --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0
wait_for mariadbd sql "select 1"
sql "create database slurm_acct; create user slurm@localhost identified by 'slurm';
  create user slurm@127.0.0.1 identified by 'slurm'; grant all on slurm_acct.* to slurm@localhost;
  grant all on slurm_acct.* to slurm@127.0.0.1"
start slurmdbd slurmdbd -D
wait_for slurmdbd timeout 10 sacctmgr --noheader show cluster
start slurmctld slurmctld -D
start slurmd-n1 slurmd -D -N n1
start slurmd-n2 slurmd -D -N n2
wait_for slurmctld nodes_are_up
trap - EXIT
sinfo
echo "export SLURM_CONF=$SLURM_CONF"
