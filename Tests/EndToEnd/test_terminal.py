"""`runner run -it`: a person's terminal, connected to the agent's, through crashes of either side."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from stage import PATIENCE, Lost, wait_until


class Person:
    """Somebody at a terminal of 33 lines, on which one command after another is run."""

    def __init__(self, stage):
        self.stage = stage
        self.ours, self.theirs = pty.openpty()
        self.resize(33, 101)
        self.before = termios.tcgetattr(self.theirs)
        self.shown = b""
        self.process = None

    def resize(self, rows, columns):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def run(self, *words):
        line = [str(self.stage.user.runner), "run", "--store", str(self.stage.store), *words, str(self.stage.spec_file)]
        self.process = subprocess.Popen(
            self.stage.user.command(line), stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, cwd=self.stage.folder,
            env=self.stage.user.environment({"TERM": "dumb"}), start_new_session=True, preexec_fn=self.take_terminal,
        )  # fmt: skip
        return self.process

    @staticmethod
    def take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def type(self, text):
        os.write(self.ours, text.encode())

    def see(self, text):
        """Waits until the terminal shows it, and forgets what came up to there."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.shown:
            if time.monotonic() > end:
                raise Lost(f"'{text}' in {self.shown[-2000:]!r}; {self.stage.last_words()}")
            if select.select([self.ours], [], [], 0.1)[0]:
                self.shown += os.read(self.ours, 65536)
        head, _, self.shown = self.shown.partition(text.encode())
        return head.decode(errors="replace")

    @property
    def is_as_before(self):
        return termios.tcgetattr(self.theirs) == self.before

    def leave(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def person(stage):
    person = Person(stage)
    yield person
    person.leave()


SHELL = ["bash", "--norc", "-i"]


def write_shell(stage, **settings):
    stage.write_spec(SHELL, env={"PS1": "ready> "}, checkpoint={"every": None, "on_stop": False}, **settings)


def test_a_shell_runs_on_the_persons_terminal(stage, person):
    write_shell(stage, recovery={"restart": "never"})
    person.run("-it")
    person.see("ready> ")
    assert not person.is_as_before
    person.type("stty size; tty\r")
    person.see("33 101\r\n")
    person.see("/dev/pts/")
    person.see("ready> ")
    # What is typed is the agent's, ctrl-c and ctrl-z too, and so is the window.
    # Nothing is forked any more when ctrl-z comes: who is stopped between vfork and exec holds its parent up.
    person.type("sh -c 'trap \"echo again\" CONT; sleep 1000 & echo now; while :; do wait; done'\r")
    person.see("\r\nnow\r\n")
    person.type("\x1a")
    person.see("Stopped")
    person.type("fg\r")
    # It has the terminal before it is told to go on.
    person.see("\r\nagain\r\n")
    person.type("\x03")
    person.see("ready> ")
    person.resize(50, 90)
    person.type("until stty size | grep '50 90'; do :; done\r")
    person.see("\r\n50 90\r\n")
    # Who kills the runner finds the terminal as it was, and the shell goes on for the next.
    person.process.kill()
    person.process.wait()
    wait_until(lambda: person.is_as_before, "the terminal is given back")
    person.run("-it")
    wait_until(lambda: not person.is_as_before, "the terminal is connected again")
    person.type("echo $((6 * 7)); exit 7\r")
    person.see("\r\n42\r\n")
    assert person.process.wait(PATIENCE) == 7
    assert person.is_as_before
    # The log has it all.
    assert "out 42" in stage.log()


def test_stop_gives_the_terminal_back(stage, person):
    write_shell(stage, stop={"signal": "SIGHUP"})
    person.run("-it")
    person.see("ready> ")
    assert stage.ask("stop", stage.name).returncode == 0
    person.process.wait(PATIENCE)
    assert person.is_as_before


@pytest.mark.criu
@pytest.mark.root
def test_a_shell_goes_on_after_a_crash(stage, person):
    write_shell(stage, recovery={"backoff": {"initial": "10ms"}})
    person.run("-it")
    person.see("ready> ")
    person.type("N=41\r")
    person.see("ready> ")
    person.type("sh -c 'echo now; exec cat'\r")
    person.see("\r\nnow\r\n")
    version = stage.json("checkpoint", stage.name, "--mode", "process")["version"]
    assert version
    person.type("\x03")
    person.see("ready> ")
    person.type("N=0\r")
    person.see("ready> ")
    person.resize(40, 80)  # while it is away
    os.kill(stage.status()["pid"], signal.SIGKILL)
    stage.wait_until_running(2)
    # In the middle of cat, on a terminal of the new size.
    person.type("there\r")
    person.see("there\r\nthere\r\n")
    person.type("\x03")
    person.see("ready> ")
    person.type("echo $((N + 1)) $(stty size)\r")
    person.see("\r\n42 40 80\r\n")
    person.type("exit\r")
    person.see("exit")
    assert person.process.wait(PATIENCE) == 0
    assert person.is_as_before


@pytest.mark.parametrize(
    "words, why",
    [
        (("-i",), "say '-it', or neither '-i' nor '-t'"),
        (("-t",), "say '-it', or neither '-i' nor '-t'"),
        (("-d", "-it"), "leave out '-it', or '-d' and '-q'"),
        (("-it",), "standard input and output are none"),
    ],
)
def test_what_cannot_be_connected_is_refused(stage, words, why):
    write_shell(stage)
    answer = stage.ask("run", *words, stage.spec_file)
    assert answer.returncode == 64
    assert why in answer.stderr
