"""Time from exec to serving and memory when idle, of the server and of redis-server beside it, in turns."""

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import tempfile
import time


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("server", nargs=argparse.REMAINDER, help="program and flags, but those of the ports")
    return parser.parse_args()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(ready):
    limit = time.monotonic() + 30
    while not ready():
        if time.monotonic() > limit:
            raise TimeoutError("not serving within 30 s")
        time.sleep(0.0005)


def is_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def pongs(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as redis:
            redis.sendall(b"PING\r\n")
            return redis.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def measure(command, ready, idle_seconds=2.0):
    """Milliseconds until it serves, and MiB when it did nothing for a while."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(ready)
        took = (time.monotonic() - begin) * 1000
        time.sleep(idle_seconds)
        return took, resident_mib(process.pid)
    finally:
        process.terminate()
        process.wait()


def server(options):
    port = free_port()
    command = [*options.server, "--redis-url", options.redis_url, "--listen", f"127.0.0.1:{free_port()}",
               "--admin-listen", f"127.0.0.1:{port}"]
    return measure(command, lambda: is_ready(port))


def redis(folder):
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--appendonly", "yes", "--save", ""]
    return measure(command, lambda: pongs(port))


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main():
    options = parse()
    options.server = [word for word in options.server if word != "--"]
    ours, peer = [], []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for _ in range(options.rounds):
            ours.append(server(options))
            peer.append(redis(folder))
    print("| | SendStores | redis-server |\n|---|---|---|")
    for index, title in enumerate(("exec to serving, ms", "memory when idle, MiB")):
        print(f"| {title} | {spread([one[index] for one in ours])} | {spread([one[index] for one in peer])} |")


main()
