"""Damages copies of the charts and demands that the checks notice: python -m checks.prove --helm PROGRAM STORE IDENTITY"""

import argparse
import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from .helm import Helm
from .main import HERE, Report, check_helm, rule_name
from . import control_plane, readme, source

Suite = Callable[[Report, str, Path], None]


def check_store(report: Report, program: str, chart: Path) -> None:
    for rule in [*source.RULES, *readme.RULES]:
        report.check(rule_name(rule), lambda: rule(chart))
    check_helm(report, Helm(program, chart), update=False)


def check_identity(report: Report, program: str, chart: Path) -> None:
    control_plane.check(report, [program], chart, update=False)


def outcomes(suite: Suite, program: str, chart: Path, only: str) -> dict[str, bool]:
    """Check name without helm version and case -> did it pass everywhere?"""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        suite(Report(only), program, chart)
    version = Helm(program, chart).version
    passed: dict[str, bool] = {}
    for line in printed.getvalue().splitlines():
        mark, _, name = line.partition(" ")
        if mark in ("ok", "FAIL"):
            name = name.strip().removeprefix(version).strip()
            if not name.startswith("refused"):
                name = name.rpartition(": ")[2]
            passed[name] = passed.get(name, True) and mark == "ok"
    return passed


def damage(chart: Path, mutation: dict) -> None:
    file = chart / mutation["file"]
    text = file.read_text()
    if "with" in mutation:
        file.write_text(mutation["with"])
        return
    if mutation["find"] not in text:
        raise SystemExit(f"mutations.yaml: {mutation['file']} does not contain {mutation['find']!r}")
    replacement = mutation["replace"] + "\n#" * mutation.get("repeat", 0)
    file.write_text(text.replace(mutation["find"], replacement, 1))


def expected_to_fail(mutation: dict) -> list[str]:
    """The checks a mutation must break; the two "refused: [...]" stand for all refusals of that kind."""
    if not mutation["fails"].startswith("refused: ["):
        return [mutation["fails"]]
    key = "because" if "schema" in mutation["fails"] else "says"
    return [f"refused: {refusal['name']}" for refusal in yaml.safe_load((HERE / "refusals.yaml").read_text()) if key in refusal]


def prove(suite: Suite, program: str, chart: Path, mutations: Path) -> tuple[int, int]:
    unseen = set(outcomes(suite, program, chart, ""))
    passed = failed = 0
    for mutation in yaml.safe_load(mutations.read_text()):
        wanted = expected_to_fail(mutation)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / chart.name
            shutil.copytree(chart, copy)
            damage(copy, mutation)
            seen = outcomes(suite, program, copy, os.path.commonprefix(wanted))
        for name in wanted:
            caught = any(name in check and not ok for check, ok in seen.items())
            unseen -= {check for check, ok in seen.items() if not ok}
            passed, failed = passed + caught, failed + (not caught)
            change = mutation.get("replace", mutation.get("with"))
            print(f"{'ok  ' if caught else 'FAIL'} {name}  <-  {mutation['file']}: {change!r}")
    for name in sorted(unseen):
        failed += 1
        print(f"FAIL no mutation breaks: {name}")
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", required=True)
    parser.add_argument("store", type=Path)
    parser.add_argument("identity", type=Path)
    arguments = parser.parse_args()
    os.environ.pop("UPDATE_GOLDEN", None)
    sums = [prove(check_store, arguments.helm, arguments.store, HERE / "mutations.yaml"),
            prove(check_identity, arguments.helm, arguments.identity, HERE / "mutations-control-plane.yaml")]
    passed, failed = map(sum, zip(*sums))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
