"""Many stores on simulated nodes: how fast they are created, and what they cost at rest. Some never become ready."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

SETTLE = 15
"""Seconds from the last READY to the measurement at rest."""


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cli", required=True, help="the sendstores program; SENDSTORES_SERVER says where the server is")
    parser.add_argument("--server-pid", type=int, required=True)
    parser.add_argument("--redis-port", required=True)
    parser.add_argument("--audit-log", required=True, help="of the API server; the cluster's own parts are not in it")
    parser.add_argument("--stuck", type=float, default=0.1, help="which part of the stores never becomes ready")
    parser.add_argument("--behind", type=int, default=100, help="behind how many such stores a Create is timed")
    parser.add_argument("--rest", type=int, default=120, help="how many seconds are measured at rest")
    parser.add_argument("--patience", type=int, default=1800, help="seconds without a READY before it is given up")
    parser.add_argument("sizes", type=int, nargs="+", help="numbers of stores; each adds to the one before")
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


class Watch:
    """Follows all stores by one stream of the API: when each was READY first."""

    def __init__(self, cli):
        self.ready = {}
        self.changed = threading.Condition()
        self.process = subprocess.Popen([cli, "--json", "watch"], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            store = json.loads(line).get("changed") or {}
            if store.get("state", "").endswith("READY") and store["id"] not in self.ready:
                with self.changed:
                    self.ready[store["id"]] = time.monotonic()
                    self.changed.notify_all()

    def until_ready(self, ids, patience):
        """When each of them was READY."""
        wanted = set(ids)
        with self.changed:
            while not wanted <= self.ready.keys():
                before = len(self.ready)
                if not self.changed.wait(patience) and len(self.ready) == before:
                    missing = sorted(wanted - self.ready.keys())
                    raise TimeoutError(f"{len(missing)} stores are not READY, such as {missing[0]}")
            return [self.ready[one] for one in ids]


class Fleet:
    def __init__(self, options):
        self.options = options
        self.watch = Watch(options.cli)
        self.healthy, self.stuck = [], []

    def create(self, store):
        command = [self.options.cli, "--timeout", "60s", "create", store]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def create_all(self, stores):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.create, stores))

    def timed(self):
        """Seconds from Create to READY of one store."""
        store = f"store-fleet-{len(self.healthy):05}"
        self.healthy.append(store)
        begin = time.monotonic()
        self.create(store)
        return self.watch.until_ready([store], self.options.patience)[0] - begin

    def some_stuck(self, count):
        new = [f"store-stuck-{len(self.stuck) + number:05}" for number in range(count)]
        self.stuck += new
        return new

    def grow(self, size):
        """Adds stores up to `size`; stores READY a second, from the first Create to the last READY."""
        missing = size - len(self.healthy) - len(self.stuck)
        stuck = self.some_stuck(max(round(size * self.options.stuck) - len(self.stuck), 0))
        healthy = [f"store-fleet-{len(self.healthy) + number:05}" for number in range(missing - len(stuck))]
        self.healthy += healthy
        step = max(len(healthy) // max(len(stuck), 1), 1)
        # Mixed, as they would come.
        mixed, waiting = [], list(stuck)
        for number, store in enumerate(healthy):
            if waiting and number % step == 0:
                mixed.append(waiting.pop())
            mixed.append(store)
        begin, cpu = time.monotonic(), self.cpu()
        self.create_all(mixed + waiting)
        accepted = time.monotonic() - begin
        times = sorted(self.watch.until_ready(healthy, self.options.patience))
        took = times[-1] - begin
        first, last = (times[int(len(times) * part)] for part in (0.1, 0.9))
        middle = 0.8 * len(times) / max(last - first, 0.001)
        cpu = tuple((after - before) / len(mixed) for before, after in zip(cpu, self.cpu()))
        say(f"{size}: {len(healthy)} READY in {took:.0f} s, {len(mixed)} Creates accepted in {accepted:.1f} s, "
            f"processor time of the server {cpu[0]:.2f} s and of helm {cpu[1]:.2f} s a store")
        return {"rate": len(healthy) / took, "middle": middle, "server": cpu[0], "helm": cpu[1]}

    def cpu(self):
        """Seconds of processor time: of the server, and of the programs that it started and that have ended."""
        with open(f"/proc/{self.options.server_pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        tick = os.sysconf("SC_CLK_TCK")
        user, system, children_user, children_system = (int(field) / tick for field in fields[11:15])
        return user + system, children_user + children_system

    def resident(self):
        with open(f"/proc/{self.options.server_pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def redis(self, section, name):
        command = ["redis-cli", "-p", self.options.redis_port, "INFO", section]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return int(next(line.split(":")[1] for line in lines if line.startswith(name + ":")))

    def requests(self, offset):
        """Requests to the API server since then: of stores that wait, and all others."""
        stuck = others = watches = 0
        with open(self.options.audit_log) as log:
            log.seek(offset)
            for line in log:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("verb") == "watch":
                    watches += entry.get("stage") == "ResponseStarted"
                elif entry.get("stage") != "ResponseComplete":
                    continue
                elif entry.get("objectRef", {}).get("namespace", "").startswith("store-stuck-"):
                    stuck += 1
                else:
                    others += 1
        return stuck, others, watches

    def at_rest(self):
        time.sleep(SETTLE)
        offset, begin = os.path.getsize(self.options.audit_log), time.monotonic()
        writes, commands = self.redis("persistence", "rdb_changes_since_last_save"), self.redis("stats", "total_commands_processed")
        cpu = self.cpu()
        time.sleep(self.options.rest)
        minutes = (time.monotonic() - begin) / 60
        stuck, others, watches = self.requests(offset)
        after = self.cpu()
        size = len(self.healthy) + len(self.stuck)
        return {
            "requests": (stuck + others) / minutes / size,
            "requests_stuck": stuck / minutes / max(len(self.stuck), 1),
            "requests_others": others / minutes / max(len(self.healthy), 1),
            "watches": watches,
            "writes": (self.redis("persistence", "rdb_changes_since_last_save") - writes) / minutes / size,
            "commands": (self.redis("stats", "total_commands_processed") - commands) / minutes / size,
            "cpu": sum(b - a for a, b in zip(cpu, after)) / (minutes * 60) * 100,
            "rss": self.resident(),
        }


def table(results):
    rows = [
        ("stores READY a second, from the first Create to the last READY", "rate", "{:.2f}"),
        ("the same between the first and the last tenth", "middle", "{:.2f}"),
        ("processor time of the server for each store, s", "server", "{:.2f}"),
        ("processor time of helm for each store, s", "helm", "{:.2f}"),
        ("at rest: requests to the API server, a store and minute", "requests", "{:.2f}"),
        ("of these: for each store that waits", "requests_stuck", "{:.2f}"),
        ("of these: for each READY store", "requests_others", "{:.2f}"),
        ("watches opened in that time, of all stores", "watches", "{}"),
        ("at rest: changes of keys in Redis, a store and minute", "writes", "{:.2f}"),
        ("at rest: commands to Redis, a store and minute", "commands", "{:.2f}"),
        ("at rest: processor of the server, % of a core", "cpu", "{:.1f}"),
        ("memory of the server, MiB", "rss", "{:.0f}"),
    ]
    print("| | " + " | ".join(f"{size:,} stores" for size in results) + " |")
    print("|---" * (len(results) + 1) + "|")
    for title, name, form in rows:
        print(f"| {title} | " + " | ".join(form.format(one[name]) for one in results.values()) + " |", flush=True)


def spread(values):
    return f"{statistics.median(values):.1f} s ({min(values):.1f} to {max(values):.1f})"


def main():
    options = parse()
    fleet, results = Fleet(options), {}
    alone = [fleet.timed() for _ in range(3)]
    say(f"one store alone: {spread(alone)}")
    for size in sorted(options.sizes):
        results[size] = fleet.grow(size) | fleet.at_rest()
        say(f"{size}: {json.dumps(results[size])}")
    more = fleet.some_stuck(max(options.behind - len(fleet.stuck), 0))
    fleet.create_all(more)
    time.sleep(SETTLE + len(more))
    behind = [fleet.timed() for _ in range(3)]
    table(results)
    print(f"\nOne Create to READY: alone {spread(alone)}; behind {len(fleet.stuck)} stores that wait, beside "
          f"{len(fleet.healthy)} READY ones, {spread(behind)}.")
    fleet.watch.process.terminate()


main()
