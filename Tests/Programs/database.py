"""SQLite with a write-ahead log, always in the middle of a transaction, and a second connection that reads beside it."""
import sqlite3

from steps import steps

db = sqlite3.connect("a.db", isolation_level=None)
db.execute("pragma journal_mode=wal")
db.execute("create table t(n integer primary key, text)")
db.execute("insert into t values(0, '')")
beside = sqlite3.connect("a.db", isolation_level=None)
committed = 0
db.execute("begin immediate")

for n in steps():
    db.execute("insert into t values(?, ?)", (n, "x" * 500))
    assert db.execute("select max(n) from t").fetchone()[0] == n
    assert beside.execute("select max(n), count(*) from t").fetchone() == (committed, committed + 1)
    if n % 7 == 0:
        db.execute("commit")
        committed = n
        assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
        db.execute("begin immediate")
