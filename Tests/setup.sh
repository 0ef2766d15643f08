#!/bin/sh
# Installs the real programs that the tests run on the library. What is there already is kept;
# tests of what is missing are skipped by name. Needs Debian 12's package manager and root.
set -eu

# command, package
programs='
gcc gcc
g++ g++
make make
nm binutils
pkg-config pkgconf
python3 python3
perl perl
node nodejs
javac default-jdk-headless
git git
sqlite3 sqlite3
redis-server redis-server
redis-benchmark redis-tools
nginx nginx-light
ab apache2-utils
xz xz-utils
gdb gdb
valgrind valgrind
spin spin
perf linux-perf
curl curl
'

missing=''
wanted=''
need() {
  wanted="$wanted $1"
  missing="$missing $2"
}

while read -r command package; do
  [ -z "$command" ] && continue
  PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null 2>&1 || need "$command" "$package"
done <<EOF
$programs
EOF
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 || need pgbench postgresql
python3 -c 'import test.test_json' >/dev/null 2>&1 || need python3-test libpython3-testsuite

if [ -z "$missing" ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "tests: not installed:$wanted; their tests will be skipped" >&2
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "tests: not installed:$wanted; to run their tests too: sudo apt-get install$missing" >&2
  exit 0
fi

# Servers must not start as services: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
# One package that cannot be had must not keep the others out.
for package in $missing; do
  apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
    echo "tests: cannot install $package; its tests will be skipped" >&2
done
