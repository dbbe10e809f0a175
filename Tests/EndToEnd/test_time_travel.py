"""Yesterday's file, two versions back, one file alone, an agent that was removed: with a real agent, from the outside."""

import json
import os


def stopped_after(stage, versions):
    """An agent that is stopped, with so many versions of it and one more of its end, and what its file was in each."""
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    for _ in range(versions):
        stage.checkpoint_after_more_steps()
    assert stage.ask("stop", "agent-1").returncode == 0
    assert runner.wait() == 0
    return {number: stored(stage, number) for number in stage.versions()}


def stored(stage, number):
    answer = stage.ask("cat", f"agent-1@{number}:results.txt")
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def results(stage):
    return (stage.workspace / "results.txt").read_text()


def test_a_version_is_looked_into(stage):
    files = stopped_after(stage, 2)
    assert sorted(files) == [1, 2, 3]
    assert files[2].startswith(files[1]) and len(files[1]) < len(files[2]) <= len(files[3]) and files[3] == results(stage)
    assert stage.ask("ls", "agent-1@1:", "-q").stdout == "results.txt\n"
    [entry] = stage.json("files", "agent-1@known-good")
    assert entry["size"] == os.stat(stage.workspace / "results.txt").st_size
    taken = next(version["takenAt"] for version in stage.json("versions", "agent-1") if version["version"] == 2)
    assert stage.ask("cat", "agent-1:results.txt", "--at", taken).stdout == files[2]
    difference = stage.ask("diff", "agent-1@1", "agent-1@2", "results.txt")
    added = [line[1:] for line in difference.stdout.splitlines() if line.startswith("+")]
    assert files[1] + "".join(line + "\n" for line in added) == files[2]
    assert stage.ask("cat", "agent-1@1:nothing").returncode == 66


def test_one_file_is_brought_back_alone(stage):
    files = stopped_after(stage, 2)
    mine = stage.workspace / "mine"
    mine.write_text("by hand")
    answer = stage.ask("restore", "agent-1@1", "--only", "results.txt")
    assert answer.returncode == 0, answer.stderr
    assert (results(stage), mine.read_text()) == (files[1], "by hand")
    assert stored(stage, 4) == files[3]
    assert stage.ask("cat", "agent-1@4:mine").stdout == "by hand"
    # The next start neither undoes it nor takes away what nobody asked for.
    runner = stage.run()
    stage.wait_until_running()
    beside = stage.ask("restore", "agent-1@2", "--only", "results.txt")
    assert beside.returncode == 75
    assert "'runner stop agent-1' first" in beside.stderr
    assert stage.ask("stop", "agent-1").returncode == 0
    assert runner.wait() == 0
    assert results(stage).startswith(files[1]) and not results(stage).startswith(files[2])
    assert mine.read_text() == "by hand"


def test_two_versions_back_and_forth(stage):
    files = stopped_after(stage, 3)
    plan = stage.json("rollback", "agent-1", "2", "--dry-run")
    assert (plan["version"], results(stage)) == (2, files[4])
    done = stage.json("rollback", "agent-1", "2")
    assert (done["version"], done["undo"], results(stage)) == (2, "runner restore agent-1@4", files[2])
    assert stage.json("rollback", "agent-1")["version"] == 1
    assert results(stage) == files[1]
    assert stage.ask(*done["undo"].split()[1:]).returncode == 0
    assert results(stage) == files[4]
    # And it works on from there, every step exactly once.
    stage.run()
    stage.wait_for_more_steps()
    assert results(stage).startswith(files[4])


def test_a_living_agent_is_rolled_back(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    stage.run()
    for _ in range(2):
        stage.checkpoint_after_more_steps()
    first = stored(stage, 1)
    done = stage.json("rollback", "agent-1")
    assert (done["version"], done["undo"]) == (1, "runner restore agent-1@3")
    stage.wait_until_running(incarnation=2)
    stage.wait_for_more_steps()
    assert results(stage).startswith(first)
    # What it did between the last version and the rolling back is in a version of its own.
    assert len(stored(stage, 3)) > len(stored(stage, 2))


def test_an_agent_is_removed_and_comes_back(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    refused = stage.ask("rm", "agent-1")
    assert refused.returncode == 75
    assert refused.stderr == "runner: could not remove 'agent-1': its supervisor runs. 'runner stop agent-1' first\n"
    assert stage.ask("stop", "agent-1").returncode == 0
    assert runner.wait() == 0
    before = stage.versions()
    files = results(stage)
    assert stage.ask("rm", "agent-1", "--keep-for", "1h").returncode == 0
    assert stage.ask("ls", "-q").stdout == ""
    assert results(stage) == files
    lost = stage.ask("status", "agent-1")
    assert lost.returncode == 66
    assert lost.stderr == "runner: unknown agent 'agent-1': it was removed. 'runner undelete agent-1' brings it back\n"
    assert stage.ask("prune").returncode == 0
    [removed] = stage.json("undelete")
    assert (removed["agent"], removed["versions"]) == ("agent-1", len(before))
    assert stage.ask("undelete", "agent-1").returncode == 0
    assert stage.versions() == before
    assert stage.ask("verify", "agent-1").returncode == 0
    # It goes on with its work, and what is past its term goes for good.
    stage.run()
    stage.wait_for_more_steps()
    assert results(stage).startswith(files)
    assert stage.ask("stop", "agent-1").returncode == 0
    assert stage.ask("rm", "agent-1", "--now").returncode == 0
    assert json.loads(stage.ask("undelete", "--json").stdout) == []
    assert not any((stage.store / "removed").iterdir())


def test_a_newcomer_finds_it(stage):
    overview = stage.ask("--help").stdout
    for command in ("cat", "files", "diff", "restore", "rollback", "rm", "undelete"):
        assert f"\n  {command} " in overview
        page = stage.ask(command, "--help").stdout
        assert page.index("EXAMPLES") < page.index("USAGE")
    assert "yesterday's notes.md" in stage.ask("cat", "--help").stdout
    assert "rollback agent-7 2" in stage.ask("rollback", "--help").stdout
    assert "undelete agent-7" in stage.ask("undelete", "--help").stdout
