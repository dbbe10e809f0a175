"""An HTTP client that keeps its connection to a server outside, and asks anew when it breaks in the middle of a request."""
import http.client
import os

from steps import steps

connection = http.client.HTTPConnection("127.0.0.1", int(open(os.environ["ROOT"] + "/port").read()), timeout=20)


def ask(n):
    for _ in range(3):
        try:
            connection.request("GET", "/%d" % n)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()


for n in steps():
    assert ask(n) == b"%d" % n
