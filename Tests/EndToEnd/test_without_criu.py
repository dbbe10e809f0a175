"""Where there is no CRIU, or one that fails its own check, the same commands work without images, and what is lost is said once."""

import subprocess

import pytest

pytestmark = pytest.mark.root

# What the host has is covered, for this runner and its agent only.
HIDDEN = """
mkdir -p /opt/runner-criu && mount -t tmpfs none /opt/runner-criu
if [ -n "$1" ]; then printf '#!/bin/sh\\nexit 3\\n' > /opt/runner-criu/criu && chmod +x /opt/runner-criu/criu; fi
shift
export PATH=/usr/bin:/bin
for other in /usr/sbin/criu /usr/local/sbin/criu /sbin/criu /usr/bin/criu; do [ ! -e $other ] || mount --bind /dev/null $other; done
exec "$@"
"""


@pytest.mark.parametrize(("broken", "why"), [("", "there is no CRIU"), ("broken", "'/opt/runner-criu/criu' does not answer")])
def test_the_same_is_done_without_images(stage, broken, why):
    stage.write_spec(checkpoint={"every": "1h"})
    started = subprocess.run(
        ["unshare", "--mount", "sh", "-c", HIDDEN, "sh", broken, str(stage.user.runner), "run", "-d", str(stage.spec_file)],
        capture_output=True, text=True, cwd=stage.folder, timeout=60,
        env=stage.user.environment({"RUNNER_STORE": str(stage.store), "STAGE": str(stage.folder)}),
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    for _ in range(2):
        version = stage.checkpoint_after_more_steps()
        assert stage.manifest(version)["state"] and "process" not in stage.manifest(version)
    said = [line for line in stage.log().splitlines() if " run warning: " in line]
    assert len(said) == 1 and why in said[0], said
    asked = stage.ask("checkpoint", stage.name, "--mode", "process")
    assert asked.returncode == 1 and why in asked.stderr
    restored = stage.kill_and_wait()
    assert restored["origin"] == version
    assert stage.ask("stop", stage.name).returncode == 0
