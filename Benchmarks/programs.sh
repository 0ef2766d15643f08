#!/bin/sh
# Real programs on each allocator that is found: their time and their peak of resident memory in
# interleaved runs. Needs the release build and the programs. Arguments (gcc, g++, python3, sqlite3, z3,
# gs, redis) take some of them alone; PROGRAM_OPTIONS are those of "hakmem bench".
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/.build/programs"
cd "$root/.build/programs"

awk 'BEGIN {
  print "#include <stdio.h>\n#include <string.h>"
  for (i = 0; i < 300; i++) {
    printf "int f%d(int a, int b, char *s) { int r = 0; for (int i = 0; i < a; i++) {", i
    printf " r += i * b + %d; if (r %% %d == 0) r ^= b; s[i %% 16] = (char)r; }", i, i + 3
    printf " switch (r & 7) { case 0: return r + strlen(s); case 1: return r * %d;", i
    printf " case 2: return a ? f%d(a - 1, b, s) : 0; default: return r - b; } }\n", i ? i - 1 : 0
  }
  print "int main(void) { char s[16] = {0}; int r = 0;"
  for (i = 0; i < 300; i++) printf "r += f%d(3, %d, s);\n", i, i
  print "printf(\"%d\\n\", r); }"
}' >functions.c

awk 'BEGIN {
  n = split("regex iostream map unordered_map string vector functional algorithm future sstream filesystem", h, " ")
  for (i = 1; i <= n; i++) print "#include <" h[i] ">"
  for (i = 0; i < 12; i++) {
    printf "struct S%d { int a; std::string b; bool operator<(const S%d &o) const { return a < o.a; } };\n", i, i
    printf "int g%d() { std::map<S%d, std::vector<std::string>> m; m[S%d{1, \"x\"}].push_back(\"y\");", i, i, i
    printf " std::unordered_map<int, std::function<int(S%d)>> u; u[1] = [](S%d s) { return s.a; };", i, i
    printf " std::vector<S%d> v(10); std::sort(v.begin(), v.end()); return (int)m.size() + u[1](v[0]); }\n", i
  }
  print "int main() { std::cout << std::regex_match(std::string(\"aab\"), std::regex(\"a+b\"))"
  for (i = 0; i < 12; i++) printf " + g%d()", i
  print "; }"
}' >templates.cc

cat >objects.py <<'END'
import json

text = json.dumps([{"id": i, "name": "n%d" % i, "v": [i, i * 2, str(i)]} for i in range(60000)])
print(len(text), sum(x["id"] for x in json.loads(text)))
counts = {}
for i in range(200000):
    counts["k%d" % (i % 50000)] = counts.get("k%d" % (i % 50000), 0) + i
print(len(counts))
END

cat >rows.sql <<'END'
create table t(a integer primary key, b text, c real);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 150000)
  insert into t select i, printf('row %d with text', i * 7919 % 150001), i * 1.5 from n;
commit;
create index ib on t(b);
select count(*), sum(c) from t where b like '%9%';
select b, count(*) from t group by substr(b, 1, 6) order by 1 limit 3;
select * from t order by b desc limit 2;
END

# A sudoku.
awk 'BEGIN {
  for (i = 0; i < 9; i++) for (j = 0; j < 9; j++) {
    printf "(declare-const x%d%d Int)(assert (<= 1 x%d%d 9))\n", i, j, i, j
    row[i] = row[i] " x" i j; column[j] = column[j] " x" i j
    b = int(i / 3) * 3 + int(j / 3); box[b] = box[b] " x" i j
  }
  for (i = 0; i < 9; i++)
    printf "(assert (distinct%s))(assert (distinct%s))(assert (distinct%s))\n", row[i], column[i], box[i]
  n = split("005 047 131 149 219 308 438 586 741 889 276", given, " ")
  for (k = 1; k <= n; k++)
    printf "(assert (= x%s %s))\n", substr(given[k], 1, 2), substr(given[k], 3, 1)
  print "(check-sat)(get-model)"
}' >sudoku.smt2

awk 'BEGIN {
  print "%!PS"
  for (k = 0; k < 300; k++) {
    printf "/Times-Roman findfont %d scalefont setfont %d %d moveto", 8 + k % 20, k, k * 2
    printf " (Line %d of a page) show %d 0 moveto %d 700 lineto stroke\n", k, k, 500 - k
  }
  print "showpage"
}' >page.ps

cat >values.sh <<'END'
redis-server --unixsocket redis.socket --port 0 --save "" >/dev/null &
until redis-cli -s redis.socket ping >/dev/null 2>&1; do sleep 0.05; done
for size in 100 3000 9000 20000 70000 100 3000 9000 20000 70000; do
  redis-benchmark -s redis.socket -t set -n 3000 -r 1000 -d $size -q >/dev/null
done
redis-cli -s redis.socket shutdown nosave
wait
END

measure() {
  name=$1
  shift
  case " ${wanted:-$name} " in *" $name "*) ;; *) return 0 ;; esac
  command -v "${needs:-$name}" >/dev/null || { echo "programs: $name is missing: left out" >&2; return 0; }
  "$root/.build/release/hakmem-tool" bench ${PROGRAM_OPTIONS:---rounds 10} --json "$name.json" -- "$@"
}

wanted=$*
measure gcc gcc -O2 -c functions.c -o functions.o
measure g++ g++ -O1 -c templates.cc -o templates.o
measure python3 python3 objects.py
measure sqlite3 sh -c 'exec sqlite3 :memory: <rows.sql'
measure z3 z3 sudoku.smt2
measure gs gs -q -dNOPAUSE -dBATCH -sDEVICE=png16m -r150 -sOutputFile=page.png page.ps
needs=redis-benchmark measure redis sh values.sh
