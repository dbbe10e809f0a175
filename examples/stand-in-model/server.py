#!/usr/bin/env python3
"""A small stand-in for an OpenAI-compatible model, for offline use: /v1/chat/completions answers at once, for nothing, and always the same.

    server.py --port 8071 --latency 0.2 --state calls.json

An answer is made from the prompt alone. A request with an Idempotency-Key that was answered before gets the recorded answer and is not executed
again; one that is being answered is waited for. GET /stats tells how often each key was executed and how often replayed. With --state both
survive the server's own end. It listens on 127.0.0.1 only.
"""

import argparse
import hashlib
import json
import os
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_LIMIT = 1 << 20


class Calls:
    """What was executed and answered, by key. Kept in a file that is replaced whole."""

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        self._finished = threading.Condition(self._lock)
        self._running = set()
        self._known = {"answers": {}, "bodies": {}, "executions": {}, "replays": {}, "without_key": 0}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self._known = json.load(file)

    def answer(self, key, body_digest, execute):
        """The answer to `key`: the recorded one, or what `execute` gives, once. Raises ValueError when the key was used for another body."""
        with self._lock:
            if key is None:
                self._known["without_key"] += 1
            else:
                while key in self._running:
                    self._finished.wait()
                if self._known["bodies"].get(key, body_digest) != body_digest:
                    raise ValueError(f"Idempotency-Key '{key}' was used for another request")
                if key in self._known["answers"]:
                    self._known["replays"][key] = self._known["replays"].get(key, 0) + 1
                    self._keep()
                    return self._known["answers"][key]
                self._running.add(key)
        if key is None:
            return execute()
        try:
            answer = execute()
            with self._lock:
                self._known["answers"][key] = answer
                self._known["bodies"][key] = body_digest
                self._known["executions"][key] = self._known["executions"].get(key, 0) + 1
                self._keep()
            return answer
        finally:
            with self._lock:
                self._running.discard(key)
                self._finished.notify_all()

    def stats(self):
        with self._lock:
            counts = {name: self._known[name] for name in ("executions", "replays", "without_key")}
            return json.loads(json.dumps({**counts, "running": sorted(self._running)}))

    def _keep(self):
        if not self._path:
            return
        temporary = f"{self._path}.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self._known, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)


def completion(request):
    """The answer to one chat request: the first sentence of the last message's last paragraph, and what can be counted."""
    messages = request["messages"]
    text = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    paragraph = text.strip().split("\n\n")[-1]
    sentence = re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()), maxsplit=1)[0][:300]
    digest = hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()
    content = f"{sentence} ({len(paragraph.split())} words, {digest[:8]})"
    prompt_tokens = sum(len(message["content"].split()) for message in messages)
    answer_tokens = len(content.split())
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request.get("model", "stand-in"),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": answer_tokens,
            "total_tokens": prompt_tokens + answer_tokens,
        },
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/stats":
            self._send(200, self.server.calls.stats())
        elif self.path in ("/v1/models", "/health"):
            self._send(200, {"object": "list", "data": [{"id": "stand-in", "object": "model"}]})
        else:
            self._fail(404, f"there is no '{self.path}'")

    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= BODY_LIMIT:
            self.close_connection = True
            return self._fail(413, f"a body needs a Content-Length of at most {BODY_LIMIT}")
        body = self.rfile.read(length)
        if self.path != "/v1/chat/completions":
            return self._fail(404, f"there is no '{self.path}'")
        try:
            request = json.loads(body)
            answer = self.server.calls.answer(
                self.headers.get("Idempotency-Key"), hashlib.sha256(body).hexdigest(), lambda: self._think(request)
            )
        except ValueError as error:
            return self._fail(409 if "Idempotency-Key" in str(error) else 400, str(error))
        except (KeyError, TypeError, AttributeError, StopIteration):
            return self._fail(400, "a request needs 'messages' with at least one of role 'user'")
        self._send(200, answer)

    def _think(self, request):
        answer = completion(request)
        self.server.thinking.wait(self.server.latency)  # a model takes its time; nothing is waited for
        return answer

    def _fail(self, status, message):
        self._send(status, {"error": {"message": message, "type": "invalid_request_error"}})

    def _send(self, status, value):
        data = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # whoever asked is gone; the answer is recorded under its key

    def log_message(self, *arguments):
        if self.server.talkative:
            super().log_message(*arguments)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, calls, latency, talkative):
        super().__init__(("127.0.0.1", port), Handler)
        self.calls = calls
        self.latency = latency
        self.talkative = talkative
        self.thinking = threading.Event()

    def handle_error(self, request, client_address):
        # An agent that is killed in the middle of a request is what this server is for.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description="An OpenAI-compatible stand-in for a model, for offline use.")
    parser.add_argument("--port", type=int, default=8071, help="0: any free one (default: %(default)s)")
    parser.add_argument("--port-file", metavar="FILE", help="write the port here once it can be used")
    parser.add_argument("--latency", type=float, default=0.2, metavar="SECONDS", help="how long an answer takes (default: %(default)s)")
    parser.add_argument("--state", metavar="FILE", help="remember calls here; without it they are forgotten at the end")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    arguments = parser.parse_args()

    server = Server(arguments.port, Calls(arguments.state), arguments.latency, arguments.verbose)
    port = server.server_address[1]
    if arguments.port_file:
        with open(arguments.port_file + ".tmp", "w", encoding="ascii") as file:
            file.write(f"{port}\n")
        os.replace(arguments.port_file + ".tmp", arguments.port_file)
    print(f"stand-in model at http://127.0.0.1:{port}/v1", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
