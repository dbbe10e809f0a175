"""Files that grow after the cut: one written and read, one only appended to, one that is mapped."""
import mmap
import os

from steps import steps

grown, appended, mapped = open("grown", "w+"), open("appended", "a"), open("mapped", "w+b")
mapped.truncate(8192)
memory = mmap.mmap(mapped.fileno(), 8192)

for n in steps():
    grown.seek(0, 2)
    grown.write("%d\n" % n)
    grown.seek(0)
    assert [int(line) for line in grown] == list(range(1, n + 1))
    appended.write("%d\n" % n)
    appended.flush()
    assert int(open("appended").readlines()[-1]) == n
    assert int(memory[:8] if n > 1 else 0) == n - 1
    memory[:8] = b"%08d" % n
    assert int(os.pread(mapped.fileno(), 8, 0)) == n
