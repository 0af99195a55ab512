"""The alerts of the control plane's chart, as Prometheus' own tool judges them. Each rule returns its problems as text."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent.parent
RELEASE = {"namespace": "sendstores-system", "service": "sendstores-metrics"}
# Of another control plane that the same Prometheus scrapes.
OTHER = RELEASE | {"service": "another-metrics"}


def groups(objects: list[dict]) -> list[dict]:
    return [group for item in objects if item["kind"] == "PrometheusRule" for group in item["spec"]["groups"]]


def rules(objects: list[dict]) -> dict[str, dict]:
    return {rule["alert"]: rule for group in groups(objects) for rule in group["rules"]}


def promtool(*argv: str) -> list[str]:
    if not shutil.which("promtool"):
        return ["promtool is missing: apt-get install prometheus"]
    done = subprocess.run(["promtool", *argv], capture_output=True, text=True, timeout=60)
    return [] if done.returncode == 0 else [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]


def labelled(series: dict[str, str], release: dict[str, str]) -> list[dict]:
    labels = ",".join(f'{name}="{value}"' for name, value in release.items())
    return [{"series": name.replace("{", "{" + labels + ",", 1), "values": str(values)} for name, values in series.items()]


def test(case: dict, rule: dict, series: dict[str, str], fires: bool, release: dict[str, str] = RELEASE) -> dict:
    given = release if "absent(" in rule["expr"] else {}
    labels = given | {"state": "READY"} if given else {}
    expected = {"exp_labels": labels | rule["labels"] | case.get("labels", {}), "exp_annotations": rule["annotations"]}
    ask = {"eval_time": case["after"], "alertname": case["alert"], "exp_alerts": [expected] if fires else []}
    return {"interval": "1m", "input_series": labelled(series, release), "alert_rule_test": [ask]}


def tests(case: dict, rule: dict) -> list[dict]:
    made = [test(case, rule, case["fires"], True)] + [test(case, rule, series, False) for series in case["quiet"]]
    if "absent(" not in rule["expr"]:
        made.append(test(case, rule, case["fires"], False, OTHER))
    return made


def prometheus_takes_the_alerts(objects: list[dict]) -> list[str]:
    if not groups(objects):
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text(yaml.safe_dump({"groups": groups(objects)}))
        return promtool("check", "rules", str(file))


def each_alert_fires_when_it_should(objects: list[dict]) -> list[str]:
    """And does not when it should not: alerts.yaml has the cases."""
    there, cases = rules(objects), yaml.safe_load((HERE / "alerts.yaml").read_text())
    if not there:
        return []
    names = [case["alert"] for case in cases]
    found = [f"{name}: no case in alerts.yaml" for name in there if name not in names]
    found += [f"{name}: the chart has no such alert" for name in names if name not in there]
    known = [case for case in cases if case["alert"] in there]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yaml").write_text(yaml.safe_dump({"groups": groups(objects)}))
        file = Path(folder) / "tests.yaml"
        made = [one for case in known for one in tests(case, there[case["alert"]])]
        file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": made}))
        return found + promtool("test", "rules", str(file))


RULES = [prometheus_takes_the_alerts, each_alert_fires_when_it_should]
