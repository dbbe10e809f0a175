"""The disk of a store runs full from elsewhere: checkpoints pause, the agent runs on, and they go on when there is room."""

import os
import shutil

import pytest
from stage import wait_until
from test_disks import mounted

pytestmark = pytest.mark.root


def test_checkpoints_pause_before_the_disk_is_full_and_go_on(stage):
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=64m,mode=755", "none"):
        stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"mode": "cooperative"})
        runner = stage.run()
        stage.wait_for_checkpoints(2)
        said = stage.ask("config", "set", "keep_free", "8MB")
        assert said.returncode == 0 and "'keep_free' of the store" in said.stderr
        assert "keep_free  8MB" in stage.ask("config", "show").stdout
        filler = stage.store / "filler"
        filler.write_bytes(bytes(58 << 20))
        wait_until(lambda: "until there is room" in runner.text, "it is told")
        kept = stage.versions()
        stage.wait_for_more_steps(300)
        assert stage.versions() == kept
        assert any("until there is room" in warning for warning in stage.status()["warnings"])
        # Who asks is served as long as the disk does.
        assert stage.ask("checkpoint", stage.name).returncode == 0
        # Killed meanwhile, it comes back.
        status = stage.kill_agent()
        stage.wait_until_running(status["incarnation"] + 1)
        count = len(stage.versions())
        filler.unlink()
        wait_until(lambda: len(stage.versions()) > count + 1, "versions again")
        stage.wait_for_status(lambda status: not status["warnings"], "the warning is gone")
        stage.order("enough")
        assert runner.wait() == 0
        assert stage.steps() == list(range(len(stage.steps())))


def house_is_kept(stage):
    """Everything is in packs, and only the newest and the newest known-good lie there as plain files, too."""
    folders = [stage.versions_folder / str(number) for number in stage.versions()]
    return all((folder / "chunks").exists() for folder in folders) and sum((folder / "workspace").exists() for folder in folders) <= 2


def test_older_versions_go_for_the_next(stage):
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=64m,mode=755", "none"):
        stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"mode": "cooperative", "every": "8s"})
        stage.run()
        stage.wait_until_running()
        for _ in range(4):
            (stage.workspace / "data").write_bytes(os.urandom(6 << 20))
            stage.checkpoint_after_more_steps()
        first = stage.versions()[0]
        wait_until(lambda: house_is_kept(stage), "nothing becomes free by the way")
        left = shutil.disk_usage(stage.store).free
        stage.ask("config", "set", "keep_free", f"{left + (14 << 20)}B")
        wait_until(lambda: first not in stage.versions(), "the oldest is gone")
        newest = stage.versions()[-1]
        stage.ask("config", "set", "keep_free", "default")
        wait_until(lambda: stage.versions()[-1] > newest, "checkpoints go on")
        assert stage.ask("verify", stage.name).returncode == 0
        assert stage.ask("stop", stage.name).returncode == 0
