"""A checkpoint where nothing is new makes no version, and says so."""

from stage import wait_until


def resting(stage, **checkpoint):
    """An agent that has done its work and waits, with no clock of its own: what wakes by the clock is another process each time."""
    program = "import signal; open('work.txt', 'w').write('work'); signal.pause()"
    stage.write_spec(
        command=[str(stage.user.python), "-c", program], workdir=str(stage.workspace),
        checkpoint={"every": "1s", **checkpoint})
    stage.run()
    wait_until(lambda: (stage.workspace / "work.txt").exists(), "the agent's work")


def test_an_agent_that_rests_gets_no_versions(stage):
    resting(stage, mode="cooperative")
    wait_until(lambda: stage.status().get("nothingNewAt"), "a look that found nothing new")
    count = len(stage.versions())
    first = stage.status()["nothingNewAt"]
    wait_until(lambda: stage.status().get("nothingNewAt", first) > first, "another one")
    assert len(stage.versions()) == count
    newest = stage.versions()[-1]

    asked = stage.ask("checkpoint", stage.name)
    assert (asked.returncode, asked.stdout) == (0, f"{stage.name}@{newest}\n")
    assert f"nothing new since {stage.name}@{newest}" in asked.stderr
    assert "nothing new since" in stage.ask("versions", stage.name).stderr
    assert "nothing new" in stage.ask("status", stage.name).stdout

    forced = stage.json("checkpoint", stage.name, "--force")["version"]
    assert forced > newest
    (stage.workspace / "work.txt").write_text("more work\n")
    assert stage.json("checkpoint", stage.name)["version"] > forced


def test_images_of_a_resting_process_are_the_same(stage):
    # Now and then they are not, by what the kernel keeps of registers that are not in use.
    resting(stage, every="1h")
    stage.json("checkpoint", stage.name, "--mode", "process")
    wait_until(lambda: "nothing new since" in stage.ask("checkpoint", stage.name, "--mode", "process").stderr, "nothing new")
    assert stage.manifest(stage.versions()[-1])["process"]
