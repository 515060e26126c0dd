"""Puts the index where attacks look for it, on a host that cannot listen in their network: it is behind a unix socket there."""
import socket
import threading


def start(path, port):
    """Carries connections to a port of the loopback device on to a unix socket."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    spawn(accept, listener, path)


def spawn(run, *args):
    threading.Thread(target=run, args=args, daemon=True).start()


def accept(listener, path):
    while True:
        near, _ = listener.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(path)
        except OSError:
            near.close()
            continue
        spawn(carry, near, far)
        spawn(carry, far, near)


def carry(source, target):
    """Passes bytes on until there are no more, and says so."""
    try:
        for data in iter(lambda: source.recv(1 << 16), b""):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of them is gone
