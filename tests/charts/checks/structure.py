"""Names, labels, probes and relations the control plane relies on."""

import copy
import re
from pathlib import Path

from .security import containers, pods

APACHE = Path(__file__).parents[3] / "images/woocommerce/rootfs/etc/apache2/sendstores.conf"
# What a pod that is going does while it still takes requests, and the fallback of an image without it.
LEAVE = APACHE.parents[2] / "usr/local/bin/leave"
PRE_STOP = {"exec": {"command": ["/bin/bash", "-c", "if command -v leave >/dev/null; then exec leave; fi; exec sleep 5"]}}
COMPONENTS = {"mysql": "database", "wordpress": "application"}


def by_kind(objects: list[dict], kind: str) -> dict[str, dict]:
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def objects_say_whose_they_are(objects: list[dict]) -> list[str]:
    found = []
    for item in objects:
        metadata = item["metadata"]
        name = f"{item['kind']} {metadata['name']}"
        labels = metadata.get("labels", {})
        if labels.get("sendstores.dev/store") != metadata.get("namespace"):
            found.append(f"{name}: label sendstores.dev/store is not the namespace")
        found += [f"{name}: no label {key}" for key in
                  ("sendstores.dev/uid", "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of") if not labels.get(key)]
    return found


def pods_have_the_agreed_labels(objects: list[dict]) -> list[str]:
    found = []
    for kind, name in (("StatefulSet", "mysql"), ("Deployment", "wordpress")):
        item = by_kind(objects, kind).get(name)
        if not item:
            found.append(f"no {kind} {name}")
            continue
        labels = item["spec"]["template"]["metadata"]["labels"]
        wanted = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": COMPONENTS[name],
                  "app.kubernetes.io/part-of": "sendstores", "app.kubernetes.io/instance": "store"}
        found += [f"{name}: label {key} is {labels.get(key)}" for key, value in wanted.items() if labels.get(key) != value]
        if [container["name"] for container in item["spec"]["template"]["spec"]["containers"]] != [name]:
            found.append(f"{name}: the container has another name")
    return found


def selectors_match_their_pods(objects: list[dict]) -> list[str]:
    found = []
    templates = {item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"]
                 for item in objects if item["kind"] in ("Deployment", "StatefulSet")}
    # Pods of Jobs that the control plane makes, and what they open of the database.
    templates |= {"backup": {"app.kubernetes.io/name": "backup", "app.kubernetes.io/instance": "store"}, "mysql-backup": templates["mysql"]}
    for item in objects:
        spec, name = item.get("spec") or {}, item["metadata"]["name"]
        key = {"Service": "selector", "NetworkPolicy": "podSelector"}.get(item["kind"], "selector")
        selector = spec.get(key)
        if selector is None or item["kind"] not in ("Deployment", "StatefulSet", "Service", "NetworkPolicy", "PodDisruptionBudget"):
            continue
        labels = selector.get("matchLabels", selector)
        if not labels or not labels.items() <= templates[name].items():
            found.append(f"{item['kind']} {name}: selects other pods than {name}")
    return found


def services_have_the_agreed_ports(objects: list[dict]) -> list[str]:
    services = by_kind(objects, "Service")
    ports = {name: [(port["name"], port["port"], port["targetPort"]) for port in service["spec"]["ports"]]
             for name, service in services.items()}
    wanted = {"mysql": [("mysql", 3306, "mysql")], "wordpress": [("http", 80, "http")]}
    return [] if ports == wanted else [f"ports are {ports}"]


def data_outlive_the_release(objects: list[dict]) -> list[str]:
    found = []
    database = by_kind(objects, "StatefulSet")["mysql"]["spec"]
    if database.get("persistentVolumeClaimRetentionPolicy", {}).get("whenDeleted") != "Retain":
        found.append("mysql: removing the StatefulSet removes its volume")
    if [claim["metadata"]["name"] for claim in database["volumeClaimTemplates"]] != ["data"]:
        found.append("mysql: the claim is not named data")
    claim = by_kind(objects, "PersistentVolumeClaim").get("wp-content", {"metadata": {}})
    if claim["metadata"].get("annotations", {}).get("helm.sh/resource-policy") != "keep":
        found.append("wp-content: helm uninstall removes the volume")
    return found


