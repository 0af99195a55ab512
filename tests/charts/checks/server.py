"""What the server of the control plane's chart must be, as it is rendered. Each rule returns its problems as text."""

import re
from pathlib import Path

from .security import containers, containers_are_restricted, containers_state_resources, pods, pods_are_restricted

ROOT = Path(__file__).resolve().parents[3]
SERVER = {"app.kubernetes.io/name": "sendstores", "app.kubernetes.io/instance": "sendstores",
          "app.kubernetes.io/component": "control-plane"}


def _deployment(objects: list[dict]) -> dict:
    return next(item for item in objects if item["kind"] == "Deployment")


def _environment(objects: list[dict]) -> dict[str, dict]:
    container = _deployment(objects)["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable for variable in container["env"]}


def a_rolling_update_never_takes_a_replica_first(objects: list[dict]) -> list[str]:
    strategy = _deployment(objects)["spec"]["strategy"].get("rollingUpdate", {})
    return [] if strategy.get("maxUnavailable") == 0 else [f"rollingUpdate {strategy}"]


def a_pod_has_time_to_end(objects: list[dict]) -> list[str]:
    spec = _deployment(objects)["spec"]["template"]["spec"]
    sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(_environment(objects)["SENDSTORES_DRAIN_TIMEOUT"]["value"].removesuffix("s"))
    grace = spec["terminationGracePeriodSeconds"]
    return [] if grace >= sleep + drain + 10 else [f"{grace} s for {sleep} s and a drain of {drain} s"]


def probes_ask_the_admin_port(objects: list[dict]) -> list[str]:
    container = _deployment(objects)["spec"]["template"]["spec"]["containers"][0]
    wanted = {"livenessProbe": "/livez", "readinessProbe": "/readyz"}
    return [f"{probe} {container[probe]}" for probe, path in wanted.items()
            if container[probe].get("httpGet") != {"path": path, "port": "admin"}]


def only_the_server_has_a_token(objects: list[dict]) -> list[str]:
    found = []
    for item in objects:
        if item["kind"] not in ("Deployment", "StatefulSet"):
            continue
        spec = item["spec"]["template"]["spec"]
        if spec["automountServiceAccountToken"] is not (item["kind"] == "Deployment"):
            found.append(f"{item['kind']}: automountServiceAccountToken {spec['automountServiceAccountToken']}")
        found += [f"{item['kind']}: service links"] if spec.get("enableServiceLinks") is not False else []
    return found


def passwords_come_from_secrets(objects: list[dict]) -> list[str]:
    found = [f"a {item['kind']} is made" for item in objects if item["kind"] == "Secret"]
    environment = _environment(objects)
    url = environment["SENDSTORES_REDIS_URL"]
    if "valueFrom" not in url and "$(SENDSTORES_REDIS_PASSWORD)@" not in url["value"]:
        found.append(f"the URL of Redis is {url}")
    if "SENDSTORES_REDIS_PASSWORD" in environment and "secretKeyRef" not in environment["SENDSTORES_REDIS_PASSWORD"].get("valueFrom", {}):
        found.append("the password of Redis is a value")
    return found


def a_port_without_protection_says_so(objects: list[dict]) -> list[str]:
    """What the server refuses by itself, seen before it is started."""
    environment, found = _environment(objects), []
    if ("SENDSTORES_TLS_CERT" in environment) == ("SENDSTORES_ALLOW_PLAINTEXT" in environment):
        found.append("the gRPC port: TLS or the flag that says otherwise")
    url = environment["SENDSTORES_REDIS_URL"].get("value", "")
    if url and url.startswith("rediss://") == ("SENDSTORES_ALLOW_PLAINTEXT_REDIS" in environment):
        found.append("Redis: TLS or the flag that says otherwise")
    return found


def every_path_is_mounted(objects: list[dict]) -> list[str]:
    spec = _deployment(objects)["spec"]["template"]["spec"]
    mounted = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    volumes = {volume["name"] for volume in spec["volumes"]}
    found = [f"{path}: no volume {name}" for path, name in mounted.items() if name not in volumes]
    for name, variable in _environment(objects).items():
        for path in variable.get("value", "").split(","):
            # A file of a volume, or a folder that is one.
            if path.startswith("/etc/sendstores/") and not {path, path.rpartition("/")[0]} & set(mounted):
                found.append(f"{name}: {path} is not mounted")
    return found


def whoever_selects_means_the_server(objects: list[dict]) -> list[str]:
    """Services, budget, spread and policies find the server's pods, and no other of the release."""
    labels = {item["kind"]: item["spec"]["template"]["metadata"]["labels"] for item in objects
              if item["kind"] in ("Deployment", "StatefulSet")}
    found = []
    for item in objects:
        spec, name = item.get("spec", {}), item["metadata"]["name"]
        selector = {"Service": spec.get("selector"), "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels"),
                    "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels") if item["kind"] == "PodDisruptionBudget" else None}
        selector = selector.get(item["kind"])
        if not selector:
            continue
        hit = {kind for kind, own in labels.items() if selector.items() <= own.items()}
        wanted = {"StatefulSet"} if name.endswith("-redis") else {"Deployment"}
        found += [] if hit == wanted else [f"{item['kind']} {name} selects {sorted(hit)}"]
    return found


