"""Runs every check on the chart of the control plane's identity: python -m checks.control_plane --helm PROGRAM ... CHART"""

import argparse
import os
import subprocess
from pathlib import Path

from . import golden, source
from .helm import KUBERNETES, Outcome, objects
from .main import HERE, Report, rule_name, schema_problems

NAMESPACE = "sendstores-system"
ALLOWED_KINDS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy",
                 "ValidatingAdmissionPolicyBinding"}
# Whoever has one of these can give himself everything else.
FORBIDDEN_VERBS = {"*", "escalate", "bind", "impersonate", "approve", "sign"}
FORBIDDEN_RESOURCES = {"*", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "nodes", "nodes/proxy",
                       "serviceaccounts/token", "pods/ephemeralcontainers", "pods/attach", "pods/portforward"}


class Helm:
    def __init__(self, program: str, chart: Path):
        self.program = program
        self.chart = chart
        self.version = self.run("version", "--template", "{{.Version}}").stdout.strip()

    def run(self, *argv: str) -> Outcome:
        done = subprocess.run([self.program, *argv], capture_output=True, text=True, timeout=60)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def template(self, *more: str) -> Outcome:
        return self.run("template", "sendstores", str(self.chart), "--namespace", NAMESPACE,
                        "--kube-version", KUBERNETES, *more)


def of_kind(rendered: list[dict], kind: str) -> dict:
    found = [item for item in rendered if item["kind"] == kind]
    if len(found) != 1:
        raise ValueError(f"{len(found)} objects of kind {kind}")
    return found[0]


def only_the_identity(rendered: list[dict]) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']} does not belong here" for item in rendered
            if item["kind"] not in ALLOWED_KINDS]


def no_right_gives_others(rendered: list[dict]) -> list[str]:
    found = []
    for rule in of_kind(rendered, "ClusterRole")["rules"]:
        found += [f"verb {verb} of {rule['resources']}" for verb in rule["verbs"] if verb in FORBIDDEN_VERBS]
        found += [f"resource {name}" for name in rule["resources"] if name in FORBIDDEN_RESOURCES]
        found += ["a group is *" for group in rule["apiGroups"] if group == "*"]
        found += [f"addresses {rule['nonResourceURLs']}"] if "nonResourceURLs" in rule else []
    return found


def each_resource_stands_once(rendered: list[dict]) -> list[str]:
    rules = of_kind(rendered, "ClusterRole")["rules"]
    names = [(group, name) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]]
    found = [f"{group}/{name} stands {names.count((group, name))} times" for group, name in sorted(set(names))
             if names.count((group, name)) > 1]
    return found + [f"verbs of {rule['resources']} are not in order" for rule in rules if rule["verbs"] != sorted(set(rule["verbs"]))]


def the_role_is_the_accounts_alone(rendered: list[dict]) -> list[str]:
    account = of_kind(rendered, "ServiceAccount")
    binding = of_kind(rendered, "ClusterRoleBinding")
    found = []
    if binding["subjects"] != [{"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": NAMESPACE}]:
        found.append(f"bound to {binding['subjects']}")
    if binding["roleRef"]["name"] != of_kind(rendered, "ClusterRole")["metadata"]["name"]:
        found.append(f"binds {binding['roleRef']}")
    if account.get("automountServiceAccountToken") is not False:
        found.append("the token is mounted by default")
    return found


def the_fence_denies(rendered: list[dict]) -> list[str]:
    policy = of_kind(rendered, "ValidatingAdmissionPolicy")
    binding = of_kind(rendered, "ValidatingAdmissionPolicyBinding")["spec"]
    found = []
    if binding != {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}:
        found.append(f"binding {binding}")
    spec, everything = policy["spec"], {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    if spec["failurePolicy"] != "Fail" or spec["matchConstraints"]["resourceRules"] != [everything]:
        found.append("it lets something pass unseen")
    if [condition["expression"] for condition in spec["matchConditions"]] != [
            f"request.userInfo.username == 'system:serviceaccount:{NAMESPACE}:sendstores'"]:
        found.append(f"it looks at {spec['matchConditions']}")
    return found


RULES = [only_the_identity, no_right_gives_others, each_resource_stands_once, the_role_is_the_accounts_alone, the_fence_denies]


def tokens_need_one_right_more(helm: Helm, rendered: list[dict]) -> list[str]:
    outcome = helm.template("--set", "auth.kubernetes.enabled=true")
    if outcome.code:
        return [outcome.stderr.strip()]
    enabled = objects(outcome.stdout)
    more = [rule for rule in of_kind(enabled, "ClusterRole")["rules"] if rule not in of_kind(rendered, "ClusterRole")["rules"]]
    wanted = [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]
    found = [] if more == wanted else [f"{more} more"]
    return found + schema_problems(enabled) + [problem for rule in RULES for problem in rule(enabled)]


def unknown_value(helm: Helm) -> list[str]:
    outcome = helm.template("--set", "rules=all")
    return ["was accepted"] if outcome.code == 0 else []


def check_helm(report: Report, helm: Helm, update: bool) -> None:
    report.check(f"{helm.version}: helm lint --strict", lambda: lint_problems(helm))
    outcome = helm.template()
    report.check(f"{helm.version}: renders", lambda: [outcome.stderr.strip()] if outcome.code else [])
    if outcome.code:
        return
    report.check(f"{helm.version}: golden", lambda: golden.problems(HERE / "golden" / "control-plane", outcome.stdout, update))
    rendered = objects(outcome.stdout)
    report.check(f"{helm.version}: Kubernetes {KUBERNETES} schema", lambda: schema_problems(rendered))
    for rule in RULES:
        report.check(f"{helm.version}: {rule_name(rule)}", lambda: rule(rendered))
    report.check(f"{helm.version}: tokens need one right more", lambda: tokens_need_one_right_more(helm, rendered))
    report.check(f"{helm.version}: a value is refused", lambda: unknown_value(helm))


def lint_problems(helm: Helm) -> list[str]:
    outcome = helm.run("lint", "--strict", str(helm.chart))
    return [] if outcome.code == 0 else [outcome.stdout.strip(), outcome.stderr.strip()]


def check(report: Report, helms: list[str], chart: Path, update: bool) -> None:
    for rule in source.RULES:
        report.check(rule_name(rule), lambda: rule(chart))
    for number, program in enumerate(helms):
        check_helm(report, Helm(program, chart), update and number == 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", action="append", required=True, metavar="PROGRAM")
    parser.add_argument("chart", type=Path)
    arguments = parser.parse_args()
    report = Report("")
    check(report, arguments.helm, arguments.chart, os.environ.get("UPDATE_GOLDEN") == "1")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
