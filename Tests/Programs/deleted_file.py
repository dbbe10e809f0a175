"""Open files whose names are gone, one of which goes on under another, and a working directory that was removed."""
import os

from steps import steps

gone = open("gone", "w+")
os.unlink("gone")
twice = open("first", "w+")
os.link("first", "second")
os.unlink("first")
beginning = os.open(".", os.O_DIRECTORY)
os.mkdir("removed")
os.chdir("removed")
os.rmdir("../removed")

for n in steps():
    for file in gone, twice:
        file.seek(0)
        file.write("%09d" % n)
        file.flush()
        file.seek(0)
        assert int(file.read()) == n
    with os.fdopen(os.open("second", os.O_RDONLY, dir_fd=beginning)) as other:
        assert int(other.read()) == n
    try:
        os.getcwd()
        raise SystemExit("the working directory is back")
    except FileNotFoundError:
        pass
