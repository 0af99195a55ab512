"""Create to READY and Delete to gone: the control plane beside the same chart and commands run by hand, in turns."""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from datetime import datetime

# Our steps, and what is done by hand in their place (tests/charts/byhand).
ROWS = [
    ("namespace", ["namespace"], ["namespace"]),
    ("credentials", ["credentials"], ["credentials"]),
    ("release", ["release"], ["helm install"]),
    ("database, application", ["database", "application"], ["pods ready"]),
    ("bootstrap", ["bootstrap"], ["exec: restore"]),
    ("storefront", ["storefront"], ["helm upgrade (opens the store)", "storefront answers"]),
    ("Create to READY", ["all"], ["all"]),
    ("Delete to gone", ["delete"], ["delete"]),
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cli", required=True, help="the sendstores program; SENDSTORES_SERVER says where the server is")
    parser.add_argument("--byhand", required=True, help="tests/charts/byhand; KUBECONFIG and PATH say with what")
    parser.add_argument("--url", required=True, help="URL of a store, with {id}")
    parser.add_argument("values", nargs="+", help="values files that the server uses, too")
    return parser.parse_args()


def seconds(step):
    begin, end = (datetime.fromisoformat(step[name]) for name in ("startTime", "endTime"))
    return (end - begin).total_seconds()


def ours(options, store):
    begin = time.monotonic()
    # The shop that is made by hand, setting by setting: both are asked for the same work.
    command = [options.cli, "--json", "create", store, "--wait", "--country", "DE", "--currency", "EUR",
               "--timezone", "Europe/Berlin"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    took = time.monotonic() - begin
    last = json.loads(lines[-1])
    times = {step["name"]: seconds(step) for step in last.get("store", last)["steps"]}
    begin = time.monotonic()
    subprocess.run([options.cli, "delete", store, "--yes", "--wait"], check=True, capture_output=True)
    return times | {"all": took, "delete": time.monotonic() - begin}


def by_hand(options, store):
    url = options.url.replace("{id}", store)
    create = [options.byhand, "create", store, url, "--", *options.values]
    text = subprocess.run(create, check=True, capture_output=True, text=True).stdout
    text += subprocess.run([options.byhand, "delete", store], check=True, capture_output=True, text=True).stdout
    return {name.strip(): float(took) for name, took in re.findall(r"^(.+?) +([\d.]+) s$", text, re.MULTILINE)}


def spread(values):
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def main():
    options = parse()
    rounds = []
    for number in range(options.rounds):
        # In turns, and every second time the other way round: what drifts hits both alike.
        order = [("ours", ours), ("hand", by_hand)]
        result = {}
        for name, run in order if number % 2 == 0 else reversed(order):
            result[name] = run(options, f"store-bench-{name}-{number}")
        rounds.append(result)
        print(f"round {number + 1}: {result['ours']['all']:.2f} s, by hand {result['hand']['all']:.2f} s",
              file=sys.stderr, flush=True)
    print("| step | SendStores | by hand | ratio (min to max) |\n|---|---|---|---|")
    for title, mine, theirs in ROWS:
        us = [sum(one["ours"][name] for name in mine) for one in rounds]
        them = [sum(one["hand"][name] for name in theirs) for one in rounds]
        ratios = [a / b for a, b in zip(us, them) if b > 0]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {title} | {spread(us)} | {spread(them)} | {ratio} |")


main()
