#!/bin/sh
# Runs every storm STORM_ROUNDS (100) times in a row on the release library: forks, signals, execs,
# threads by the ten thousand, faults of system calls, limits of memory, one processor, a quota.
# Stops at the first failure, which it names.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
rounds=${STORM_ROUNDS:-100}
library=${HAKMEM_LIBRARY:-$root/.build/release/libhakmem.so}
[ -e "$library" ] || { echo "storm: $library does not exist: swift build first" >&2; exit 2; }
programs=$(mktemp -d)
group='' skipped=''
cleanup() {
  rm -rf "$programs"
  [ -z "$group" ] || for folder in $group; do rmdir "$folder" 2>/dev/null || true; done
}
trap cleanup EXIT

for source in "$root"/Tests/Programs/lifecycle/*.c "$root"/Tests/Programs/faults/*.c \
  "$root"/Tests/Programs/model/model.c; do
  gcc -O1 -g -fno-builtin -pthread -I "$root/Sources/CHakmem/include" \
    -I "$root/Tests/Programs/support" "$source" -o "$programs/$(basename "$source" .c)" 2>/dev/null || true
done

# Runs a command in a control group of its own; without one, calls the function named first.
in_group() {
  otherwise=$1 controller=$2 file=$3 value=$4
  shift 4
  for base in /sys/fs/cgroup /sys/fs/cgroup/unified "/sys/fs/cgroup/$controller"; do
    folder=$base/hakmem-storm-$$
    if mkdir "$folder" 2>/dev/null; then
      if [ -e "$folder/$file" ] && echo "$value" >"$folder/$file" 2>/dev/null; then
        group="$group $folder"
        # Half a second with a processor's worth: v1 has a file for each number.
        status=0
        sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$folder" "$@" || status=$?
        rmdir "$folder" 2>/dev/null || true
        return $status
      fi
      rmdir "$folder"
    fi
  done
  "$otherwise" "$@"
}
# Of 64 MiB, or of half a processor.
limited() {
  if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
    in_group skip memory memory.limit_in_bytes 67108864 "$@"
  else
    in_group skip memory memory.max 67108864 "$@"
  fi
}
halved() {
  if [ -e /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
    in_group stop_and_go cpu cpu.cfs_quota_us 50000 "$@"
  else
    in_group stop_and_go cpu cpu.max "50000 100000" "$@"
  fi
}
skip() { skipped="$skipped $name"; }
# What a quota does, without one: all its processes stand still for half of the time.
stop_and_go() {
  setsid "$@" &
  leader=$!
  while kill -0 "$leader" 2>/dev/null && ! kill -0 -"$leader" 2>/dev/null; do :; done
  while kill -STOP -"$leader" 2>/dev/null; do
    sleep 0.02
    kill -CONT -"$leader" 2>/dev/null || break
    sleep 0.02
  done
  wait "$leader"
}
on() { env LD_PRELOAD="$library" timeout -s KILL 600 "$@"; }

storm() {
  case $1 in
  fork_busy) on "$programs/fork_busy" 10 ;;
  fork_slow) on "$programs/fork_slow" 3 ;;
  fork_slow_one_core) on taskset -c 0 "$programs/fork_slow" 2 ;;
  fork_slow_quota) halved env LD_PRELOAD="$library" timeout -s KILL 600 "$programs/fork_slow" 1 ;;
  fork_sweep) on "$programs/fork_sweep" 5 ;;
  signals) on "$programs/signal_fork" alone && on "$programs/signal_fork" threads &&
    on "$programs/signal_fork" trim ;;
  execs) on "$programs/vfork_exec" ;;
  trims) on env HAKMEM_MODE=hardened "$programs/trim_storm" 1000 ;;
  walks) on "$programs/disable_storm" 50 ;;
  ten_thousand_threads) on "$programs/sleeping_threads" 10000 ;;
  churn) on "$programs/thread_churn" 500 ;;
  small_stacks) on "$programs/small_stacks" ;;
  address_space) (ulimit -S -v 262144 && on "$programs/address_limit" 0) ;;
  growth) (ulimit -S -v 524288 && on "$programs/tight_growth") ;;
  data) (ulimit -S -d 300000 && on "$programs/address_limit" 0 data) ;;
  near_limit) limited env LD_PRELOAD="$library" timeout -s KILL 600 "$programs/near_limit" 50000000 1 ;;
  model_one_core) on taskset -c 0 "$programs/model" "$2" 50000 8 300 ;;
  faults) for workload in small medium large realloc aligned threads purge processes; do
      on "$programs/inject" random "$2" 2 "$programs/workload" $workload || return 1
    done ;;
  esac
}

names=${STORMS:-fork_busy fork_slow fork_slow_one_core fork_slow_quota fork_sweep signals execs trims walks \
  ten_thousand_threads churn small_stacks address_space growth data near_limit model_one_core faults}
for name in $names; do
  round=1
  while [ "$round" -le "$rounds" ]; do
    if ! storm "$name" "$round" >"$programs/output" 2>&1; then
      cat "$programs/output"
      echo "storm: $name failed in round $round of $rounds" >&2
      exit 1
    fi
    round=$((round + 1))
  done
  case $skipped in
  *" $name") echo "$name: skipped, no control group can be made" ;;
  *) echo "$name: $rounds of $rounds" ;;
  esac
done
