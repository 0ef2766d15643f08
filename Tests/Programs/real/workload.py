"""Strings, dictionaries, JSON, SQL and threads; prints one digest. The argument is the name of the
library that must be loaded, or nothing."""

import hashlib
import json
import sqlite3
import sys
import threading

if len(sys.argv) > 1:
    with open("/proc/self/maps") as maps:
        assert sys.argv[1] in maps.read(), "the library is not loaded"

digest = hashlib.sha256()

table = {f"key {i}": [i, str(i) * (i % 50), {"nested": i * 0.5}] for i in range(30000)}
text = json.dumps(table, sort_keys=True)
assert json.loads(text) == table
digest.update(text.encode())

database = sqlite3.connect(":memory:")
database.execute("create table t (id integer primary key, name text, data blob)")
database.executemany(
    "insert into t (name, data) values (?, ?)", ((f"name {i % 997}", bytes(i % 300)) for i in range(20000))
)
for row in database.execute("select name, count(*), sum(length(data)) from t group by name order by name"):
    digest.update(repr(row).encode())

results = [0] * 8


def work(number):
    parts = []
    for i in range(20000):
        parts.append(bytearray(i % 3000))
        if len(parts) > 100:
            results[number] += len(parts.pop(i % 100))


threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
digest.update(repr(results).encode())
print(digest.hexdigest())