OWN_NODE = {"topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "wordpress", "app.kubernetes.io/instance": "store"}}}


def own_node_terms(spec: dict) -> list[dict]:
    """What a pod's affinity requires of other pods on its node."""
    return spec.get("affinity", {}).get("podAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", [])


def an_update_closes_no_shop(objects: list[dict]) -> list[str]:
    """One pod of each; a second one of the application during an update only, on the node that has the volume."""
    found = [f"{item['metadata']['name']}: {item['spec']['replicas']} replicas" for item in objects
             if item["kind"] in ("Deployment", "StatefulSet") and item["spec"]["replicas"] != 1]
    deployment = by_kind(objects, "Deployment")["wordpress"]["spec"]
    pod, strategy = deployment["template"]["spec"], deployment["strategy"]
    same_node = OWN_NODE in own_node_terms(pod)
    if strategy == {"type": "Recreate"}:
        return found + (["wordpress: bound to its own node without need"] if same_node else [])
    if strategy != {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}:
        found.append(f"wordpress: strategy {strategy}")
    if not same_node:
        found.append("wordpress: a second pod may start on a node without the volume")
    if pod["containers"][0].get("lifecycle", {}).get("preStop") != PRE_STOP:
        found.append("wordpress: ends before the Ingress controller knows")
    return found


def a_corrected_database_pod_replaces_one_that_is_not_ready(objects: list[dict]) -> list[str]:
    policy = by_kind(objects, "StatefulSet")["mysql"]["spec"].get("podManagementPolicy")
    return [] if policy == "Parallel" else [f"mysql: podManagementPolicy {policy}"]


def pods_are_placed_alike(objects: list[dict]) -> list[str]:
    """What the environment says of nodes, priority and registries holds for both pods."""
    keys = ("imagePullSecrets", "priorityClassName", "nodeSelector", "tolerations", "affinity")
    placed = {name: {key: spec.get(key) for key in keys} for name, spec in pods(objects)}
    placed["wordpress"]["affinity"] = without_own_node(placed["wordpress"]["affinity"])
    found = [f"{placed}"] if len({str(place) for place in placed.values()}) != 1 else []
    extra = {}
    for kind, name in (("StatefulSet", "mysql"), ("Deployment", "wordpress")):
        metadata = by_kind(objects, kind)[name]["spec"]["template"]["metadata"]
        own = ("app.kubernetes.io/", "sendstores.dev/")
        labels = {key: value for key, value in metadata["labels"].items() if not key.startswith(own)}
        extra[name] = (labels, metadata.get("annotations"))
    return found + ([f"{extra}"] if extra["mysql"] != extra["wordpress"] else [])


def without_own_node(affinity: dict | None) -> dict | None:
    """The affinity of the environment's values."""
    affinity = copy.deepcopy(affinity) or {}
    required = own_node_terms({"affinity": affinity})
    if OWN_NODE in required:
        required.remove(OWN_NODE)
    if affinity.get("podAffinity") == {"requiredDuringSchedulingIgnoredDuringExecution": []}:
        del affinity["podAffinity"]
    return affinity or None


def probes_are_fast_at_start_and_seldom_later(objects: list[dict]) -> list[str]:
    found = []
    for name, spec in pods(objects):
        for container in containers(spec):
            for probe, most, least in (("startupProbe", 1, 1), ("readinessProbe", 15, 5), ("livenessProbe", 60, 10)):
                period = container.get(probe, {}).get("periodSeconds")
                if period is None or not least <= period <= most:
                    found.append(f"{name}: {probe} every {period} s")
    return found


def pods_stop_soon(objects: list[dict]) -> list[str]:
    found = []
    for name, spec in pods(objects):
        grace = spec.get("terminationGracePeriodSeconds", 0)
        # Apache ends the requests under way before the pod is killed.
        least, most = (leaving_seconds() + graceful_seconds() + 1, 45) if name == "wordpress" else (1, 30)
        if not least <= grace <= most:
            found.append(f"{name}: terminationGracePeriodSeconds {grace}, not {least} to {most}")
    return found


def leaving_seconds() -> int:
    """For how long a pod that is going takes requests at most."""
    [seconds] = re.findall(r"^readonly least=\d+ quiet=\d+ most=(\d+)$", LEAVE.read_text(), re.MULTILINE)
    return int(seconds)


def graceful_seconds() -> int:
    """For how long the image's web server goes on with requests after it was told to stop."""
    [seconds] = re.findall(r"^GracefulShutdownTimeout (\d+)$", APACHE.read_text(), re.MULTILINE)
    return int(seconds)


def ingress_leads_to_the_application(objects: list[dict]) -> list[str]:
    found = []
    for name, item in by_kind(objects, "Ingress").items():
        for rule in item["spec"]["rules"]:
            backends = [path["backend"]["service"] for path in rule["http"]["paths"]]
            if backends != [{"name": "wordpress", "port": {"name": "http"}}] or not rule.get("host"):
                found.append(f"{name}: {rule}")
        for tls in item["spec"].get("tls", []):
            if not tls.get("secretName") or tls["hosts"] != [rule["host"] for rule in item["spec"]["rules"]]:
                found.append(f"{name}: tls {tls}")
    return found


RULES = [objects_say_whose_they_are, pods_have_the_agreed_labels, selectors_match_their_pods, services_have_the_agreed_ports,
         data_outlive_the_release, an_update_closes_no_shop, a_corrected_database_pod_replaces_one_that_is_not_ready, pods_are_placed_alike, probes_are_fast_at_start_and_seldom_later, pods_stop_soon,
         ingress_leads_to_the_application]
