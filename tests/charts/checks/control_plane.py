"""Runs every check on the chart of the control plane: python -m checks.control_plane --helm PROGRAM ... CHART"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import yaml

from . import alerts, dashboard, golden, readme, server, source
from .helm import KUBERNETES, Outcome, merged, objects
from .main import HERE, Report, rule_name, schema_problems

NAMESPACE = "sendstores-system"
IDENTITY_KINDS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy",
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

    def run(self, *argv: str, stdin: str = "") -> Outcome:
        done = subprocess.run([self.program, *argv], input=stdin, capture_output=True, text=True, timeout=60)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def template(self, values: dict, namespace: str = NAMESPACE) -> Outcome:
        return self.run("template", "sendstores", str(self.chart), "--namespace", namespace,
                        "--kube-version", KUBERNETES, "-f", "-", stdin=json.dumps(values))

    def lint(self, values: dict) -> Outcome:
        return self.run("lint", "--strict", str(self.chart), "--namespace", NAMESPACE, "-f", "-", stdin=json.dumps(values))


def of_kind(rendered: list[dict], kind: str) -> dict:
    found = [item for item in rendered if item["kind"] == kind]
    if len(found) != 1:
        raise ValueError(f"{len(found)} objects of kind {kind}")
    return found[0]


def only_the_identity(rendered: list[dict]) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']} does not belong here" for item in rendered
            if item["kind"] not in IDENTITY_KINDS]


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


# The identity is the same with a server and without.
RULES = [no_right_gives_others, each_resource_stands_once, the_role_is_the_accounts_alone, the_fence_denies]


def rights(rendered: list[dict]) -> list[dict]:
    return of_kind(rendered, "ClusterRole")["rules"]


def only_values_change_rights(helm: Helm, identity: list[dict]) -> list[str]:
    """What a value adds to the identity's rights, or takes from them."""
    found = []
    proxy = [{"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["create", "get"]}]
    review = [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]
    dev = case("control-plane-dev")["values"]
    for what, values, more, fewer in [
        ("auth.kubernetes", {"auth": {"kubernetes": {"enabled": True}}}, review, []),
        ("pod-network", dev, [], proxy),
        ("api-server", merged(dev, {"server.probeVia": "api-server"}), [], []),
    ]:
        outcome = helm.template(values)
        if outcome.code:
            found.append(f"{what}: {outcome.stderr.strip()}")
            continue
        rendered = objects(outcome.stdout)
        added = [rule for rule in rights(rendered) if rule not in rights(identity)]
        taken = [rule for rule in rights(identity) if rule not in rights(rendered)]
        found += [] if (added, taken) == (more, fewer) else [f"{what}: {added} more, {taken} fewer"]
    return found


def case(name: str) -> dict:
    return next(one for one in cases() if one["name"] == name)


def cases() -> list[dict]:
    return yaml.safe_load((HERE / "cases-control-plane.yaml").read_text())


def known(rendered: list[dict]) -> list[dict]:
    """Without the kinds of other projects, whose schemas are not at hand."""
    others = ("cert-manager.io/", "gateway.networking.k8s.io/", "monitoring.coreos.com/")
    return [item for item in rendered if not item["apiVersion"].startswith(others)]


def refusal_problems(helm: Helm, refusal: dict) -> list[str]:
    outcome = helm.template(merged(case("control-plane-dev")["values"], refusal["set"]))
    if outcome.code == 0:
        return ["was accepted"]
    return [] if refusal["says"] in outcome.stderr else [f"does not say {refusal['says']!r}: {outcome.stderr.strip()}"]


def stores_namespace_problems(helm: Helm) -> list[str]:
    outcome = helm.template(case("control-plane-dev")["values"], namespace="store-sendstores")
    return [] if outcome.code and "begins with store-" in outcome.stderr else [f"{outcome.code}: {outcome.stderr.strip()}"]


def check_case(report: Report, helm: Helm, one: dict, update: bool) -> None:
    label = f"{helm.version} {one['name']}"
    report.check(f"{label}: helm lint --strict", lambda: lint_problems(helm, one["values"]))
    outcome = helm.template(one["values"])
    report.check(f"{label}: renders", lambda: [outcome.stderr.strip()] if outcome.code else [])
    if outcome.code:
        return
    report.check(f"{label}: golden", lambda: golden.problems(HERE / "golden" / one["name"], outcome.stdout, update))
    rendered = objects(outcome.stdout)
    report.check(f"{label}: Kubernetes {KUBERNETES} schema", lambda: schema_problems(known(rendered)))
    for rule in RULES:
        report.check(f"{label}: {rule_name(rule)}", lambda: rule(rendered))
    for rule in [*server.RULES, *alerts.RULES, *dashboard.RULES] if one["values"] else [only_the_identity]:
        report.check(f"{label}: {rule_name(rule)}", lambda: rule(rendered))


def check_helm(report: Report, helm: Helm, update: bool) -> None:
    for one in cases():
        check_case(report, helm, one, update)
    identity = objects(helm.template({}).stdout)
    report.check(f"{helm.version}: only values change rights", lambda: only_values_change_rights(helm, identity))
    for refusal in yaml.safe_load((HERE / "refusals-control-plane.yaml").read_text()):
        report.check(f"{helm.version} refused: {refusal['name']}", lambda: refusal_problems(helm, refusal))
    report.check(f"{helm.version} refused: a namespace of stores", lambda: stores_namespace_problems(helm))


def lint_problems(helm: Helm, values: dict) -> list[str]:
    outcome = helm.lint(values)
    return [] if outcome.code == 0 else [outcome.stdout.strip(), outcome.stderr.strip()]


def check(report: Report, helms: list[str], chart: Path, update: bool) -> None:
    for rule in [*source.RULES, *readme.RULES]:
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
