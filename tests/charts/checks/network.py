"""What the network policies must say, read from the rendered objects."""

import ipaddress
from collections.abc import Iterator

# Never part of "the internet": other tenants, nodes, the API server, cloud metadata.
PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"]


def policies(objects: list[dict]) -> dict[str, dict]:
    return {item["metadata"]["name"]: item["spec"] for item in objects if item["kind"] == "NetworkPolicy"}


def rules(policy: dict) -> Iterator[tuple[list, list]]:
    """(peers, ports) of each rule in both directions."""
    for rule in policy.get("ingress", []):
        yield rule.get("from"), rule.get("ports")
    for rule in policy.get("egress", []):
        yield rule.get("to"), rule.get("ports")


def each_pod_has_a_closed_policy(objects: list[dict]) -> list[str]:
    found = []
    for name in ("mysql", "wordpress"):
        policy = policies(objects).get(name)
        if not policy:
            found.append(f"no policy {name}")
        elif sorted(policy["policyTypes"]) != ["Egress", "Ingress"]:
            found.append(f"{name}: closes only {policy['policyTypes']}")
    return found


def no_rule_means_everybody(objects: list[dict]) -> list[str]:
    found = []
    for name, policy in policies(objects).items():
        for peers, ports in rules(policy):
            if not peers or not ports:
                found.append(f"{name}: a rule without peers or ports")
            for peer in peers or []:
                if not any(peer.values()):
                    found.append(f"{name}: a peer without a selector")
                if "namespaceSelector" in peer and not peer["namespaceSelector"].get("matchLabels"):
                    found.append(f"{name}: a peer in every namespace")
    return found


def database_serves_the_application_alone(objects: list[dict]) -> list[str]:
    policy = policies(objects)["mysql"]
    peers = [peer for rule in policy["ingress"] for peer in rule["from"]]
    names = [peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name") for peer in peers]
    found = [] if names == ["wordpress"] and all(set(peer) == {"podSelector"} for peer in peers) else [f"peers {peers}"]
    found += [f"ports {rule['ports']}" for rule in policy["ingress"] if rule["ports"] != [{"protocol": "TCP", "port": 3306}]]
    return found + (["the database may call out"] if policy.get("egress") else [])


def application_finds_dns_and_database(objects: list[dict]) -> list[str]:
    egress = policies(objects)["wordpress"]["egress"]
    found = []
    dns_ports = [[{"protocol": "UDP", "port": port}, {"protocol": "TCP", "port": port}] for port in (53, 5353)]
    dns_pods = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    if not any(dns_pods in rule["to"] and rule["ports"] in dns_ports for rule in egress):
        found.append("no way to the cluster's DNS")
    database = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "mysql", "app.kubernetes.io/instance": "store"}}}
    if not any(rule["to"] == [database] and rule["ports"] == [{"protocol": "TCP", "port": 3306}] for rule in egress):
        found.append("no way to the database")
    return found


def backups_reach_database_and_repository_alone(objects: list[dict]) -> list[str]:
    """With a way to a repository. The application has no such way."""
    by_name, found = policies(objects), []
    if "backup" not in by_name:
        return ["the database lets a Job in that is closed otherwise"] if "mysql-backup" in by_name else []
    jobs = {"matchLabels": {"app.kubernetes.io/name": "backup", "app.kubernetes.io/instance": "store"}}
    database = {"podSelector": {"matchLabels": jobs["matchLabels"] | {"app.kubernetes.io/name": "mysql"}}}
    job, door = by_name["backup"], by_name["mysql-backup"]
    labels = {item["metadata"]["labels"]["app.kubernetes.io/component"] for item in objects
              if item["metadata"]["name"] in ("backup", "mysql-backup")}
    found += [] if labels == {"backup"} else [f"components {labels}"]
    found += [] if job["podSelector"] == jobs and sorted(job["policyTypes"]) == ["Egress", "Ingress"] and not job.get("ingress") else ["the Job is open"]
    inside = [rule for rule in job["egress"] if rule["to"] == [database]]
    found += [] if [rule["ports"] for rule in inside] == [[{"protocol": "TCP", "port": 3306}]] else ["no way to the database"]
    wanted = [{"from": [{"podSelector": jobs}], "ports": [{"protocol": "TCP", "port": 3306}]}]
    found += [] if door["ingress"] == wanted and door["podSelector"] == database["podSelector"] else [f"the database lets in {door['ingress']}"]
    shared = [rule for rule in job["egress"] if rule in by_name["wordpress"]["egress"] and "ipBlock" in rule["to"][0]]
    return found + [f"the application reaches {rule['to']}, too" for rule in shared]


def internet_is_never_the_inside(objects: list[dict]) -> list[str]:
    found = []
    for name, policy in policies(objects).items():
        for rule in policy.get("egress", []):
            for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
                network = ipaddress.ip_network(block["cidr"])
                if network.prefixlen:
                    continue
                excepted = [ipaddress.ip_network(cidr) for cidr in block.get("except", [])]
                inside = [ipaddress.ip_network(cidr) for cidr in PRIVATE]
                found += [f"{name}: {network} includes {private}" for private in inside
                          if private.version == network.version and private not in excepted]
    return found


def closed_store_lets_no_ingress_in(objects: list[dict]) -> list[str]:
    if any(item["kind"] == "Ingress" for item in objects):
        return []
    policy = policies(objects)["wordpress"]
    return ["the ingress controller is let in before the store is open"] if policy.get("ingress") else []


RULES = [each_pod_has_a_closed_policy, no_rule_means_everybody, database_serves_the_application_alone,
         application_finds_dns_and_database, backups_reach_database_and_repository_alone, internet_is_never_the_inside, closed_store_lets_no_ingress_in]
