"""A full disk and a read-only store: the agent works on, one warning is given, what is stored stays, and storing begins again with space."""

import contextlib
import os
import shutil
import signal
import subprocess

import pytest
from outside import prints_of_versions, text_of
from stage import wait_until

pytestmark = pytest.mark.root
WITH_SBIN = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}


@contextlib.contextmanager
def mounted(folder, *words):
    folder.mkdir(exist_ok=True)
    tried = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"needs mounts: {tried.stderr.strip()}")
    try:
        yield folder
    except BaseException:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        raise
    # Whoever had it open may be ending still.
    wait_until(lambda: subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0, f"'{folder}' is unmounted")


def make_file_system(image):
    with open(image, "wb") as file:
        file.truncate(48 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, env=WITH_SBIN)


def bring_about_error(folder):
    """The kernel makes an ext4 read-only under its users after an error; this is how it lets itself be tested."""
    device = next(line.split()[0] for line in open("/proc/mounts") if line.split()[1] == str(folder))
    with open(f"/sys/fs/ext4/{os.path.basename(device)}/trigger_fs_error", "w") as file:
        file.write("a fault for a test\n")


def fill(path):
    """Takes all the space there is. Gives a function that gives it back."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return path.unlink


def warnings_said(runner):
    return [line for line in runner.text.splitlines() if line.startswith("runner: warning: ")]


def test_a_disk_that_images_fill_up_costs_older_versions_first(stage):
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=200m,mode=755", "none"):
        stage.write_spec(stage.worker("--pace", "0.01"))
        runner = stage.run()
        stage.wait_for_checkpoints(4)
        fillers = [fill(stage.store / "filler")]
        # Older ones go for new ones as long as that does.
        for number in range(20):
            asked = stage.ask("checkpoint", stage.name)
            if asked.returncode != 0:
                break
            fillers.append(fill(stage.store / f"filler-{number}"))
        assert asked.returncode == 73, asked.stderr
        assert ": the disk is full (needs " in asked.stderr
        wait_until(lambda: stage.status()["warnings"], "a warning")
        stage.wait_for_more_steps(100)
        newest = stage.versions()[-1]
        for empty in fillers:
            empty()
        wait_until(lambda: stage.versions()[-1] > newest, "versions again")
        stage.wait_for_status(lambda status: not status["warnings"], "the warning is gone")
        stage.order("enough")
        assert runner.wait() == 0
        assert stage.status()["incarnation"] == 1
        assert stage.ask("verify", stage.name).returncode == 0
        assert stage.steps() == list(range(len(stage.steps())))


def test_a_disk_that_fills_up_costs_nothing_but_new_versions(stage):
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=8m,mode=755", "none"):
        stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"mode": "cooperative"})
        runner = stage.run()
        stage.wait_for_checkpoints(2)
        empty = fill(stage.store / "filler")
        wait_until(lambda: warnings_said(runner), "a warning")
        kept = prints_of_versions(stage.versions_folder)
        stage.wait_for_more_steps(20)
        # Who asks for a version is told in one line, and that is no second warning.
        asked = stage.ask("checkpoint", stage.name, "--wait")
        assert asked.returncode == 73
        assert ": the disk is full (needs " in asked.stderr and "run 'runner prune agent-1 --dry-run'" in asked.stderr
        assert asked.stderr.count("\n") == 1
        stage.wait_for_more_steps(100)
        assert prints_of_versions(stage.versions_folder) == kept
        empty()
        stage.wait_for_checkpoints(4)
        stage.wait_for_status(lambda status: not status["warnings"], "the warning is gone")
        assert {name: value for name, value in prints_of_versions(stage.versions_folder).items() if name in kept} == kept
        (said,) = warnings_said(runner)
        assert "; the agent runs on, and" in said and "nothing new is stored until" in said
        assert runner.text.count("runner: the store takes writes again\n") == 1
        stage.order("enough")
        assert runner.wait() == 0
        assert stage.status()["incarnation"] == 1
        assert stage.ask("verify", stage.name).returncode == 0
        assert stage.steps() == list(range(len(stage.steps())))


def test_an_agent_killed_on_a_full_disk_is_restored_when_there_is_space(stage):
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=8m,mode=755", "none"):
        recovery = {"backoff": {"initial": "300ms", "factor": 1, "jitter": 0, "starts": 1000}, "flapping": {"deaths": 1000}}
        stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"every": "1h"}, recovery=recovery)
        runner = stage.run()
        version = stage.checkpoint_after_more_steps()
        stage.wait_for_more_steps()
        empty = fill(stage.store / "filler")
        status = stage.kill_agent()
        # Rolling back would lose what cannot be set aside now: it waits, says why, and tries again.
        told = f"restoring version {version} (stored) in 300 ms: it could not be started: "
        wait_until(lambda: runner.text.count(told) > 1, "it was tried again")
        lost = stage.steps()
        empty()
        restored = stage.wait_until_running(status["incarnation"] + 1)
        assert restored["origin"] == version
        stage.wait_for_more_steps()
        # What was there is set aside now.
        (aside,) = [number for number in stage.versions() if stage.manifest(number)["kind"] == "aside"]
        assert [int(line) for line in text_of(stage.versions_folder / str(aside), "workspace/results.txt").split()] == lost
        stage.order("enough")
        assert runner.wait() == 0
        assert stage.steps() == list(range(len(stage.steps())))


def test_a_file_system_that_the_kernel_makes_read_only_after_an_error(stage):
    # The disk is too small for images of processes, which would be told as well.
    stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"mode": "cooperative"})
    image = stage.folder / "image"
    make_file_system(image)
    with mounted(stage.store, "-o", "loop,errors=remount-ro", str(image)):
        runner = stage.run()
        stage.wait_for_log("run version 2 is stored")  # and the next one is a second away
        bring_about_error(stage.store)
        wait_until(lambda: warnings_said(runner), "a warning")
        kept = prints_of_versions(stage.versions_folder)
        stage.wait_for_more_steps(100)
        asked = stage.ask("checkpoint", stage.name, "--wait")
        assert asked.returncode == 73
        assert "the store's disk is read-only. Remount it writable; older versions are untouched" in asked.stderr
        for words in (["status", stage.name], ["why", stage.name], ["versions", stage.name], ["verify", stage.name], ["logs", stage.name]):
            assert stage.ask(*words).returncode == 0, words
        assert prints_of_versions(stage.versions_folder) == kept
        # It ends in order, too, with the agent's own status.
        runner.signal(signal.SIGTERM)
        assert runner.wait() == 0
        assert len(warnings_said(runner)) == 1, warnings_said(runner)
        (said,) = warnings_said(runner)
        assert "the store's disk is read-only" in said or "' is read-only (" in said
        assert stage.status()["incarnation"] == 1
    # Mended and mounted again, it goes on from the last version. A copy: another mount namespace of this machine may hold the first one still.
    mended = shutil.copy(image, stage.folder / "mended")
    subprocess.run(["e2fsck", "-fy", mended], env=WITH_SBIN, capture_output=True)
    with mounted(stage.store, "-o", "loop", mended):
        assert prints_of_versions(stage.versions_folder) == kept
        runner = stage.run()
        stage.wait_for_checkpoints(len(kept_versions(kept)) + 1)
        assert warnings_said(runner) == []
        stage.order("enough")
        assert runner.wait() == 0
        assert {name: value for name, value in prints_of_versions(stage.versions_folder).items() if name in kept} == kept
        assert stage.steps() == list(range(len(stage.steps())))


def kept_versions(prints):
    return {name.split("/")[0] for name in prints}


def test_starting_on_a_full_or_read_only_store(stage):
    stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"every": "1h"})
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=8m,mode=755", "none"):
        # No store can be made: one sentence.
        empty = fill(stage.store / "lost+found")
        refused = stage.run()
        assert refused.wait() == 73
        assert refused.text == (
            f"runner: could not open the store '{stage.store}': the disk is full. Free space, or give another store with --store\n"
        )
        assert remount(stage, "ro")
        refused = stage.run()
        assert refused.wait() == 73
        assert refused.text.startswith(f"runner: could not open the store '{stage.store}': the store's disk is read-only. Remount it writable")
        assert remount(stage, "rw")
        empty()
        # A store with a version in it.
        first = stage.run()
        stage.wait_for_more_steps()
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
        remembered = prints_of_versions(stage.versions_folder)
        empty = fill(stage.store / "filler")
        # Full: the agent works all the same, without storing.
        second = stage.run()
        stage.wait_for_more_steps(20)
        second.signal(signal.SIGTERM)
        assert second.wait() == 0
        assert prints_of_versions(stage.versions_folder) == remembered
        # Read-only: nobody can hold the agent's lock there, so nothing is started.
        assert remount(stage, "ro")
        third = stage.run()
        assert third.wait() == 73
        assert third.text == (
            f"runner: could not lock the agent '{stage.name}': the store's disk is read-only. Remount it writable; older versions are untouched\n"
        )
        assert not stage.processes()


def remount(stage, how):
    return subprocess.run(["mount", "-o", f"remount,{how}", str(stage.store)], capture_output=True).returncode == 0

