#!/bin/sh
# Runs redis, postgres and nginx on the library for SOAK_MINUTES (10), beside the same servers on the
# C library's allocator: the same requests go to both, the answers must be equal, servers on the
# library are killed and started again at random, and their resident memory may not drift.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
library=${HAKMEM_LIBRARY:-$root/.build/release/libhakmem.so}
minutes=${SOAK_MINUTES:-10}
[ -e "$library" ] || { echo "soak: $library does not exist: swift build first" >&2; exit 2; }
for program in redis-server redis-cli redis-benchmark nginx curl; do
  PATH="$PATH:/usr/sbin" command -v $program >/dev/null ||
    { echo "soak: $program is not installed: make programs" >&2; exit 2; }
done
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
[ -n "$postgres" ] || { echo "soak: postgresql is not installed: make programs" >&2; exit 2; }
PATH="$PATH:/usr/sbin:$postgres"
work=$(mktemp -d --suffix=.hakmem-soak)
chmod 755 "$work"
as_user=''
if [ "$(id -u)" = 0 ]; then as_user='setpriv --reuid=nobody --regid=nogroup --clear-groups'; fi
mkdir "$work/sockets"
chmod 777 "$work" "$work/sockets"

# Two of each server: `hakmem` with the library, `glibc` without.
preload() { if [ "$1" = hakmem ]; then echo "LD_PRELOAD=$library"; else echo SOAK=1; fi; }
port() { # server, side
  base=$((20000 + $$ % 20000))
  case $1$2 in
  redishakmem) echo $base ;; redisglibc) echo $((base + 1)) ;;
  nginxhakmem) echo $((base + 2)) ;; nginxglibc) echo $((base + 3)) ;;
  postgreshakmem) echo $((base + 4)) ;; postgresglibc) echo $((base + 5)) ;;
  esac
}
await() { # description, command…
  what=$1
  shift
  for _ in $(seq 1 300); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  echo "soak: $what does not answer" >&2
  exit 1
}
start_redis() {
  mkdir -p "$work/redis-$1"
  env "$(preload "$1")" redis-server --port "$(port redis "$1")" --dir "$work/redis-$1" --save '' \
    --appendonly yes --appendfsync always >>"$work/redis-$1.log" 2>&1 &
  eval "pid_redis_$1=$!"
  await "redis on $1" redis-cli -p "$(port redis "$1")" ping
}
start_nginx() {
  mkdir -p "$work/nginx-$1" "$work/files"
  cat >"$work/nginx-$1.conf" <<EOC
daemon off; pid $work/nginx-$1/pid; error_log $work/nginx-$1/error; worker_processes 2;
events { worker_connections 256; }
http { access_log off; client_body_temp_path $work/nginx-$1/b; proxy_temp_path $work/nginx-$1/p;
  fastcgi_temp_path $work/nginx-$1/f; uwsgi_temp_path $work/nginx-$1/u; scgi_temp_path $work/nginx-$1/s;
  gzip on; gzip_min_length 1; gzip_types *;
  server { listen 127.0.0.1:$(port nginx "$1"); root $work/files; } }
EOC
  env "$(preload "$1")" nginx -c "$work/nginx-$1.conf" >>"$work/nginx-$1.log" 2>&1 &
  eval "pid_nginx_$1=$!"
  await "nginx on $1" curl -sf "http://127.0.0.1:$(port nginx "$1")/small"
}
sql() { side=$1; shift; $as_user psql -h "$work/sockets" -p "$(port postgres "$side")" -U soak -XAtq -d postgres "$@"; }
start_postgres() {
  $as_user env "$(preload "$1")" postgres -D "$work/postgres-$1" -k "$work/sockets" -h '' \
    -p "$(port postgres "$1")" >>"$work/postgres-$1.log" 2>&1 &
  eval "pid_postgres_$1=$!"
  await "postgres on $1" sql "$1" -c 'select 1'
}
stop_all() {
  for server in redis nginx postgres; do
    for side in hakmem glibc; do
      eval "process=\${pid_${server}_$side:-}"
      [ -z "$process" ] || kill "$process" 2>/dev/null || true
    done
  done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

# KiB of a process and its children, without what they share with others: which process of a restarted
# postgres touches the shared buffers is chance.
resident() {
  total=0
  for process in $1 $(pgrep -P "$1" || true); do
    kib=$(awk '/^RssAnon/ { print $2 }' "/proc/$process/status" 2>/dev/null || true)
    total=$((total + ${kib:-0}))
  done
  echo $total
}
differ() { echo "soak: $1 differs between hakmem and glibc in round $round" >&2; exit 1; }

mkdir -p "$work/files"
echo small >"$work/files/small"
seq 1 200000 >"$work/files/large"
for side in hakmem glibc; do
  mkdir "$work/postgres-$side"
  [ -z "$as_user" ] || chown nobody:nogroup "$work/postgres-$side"
  $as_user initdb -D "$work/postgres-$side" -U soak --auth=trust >/dev/null
  start_redis $side
  start_nginx $side
  start_postgres $side
  sql $side -c 'create table t (id int primary key, k int, v text)'
done

end=$(($(date +%s) + minutes * 60))
round=0 restarts=0 first_redis=0 first_nginx=0 first_postgres=0
while [ "$(date +%s)" -lt "$end" ]; do
  round=$((round + 1))
  for side in hakmem glibc; do
    # The same keys and values on both sides, of sizes that change, some of them deleted again.
    awk -v r=$round 'BEGIN { srand(r); for (i = 0; i < 4000; i++) { k = int(rand() * 20000);
      n = int(rand() * 60); s = ""; for (j = 0; j < n; j++) s = s sprintf("%09d", rand() * 1e9);
      if (rand() < 0.3) print "DEL k" k; else print "SET k" k " \"" s "\"" } }' |
      redis-cli -p "$(port redis $side)" >/dev/null
    redis-cli -p "$(port redis $side)" --no-raw debug digest >"$work/digest-$side"
    sql $side -c "insert into t select $round * 3000 + g, g, repeat(md5((g * $round)::text), g % 40) from generate_series(1, 3000) g" \
      -c "delete from t where k % 7 = $round % 7 and id < (select max(id) from t) - 20000" \
      -c "select count(*), sum(k), md5(string_agg(v, '' order by id)) from t" >"$work/rows-$side"
    curl -sf --compressed "http://127.0.0.1:$(port nginx $side)/large" | md5sum >"$work/page-$side"
  done
  cmp -s "$work/digest-hakmem" "$work/digest-glibc" || differ redis
  cmp -s "$work/rows-hakmem" "$work/rows-glibc" || differ postgres
  cmp -s "$work/page-hakmem" "$work/page-glibc" || differ nginx
  if [ $((round % 5)) = 0 ]; then
    for server in redis nginx postgres; do
      eval "ours=\$(resident \$pid_${server}_hakmem) theirs=\$(resident \$pid_${server}_glibc)"
      eval "first=\$first_$server"
      [ "$first" != 0 ] || eval "first_$server=$ours first=$ours"
      echo "round $round, $server: $ours KiB on hakmem ($first at first), $theirs on glibc"
      # Beyond what the data explains: the same server on glibc holds the same data.
      if [ "$ours" -gt $((theirs * 3 / 2 + 30000)) ]; then
        echo "soak: $server drifts" >&2
        exit 1
      fi
    done
  fi
  # One server in three rounds is killed, in the middle of its work or after it.
  case $(od -An -N1 -tu1 /dev/urandom | awk '{ print $1 % 9 }') in
  0) kill -9 "$pid_redis_hakmem"; wait "$pid_redis_hakmem" 2>/dev/null || true
    start_redis hakmem; restarts=$((restarts + 1)) ;;
  1) # The master first, or it starts workers that outlive it and keep the port.
    workers=$(pgrep -P "$pid_nginx_hakmem" || true)
    kill -9 "$pid_nginx_hakmem"; kill -9 $workers 2>/dev/null || true
    wait "$pid_nginx_hakmem" 2>/dev/null || true; start_nginx hakmem; restarts=$((restarts + 1)) ;;
  2) kill -QUIT "$pid_postgres_hakmem"; wait "$pid_postgres_hakmem" 2>/dev/null || true
    start_postgres hakmem; restarts=$((restarts + 1)) ;;
  esac
done
echo "soak: $round rounds in $minutes minutes, $restarts servers killed and started again, no difference"
