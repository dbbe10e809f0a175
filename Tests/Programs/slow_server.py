"""Answers over HTTP with the last part of the path. While DIRECTORY/hold is there every answer waits, and each wait is told by a line.

usage: slow_server.py DIRECTORY, where its port is left in the file 'port'.
"""
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

hold = sys.argv[1] + "/hold"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if os.path.exists(hold):
            print("holding", self.path[1:], flush=True)
        while os.path.exists(hold):
            time.sleep(.005)
        body = self.path[1:].encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # who asked was killed

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
server.daemon_threads = True
server.handle_error = lambda *_: None  # clients are killed here
with open(sys.argv[1] + "/port", "w") as file:
    file.write(str(server.server_port))
print("ready", flush=True)
server.serve_forever()
