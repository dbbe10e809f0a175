"""Has crit decode every file of a directory, as 'crit decode' and 'crit decode --pretty' do, in one process.

usage: decode_all.py IMAGES OUT. OUT/FILE.json and OUT/FILE.pretty.json are what crit printed; OUT/FILE.refused is there if it refused.
"""
import contextlib
import os
import sys

from crit.__main__ import main

images, out = sys.argv[1:]
for name in os.listdir(images):
    if name.endswith(".log"):
        continue
    for ending, options in ((".json", []), (".pretty.json", ["--pretty"])):
        sys.argv = ["crit", "decode", "-i", f"{images}/{name}", "-o", f"{out}/{name}{ending}", *options]
        try:
            with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
                main()
        except (Exception, SystemExit) as refusal:
            if os.path.exists(f"{out}/{name}{ending}"):
                os.unlink(f"{out}/{name}{ending}")
            with open(f"{out}/{name}.refused", "w") as file:
                file.write(str(refusal))
            break
