"""Children that answer over pipes, one that was stopped, and one that has ended and that nobody has waited for."""
import os
import signal
import subprocess

from steps import steps

children = [subprocess.Popen(["sh", "-c", "while read l; do echo $l; done"], stdin=-1, stdout=-1) for _ in range(8)]
stopped = subprocess.Popen(["sleep", "1000"])
stopped.send_signal(signal.SIGSTOP)
os.waitpid(stopped.pid, os.WUNTRACED)
ended = os.fork()
if ended == 0:
    os._exit(3)
os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)

for n in steps():
    child = children[n % 8]
    child.stdin.write(b"%d\n" % n)
    child.stdin.flush()
    assert int(child.stdout.readline()) == n
    assert stopped.poll() is None
    assert os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT).si_status == 3
