"""Damages copies of the chart and demands that the checks notice: python -m checks.prove --helm PROGRAM CHART"""

import argparse
import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path

import yaml

from .helm import Helm
from .main import HERE, Report, check_helm, rule_name
from . import source


def outcomes(program: str, chart: Path, only: str) -> dict[str, bool]:
    """Check name without helm version and case -> did it pass everywhere?"""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        report = Report(only)
        for rule in source.RULES:
            report.check(rule_name(rule), lambda: rule(chart))
        helm = Helm(program, chart)
        check_helm(report, helm, update=False)
    passed: dict[str, bool] = {}
    for line in printed.getvalue().splitlines():
        mark, _, name = line.partition(" ")
        if mark in ("ok", "FAIL"):
            name = name.strip().removeprefix(helm.version).strip()
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", required=True)
    parser.add_argument("chart", type=Path)
    arguments = parser.parse_args()
    os.environ.pop("UPDATE_GOLDEN", None)
    unseen = set(outcomes(arguments.helm, arguments.chart, ""))
    passed = failed = 0
    for mutation in yaml.safe_load((HERE / "mutations.yaml").read_text()):
        wanted = expected_to_fail(mutation)
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(folder) / "woocommerce"
            shutil.copytree(arguments.chart, chart)
            damage(chart, mutation)
            seen = outcomes(arguments.helm, chart, os.path.commonprefix(wanted))
        for name in wanted:
            caught = any(name in check and not ok for check, ok in seen.items())
            unseen -= {check for check, ok in seen.items() if not ok}
            passed, failed = passed + caught, failed + (not caught)
            change = mutation.get("replace", mutation.get("with"))
            print(f"{'ok  ' if caught else 'FAIL'} {name}  <-  {mutation['file']}: {change!r}")
    for name in sorted(unseen):
        failed += 1
        print(f"FAIL no mutation breaks: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
