"""Servers over TCP and a UNIX socket, and their clients in processes of their own."""
import os
import socket
import threading

from steps import steps

tcp = socket.socket()
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections linger
tcp.bind(("127.0.0.1", 0))
tcp.listen()
address = tcp.getsockname()


def client(connect, may_break):
    """A process that asks when it is told to, and says how often it had to connect."""
    here, there = socket.socketpair()
    if os.fork() != 0:
        there.close()
        return here
    connection, connected = connect(), 1
    while number := there.recv(20):
        for _ in range(3):
            try:
                connection.sendall(number)
                if connection.recv(20) == number:
                    break
            except OSError:
                pass
            assert may_break, "the connection broke"
            connection.close()  # closed by the restore: made anew
            connection, connected = connect(), connected + 1
        else:
            os._exit(1)
        there.sendall(b"%d" % connected)
    os._exit(0)


def to_tcp():
    return socket.create_connection(address, timeout=5)


def to_unix():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("door")
    return connection


unix = socket.socket(socket.AF_UNIX)
unix.bind("door")
unix.listen()
clients = [client(to_tcp, True), client(to_tcp, True), client(to_unix, False)]


def talk(connection):
    try:
        while number := connection.recv(20):
            connection.sendall(number)
    except OSError:
        pass  # closed by the restore
    connection.close()


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=talk, args=(connection,), daemon=True).start()


for listener in tcp, unix:
    threading.Thread(target=serve, args=(listener,), daemon=True).start()

for n in steps():
    for asked in clients:
        asked.sendall(b"%d" % n)
    answers = [asked.recv(20) for asked in clients]
    assert all(answers) and answers[2] == b"1", answers
