"""End-to-end tests: the real `runner` and `runner-init` with real agents, judged from outside.

    RUNNER_BINARY=.build/release/runner .venv/bin/python -m pytest Tests/EndToEnd

The oracle is never runner itself: it is the kernel's list of processes, the bytes in the store, and what the agents left. Skips say what is
missing: "needs root", "needs cgroup", "needs criu".
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest
from stage import RUNNER, Stage, User

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
NOBODY = 65534
PRIVATE_CRIU = "/opt/runner-criu/criu"


def pytest_configure(config):
    config.addinivalue_line("markers", "root: needs root")
    config.addinivalue_line("markers", "criu: needs a CRIU that works here")
    config.addinivalue_line("markers", "cgroup: needs a control group with a memory limit")


def pytest_collection_modifyitems(items):
    missing = {}
    if os.geteuid() != 0:
        missing["root"] = "needs root"
    if not can_limit_memory():
        missing["cgroup"] = "needs cgroup"
    if os.geteuid() != 0 or not os.access(PRIVATE_CRIU, os.X_OK):
        missing["criu"] = "needs criu"
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def can_limit_memory():
    groups = pathlib.Path("/sys/fs/cgroup")
    return any(os.access(path, os.W_OK) for path in (groups / "memory" / "cgroup.procs", groups / "cgroup.subtree_control"))


@pytest.fixture(scope="session", autouse=True)
def runner_is_there():
    if not RUNNER.exists():
        pytest.exit(f"there is no runner at '{RUNNER}': build it, or set RUNNER_BINARY", returncode=2)


@pytest.fixture
def stages(request):
    """Makes stages; on the way out everything on them is ended and nothing may be left outside of their folders."""
    made = []

    def make(name=None, user=None, folder=None):
        # Not below pytest's own folder: only its owner may enter that, and some agents here are not.
        path = pathlib.Path(folder or tempfile.mkdtemp(prefix="runner-e2e-"))
        path.chmod(0o755)
        stage = Stage(path, name or f"agent-{len(made) + 1}", user)
        made.append(stage)
        return stage

    yield make
    for stage in made:
        stage.strike()
        shutil.rmtree(stage.folder, ignore_errors=True)


@pytest.fixture
def stage(stages):
    return stages()


@pytest.fixture(scope="session")
def nobody(tmp_path_factory):
    """A user without any right, with copies of runner and of the SDK that this user can read."""
    if os.geteuid() != 0:
        yield User()  # we are nobody special ourselves
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="runner-e2e-nobody-"))
    folder.chmod(0o755)
    for program in (RUNNER, RUNNER.with_name("runner-init")):
        shutil.copy(program.resolve(), folder / program.name)
        (folder / program.name).chmod(0o755)
    packages = folder / "packages"
    import google.protobuf
    import runner_agent

    shutil.copytree(pathlib.Path(runner_agent.__file__).parent, packages / "runner_agent")
    shutil.copytree(pathlib.Path(google.protobuf.__file__).parent.parent, packages / "google")
    for upb in pathlib.Path(google.protobuf.__file__).parent.parent.parent.glob("*upb*"):
        shutil.copytree(upb, packages / upb.name) if upb.is_dir() else shutil.copy(upb, packages / upb.name)
    user = User(NOBODY, folder / "runner", python_path=str(packages))
    user.python = python_for(user)
    yield user
    shutil.rmtree(folder, ignore_errors=True)


def python_for(user):
    """A Python that this user can run, which ours need not be."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        environment = user.environment({"PYTHONPATH": user.python_path})
        tries = (["test", "-x", python], [python, "-c", "import runner_agent"])
        if all(subprocess.run(user.command(words), env=environment, capture_output=True, cwd="/").returncode == 0 for words in tries):
            return python
    pytest.skip(f"needs a Python that user {user.uid} can run")


@pytest.fixture(params=["root", "nobody"])
def anyone(request):
    """Once as root, with namespaces and control groups, once as a user with nothing."""
    if request.param == "root":
        if os.geteuid() != 0:
            pytest.skip("needs root")
        return User()
    return request.getfixturevalue("nobody")
