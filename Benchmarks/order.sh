#!/bin/sh
# Writes Sources/HakmemMalloc/hot.order: the functions of the library that ordinary programs execute,
# what most of them do first. The linker lays them out so, and the pages of all others are not read.
# Needs valgrind and the release build.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/.build/order
order=$root/Sources/HakmemMalloc/hot.order
rm -rf "$work" && mkdir -p "$work"
# Valgrind 3.19 cannot read the debug information of Swift 6.3.
strip --strip-debug -o "$work/libhakmem.so" "$root/.build/release/libhakmem.so"

execute() {
  LD_PRELOAD=$work/libhakmem.so valgrind --tool=callgrind --trace-children=yes --compress-strings=no \
    --compress-pos=no --callgrind-out-file="$work/%p.out" "$@" >/dev/null 2>"$work/messages" \
    || { cat "$work/messages" >&2; exit 1; }
  sed -n "s/^fn=//; t names; d; :names s/'[0-9]*$//; p" "$work"/*.out | sort -u >>"$work/executed"
  rm "$work"/*.out
}

execute /bin/true
execute bash -c 'for i in 1 2 3; do ls /; done'
execute gcc -O1 -S -o /dev/null "$root/Tests/Programs/model/model.c" \
  -I "$root/Tests/Programs/support" -I "$root/Sources/CHakmem/include"
execute git -C "$root" log --oneline -20
execute python3 -c 'import json, threading
json.loads(json.dumps([{str(i): [i] * 3} for i in range(60000)]))
threads = [threading.Thread(target=lambda: [bytes(1000) for _ in range(1000)]) for _ in range(3)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]'
execute sqlite3 :memory: 'create table t(a, b); with recursive c(x) as (select 1 union all
select x + 1 from c where x < 100000) insert into t select x, hex(randomblob(25)) from c;
create index i on t(b); select count(*) from t group by substr(b, 1, 2);'
execute "$root/.build/release/hakmem-workload" exchange seconds=1

# A function has several names; its own is the C interface's or the compiler's.
nm "$work/libhakmem.so" >"$work/symbols"
sort "$work/executed" | uniq -c | awk '
  NR == FNR { programs[$2] = $1; next }
  NF == 3 && $2 ~ /^[tT]$/ {
    if ($3 in programs && programs[$3] > most[$1]) most[$1] = programs[$3]
    if (!($1 in name) || $3 ~ /^(hakmem_|\$)/) name[$1] = $3
  }
  END { for (address in most) print most[address], address, name[address] }
  ' - "$work/symbols" | sort -k 1,1nr -k 2,2 | awk '{ print $3 }' >"$work/order"
mv "$work/order" "$order"
echo "$order: $(wc -l <"$order") functions"
