"""Runs helm as the control plane does: files first, the store's values on standard input."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

# The version the local cluster runs, so that a helm built with another default renders the same.
KUBERNETES = "1.36.3"

IMAGES = {
    "woocommerce": {"repository": "registry.example.com/sendstores/woocommerce", "tag": "0123456789ab"},
    "mysql": {"repository": "registry.example.com/sendstores/mysql", "tag": "ba9876543210"},
}


@dataclass
class Outcome:
    code: int
    stdout: str
    stderr: str


class Helm:
    def __init__(self, program: str, chart: Path):
        self.program = program
        self.chart = chart
        self.version = self._run(["version", "--template", "{{.Version}}"], "").stdout.strip()

    def template(self, environment: str, values: dict, release: str = "store", namespace: str | None = None) -> Outcome:
        namespace = namespace or values["store"]["id"]
        return self._with_values("template", [release], environment, values, namespace)

    def lint(self, environment: str, values: dict) -> Outcome:
        return self._with_values("lint", ["--strict"], environment, values, values["store"]["id"])

    def _with_values(self, command: str, options: list[str], environment: str, values: dict, namespace: str) -> Outcome:
        store = {key: value for key, value in values.items() if key != "images"}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as images:
            yaml.safe_dump({"images": values["images"]}, images)
            images.flush()
            argv = [command, *options, str(self.chart), "--namespace", namespace, "--kube-version", KUBERNETES,
                    "-f", str(self.chart / f"values-{environment}.yaml"), "-f", images.name, "-f", "-"]
            return self._run(argv, json.dumps(store))

    def _run(self, argv: list[str], stdin: str) -> Outcome:
        done = subprocess.run([self.program, *argv], input=stdin, capture_output=True, text=True, timeout=60)
        return Outcome(done.returncode, done.stdout, done.stderr)


def objects(rendered: str) -> list[dict]:
    return [document for document in yaml.safe_load_all(rendered) if document]


def merged(values: dict, changes: dict, removed: list[str] = ()) -> dict:
    """A copy of values with dotted paths set and removed; None stays, as helm's way to drop a default."""
    copy = json.loads(json.dumps(values))
    for path, value in changes.items():
        parent, last = _parent(copy, path)
        parent[last] = value
    for path in removed:
        parent, last = _parent(copy, path)
        del parent[last]
    return copy


def _parent(values: dict, path: str) -> tuple[dict, str]:
    *parents, last = path.split(".")
    for key in parents:
        values = values.setdefault(key, {})
    return values, last
