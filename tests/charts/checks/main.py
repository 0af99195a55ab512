"""Runs every check on one chart with one or more helms: python -m checks.main --helm PROGRAM ... CHART"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import yaml

from . import golden, network, quota, readme, refusals, security, source, structure
from .helm import IMAGES, KUBERNETES, Helm, merged, objects

HERE = Path(__file__).resolve().parent.parent


class Report:
    def __init__(self, only: str):
        self.only = only
        self.passed = self.failed = 0

    def check(self, name: str, problems: Callable[[], list[str]]) -> None:
        if self.only not in name:
            return
        try:
            found = problems()
        except Exception as error:  # a broken rendering must not hide the checks after it
            found = [f"{type(error).__name__}: {error}"]
        if found:
            self.failed += 1
            print(f"FAIL {name}", *(f"     {line}" for line in found), sep="\n")
        else:
            self.passed += 1
            print(f"ok   {name}")


def rule_name(rule: Callable) -> str:
    return rule.__name__.replace("_", " ")


def lint(helm: Helm, case: dict) -> list[str]:
    outcome = helm.lint(case["environment"], case["values"])
    return [] if outcome.code == 0 else [outcome.stdout.strip(), outcome.stderr.strip()]


def schema_problems(rendered: list[dict]) -> list[str]:
    found = []
    version = ".".join(KUBERNETES.split(".")[:2])
    for item in rendered:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(map(str, error.path))
            found.append(f"{item['kind']} {item['metadata']['name']}: {place}: {error.message}")
    return found


def check_case(report: Report, helm: Helm, case: dict, update: bool) -> None:
    label = f"{helm.version} {case['name']}"
    report.check(f"{label}: helm lint --strict", lambda: lint(helm, case))
    outcome = helm.template(case["environment"], case["values"])
    report.check(f"{label}: renders", lambda: [outcome.stderr.strip()] if outcome.code else [])
    if outcome.code:
        return
    report.check(f"{label}: golden", lambda: golden.problems(HERE / "golden" / case["name"], outcome.stdout, update))
    rendered = objects(outcome.stdout)
    report.check(f"{label}: Kubernetes {KUBERNETES} schema", lambda: schema_problems(rendered))
    for module in (security, network, structure):
        for rule in module.RULES:
            report.check(f"{label}: {rule_name(rule)}", lambda: rule(rendered))


def workloads(helm: Helm, case: dict, changes: dict) -> str:
    rendered = objects(helm.template(case["environment"], merged(case["values"], changes)).stdout)
    specs = [item["spec"] for item in rendered if item["kind"] in ("Deployment", "StatefulSet")]
    assert len(specs) == 2, "the chart does not render its two workloads"
    return yaml.safe_dump(specs)


def check_upgrades(report: Report, helm: Helm, case: dict) -> None:
    """An upgrade that changes no image, url or resource must leave the running pods alone."""
    def restarts(other: Helm, changes: dict) -> list[str]:
        return [] if workloads(other, case, changes) == workloads(helm, case, {}) else ["the pods would be replaced"]

    report.check(f"{helm.version} opening a store restarts no pod",
                 lambda: restarts(helm, {"ingress.enabled": not case["values"]["ingress"]["enabled"]}))
    with tempfile.TemporaryDirectory() as folder:
        newer = Path(folder) / "woocommerce"
        shutil.copytree(helm.chart, newer)
        description = yaml.safe_load((newer / "Chart.yaml").read_text())
        (newer / "Chart.yaml").write_text(yaml.safe_dump(description | {"version": "9.9.9"}))
        report.check(f"{helm.version} a newer chart version restarts no pod",
                     lambda: restarts(Helm(helm.program, newer), {}))


def check_quota(report: Report, helm: Helm, case: dict, values_file: str) -> None:
    def problems() -> list[str]:
        sums = quota.totals(objects(helm.template(case["environment"], case["values"]).stdout))
        print(f"     a store in environment {case['environment']} needs  {quota.text(sums)}")
        documented = quota.documented(helm.chart / values_file)
        return [f"{name}: rendered {amount}, documented {documented.get(name)}"
                for name, amount in sums.items() if amount != documented.get(name)]

    report.check(f"{helm.version} {values_file} states the quota that a store needs", problems)


def check_helm(report: Report, helm: Helm, update: bool) -> None:
    cases = {case["name"]: case for case in yaml.safe_load((HERE / "cases.yaml").read_text())}
    for case in cases.values():
        case["values"]["images"] = IMAGES | case["values"].get("images", {})
    for case in cases.values():
        check_case(report, helm, case, update)
    check_upgrades(report, helm, cases["local-closed"])
    check_quota(report, helm, cases["local-open"], "values.yaml")
    check_quota(report, helm, cases["prod-open"], "values-prod.yaml")
    for refusal in yaml.safe_load((HERE / "refusals.yaml").read_text()):
        report.check(f"{helm.version} refused: {refusal['name']}",
                     lambda: refusals.problems(helm, cases["local-open"], refusal))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", action="append", required=True, metavar="PROGRAM")
    parser.add_argument("--only", default="", metavar="TEXT", help="checks whose name contains TEXT")
    parser.add_argument("chart", type=Path)
    arguments = parser.parse_args()
    report = Report(arguments.only)
    for rule in [*source.RULES, *readme.RULES]:
        report.check(rule_name(rule), lambda: rule(arguments.chart))
    update = os.environ.get("UPDATE_GOLDEN") == "1"
    for number, program in enumerate(arguments.helm):
        # Only the first helm may rewrite, so that a second that renders otherwise is seen.
        check_helm(report, Helm(program, arguments.chart), update and number == 0)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
