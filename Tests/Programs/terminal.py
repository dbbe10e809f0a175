"""A shell on a terminal of its own, whose other end is here."""
import os
import pty
import termios

from steps import steps

child, terminal = pty.fork()
if child == 0:
    os.execvp("sh", ["sh", "-c", "while read word; do echo got $word of $(tty); done"])
settings = termios.tcgetattr(terminal)
settings[3] &= ~termios.ECHO
termios.tcsetattr(terminal, termios.TCSANOW, settings)
lines = os.fdopen(os.dup(terminal), "rb", buffering=0)

for n in steps():
    os.write(terminal, b"%d\n" % n)
    words = lines.readline().split()
    assert words[:2] == [b"got", b"%d" % n] and words[3].startswith(b"/dev/pts/"), words
    assert not termios.tcgetattr(terminal)[3] & termios.ECHO