def redis_loses_nothing_and_lets_nobody_else_in(objects: list[dict]) -> list[str]:
    found = []
    for item in objects:
        if item["kind"] == "StatefulSet":
            start = item["spec"]["template"]["spec"]["containers"][0]["args"][0]
            found += [f"no {setting!r}" for setting in ("appendonly yes", "appendfsync always", "aof-load-truncated no",
                      "maxmemory-policy noeviction", "user default reset off ~* &* +@all", "user sendstores reset on #$digest ~{")
                      if setting not in start]
        if item["kind"] == "NetworkPolicy" and item["metadata"]["name"].endswith("-redis"):
            peers = [peer for rule in item["spec"]["ingress"] for peer in rule["from"]]
            found += [] if peers == [{"podSelector": {"matchLabels": SERVER}}] else [f"lets in {peers}"]
    return found


def images_are_named(objects: list[dict]) -> list[str]:
    return [f"{name}: image {container['image']}" for name, spec in pods(objects) for container in containers(spec)
            if not container["image"].rpartition("/")[2].partition(":")[2]]


def _alerts(objects: list[dict]) -> list[dict]:
    groups = [group for item in objects if item["kind"] == "PrometheusRule" for group in item["spec"]["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def families() -> set[str]:
    """The families of the table in docs/operations.md, which a test compares with the server."""
    return set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram) \|", (ROOT / "docs/operations.md").read_text(), re.M))


def used_families(query: str) -> list[str]:
    """Those that a query names; the series of a histogram have the name of their family and a suffix."""
    return [re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:sendstores|process)_\w+", query)]


def alerts_ask_for_metrics_that_there_are(objects: list[dict]) -> list[str]:
    alerts = _alerts(objects)
    known = families() if alerts else set()
    return [f"{alert['alert']}: the server has no {name}" for alert in alerts for name in used_families(alert["expr"])
            if name not in known]


def alerts_lead_to_a_section_of_the_operations(objects: list[dict]) -> list[str]:
    """A heading's anchor: lower case, without punctuation, words joined by hyphens."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs/operations.md").read_text(), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return [f"{alert['alert']}: no section {alert['annotations']['runbook_url'].partition('#')[2]}" for alert in _alerts(objects)
            if alert["annotations"]["runbook_url"].partition("#")[2] not in anchors]


RULES = [pods_are_restricted, containers_are_restricted, containers_state_resources,
         a_rolling_update_never_takes_a_replica_first, a_pod_has_time_to_end, probes_ask_the_admin_port,
         only_the_server_has_a_token, passwords_come_from_secrets, a_port_without_protection_says_so, every_path_is_mounted,
         whoever_selects_means_the_server, redis_loses_nothing_and_lets_nobody_else_in, images_are_named,
         alerts_ask_for_metrics_that_there_are, alerts_lead_to_a_section_of_the_operations]
