"""What is stored is read once in a while, and what decayed is found, named and marked."""

from stage import wait_until


def test_a_flipped_byte_is_found_without_anyone_asking(stage):
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative", "scrub_every": "2s"})
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    version = stage.checkpoint_after_more_steps()
    wait_until(lambda: stage.status().get("scrub", {}).get("finishedAt"), "a round")
    assert stage.status()["scrub"]["damaged"] == []
    path = stage.versions_folder / str(version) / "workspace" / "results.txt"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    wait_until(lambda: stage.standing(version) == "broken", "it is marked")
    assert f"version {version} of '{stage.name}' is damaged: workspace/results.txt" in runner.text
    assert f"version {version}: workspace/results.txt" in stage.ask("status", stage.name).stdout
    stage.wait_for_more_steps()
    assert stage.checkpoint_after_more_steps() > version
    stage.order("enough")
    assert runner.wait() == 0
