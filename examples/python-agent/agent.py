#!/usr/bin/env python3
"""Reads a folder of documents, has a model summarise each, and writes a report. May be killed at any moment: it finishes all the same.

What it knows (which document is next, a running digest, its last summaries) is its state; what it makes (summaries, results.jsonl, report.md) is in
its workspace. A checkpoint holds both as they were at one moment, so after a restore they still belong together, and results.jsonl gets exactly
one line a document. The model is asked once per document, because the call is an effect with a key that is the same after every restore.

    MODEL_URL=http://127.0.0.1:8071/v1 python3 agent.py        runs without a runner, too
"""

import hashlib
import json
import os
import pathlib
import shutil
import sys
import urllib.error
import urllib.request

from runner_agent import Agent

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENTS = pathlib.Path(os.environ.get("DOCUMENTS", HERE / "documents"))
WORKSPACE = pathlib.Path(os.environ.get("WORKSPACE", HERE / "workspace"))
MODEL_URL = os.environ.get("MODEL_URL", "http://127.0.0.1:8071/v1")
MODEL = os.environ.get("MODEL", "stand-in")
RESULTS = WORKSPACE / "results.jsonl"
SUMMARIES = WORKSPACE / "summaries"
REPORT = WORKSPACE / "report.md"
REMEMBERED = 3


def begin():
    """The first state, in an empty workspace: what an earlier life left there belongs to no state of ours."""
    WORKSPACE.mkdir(parents=True, exist_ok=True)
    RESULTS.unlink(missing_ok=True)
    REPORT.unlink(missing_ok=True)
    shutil.rmtree(SUMMARIES, ignore_errors=True)
    return {"next": 0, "digest": "", "tokens": 0, "history": []}


def ask_model(prompt, history, key):
    """One call of the model; gives its text and the tokens it took."""
    messages = [{"role": "system", "content": "Summarise the document in one sentence."}]
    messages += [{"role": "assistant", "content": line} for line in history]
    messages += [{"role": "user", "content": prompt}]
    request = urllib.request.Request(
        f"{MODEL_URL}/chat/completions",
        data=json.dumps({"model": MODEL, "messages": messages}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ.get('MODEL_KEY', 'none')}",
            # If we die between the call and the record of it, the call is made again with this key, and the other side knows it.
            "Idempotency-Key": key,
        },
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    return {"text": answer["choices"][0]["message"]["content"], "tokens": answer["usage"]["total_tokens"]}


def take_step(agent, state, document):
    """Summarises one document; afterwards state and workspace say so together."""
    number = state["next"]
    text = document.read_text(encoding="utf-8")
    key = f"step:{number}:{document.stem}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def call():
        # The state is still that of before this step and nothing is written meanwhile: the whole wait is a safe point.
        with agent.turn(state):
            return ask_model(text, state["history"], key)

    answer = agent.once(key, call, idempotent=True, description=f"summarise '{document.name}'")

    SUMMARIES.mkdir(exist_ok=True)
    (SUMMARIES / f"{document.stem}.txt").write_text(answer["text"] + "\n", encoding="utf-8")
    line = json.dumps({"step": number, "document": document.name, "key": key, "summary": answer["text"]})
    with open(RESULTS, "a", encoding="utf-8") as results:
        results.write(line + "\n")
    state["next"] = number + 1
    state["digest"] = hashlib.sha256((state["digest"] + line).encode()).hexdigest()
    state["tokens"] += answer["tokens"]
    state["history"] = (state["history"] + [answer["text"]])[-REMEMBERED:]


def write_report(state):
    """The last page: every summary, and the digest over all results."""
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    page = ["# What the documents say", ""]
    page += [f"{line['step'] + 1}. **{line['document']}**: {line['summary']}" for line in lines]
    page += ["", f"{len(lines)} documents, {state['tokens']} tokens, digest {state['digest']}", ""]
    REPORT.write_text("\n".join(page), encoding="utf-8")


def main():
    documents = sorted(DOCUMENTS.glob("*.txt"))
    if not documents:
        print(f"there are no documents (*.txt) in '{DOCUMENTS}'", file=sys.stderr)
        return 66
    with Agent(schema="reader/1") as agent:
        state = agent.restored or begin()
        if agent.welcome is not None and agent.welcome.restored_from is not None:
            print(f"restored from version {agent.welcome.restored_from}", flush=True)
        print(f"going on at document {state['next'] + 1} of {len(documents)}", flush=True)
        while state["next"] < len(documents):
            if agent.should_stop:
                print(f"stopping as asked, before document {state['next'] + 1}", flush=True)
                return 0
            document = documents[state["next"]]
            try:
                take_step(agent, state, document)
            except urllib.error.URLError as error:
                print(f"could not ask the model at '{MODEL_URL}': {error}", file=sys.stderr)
                return 75
            done = state["next"]
            print(f"document {done} of {len(documents)}: {document.name}", flush=True)
            agent.beat(step=done, progress=done / len(documents), note=f"summarised {document.name}", tokens=state["tokens"])
            agent.checkpoint_point(state)
        write_report(state)
        agent.save(state)
        agent.done(f"{len(documents)} documents summarised")
        print(f"finished: '{REPORT}'", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
