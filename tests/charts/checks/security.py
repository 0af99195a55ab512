"""What the rendered objects must never do. Each rule returns its problems as text."""

from collections.abc import Iterator

ALLOWED_KINDS = {"Deployment", "StatefulSet", "Service", "ServiceAccount", "Ingress", "NetworkPolicy",
                 "PersistentVolumeClaim", "PodDisruptionBudget"}
ALLOWED_VOLUMES = {"emptyDir", "persistentVolumeClaim", "secret"}
SALTS = {f"{use}-{kind}" for use in ("auth", "secure-auth", "logged-in", "nonce") for kind in ("key", "salt")}
# The application must not read the administrator's password or the database's root password.
SECRET_KEYS = {"mysql": {"db-password", "db-root-password"}, "wordpress": {"db-password"} | SALTS}


def pods(objects: list[dict]) -> Iterator[tuple[str, dict]]:
    for item in objects:
        template = item.get("spec", {}).get("template") if isinstance(item.get("spec"), dict) else None
        if template:
            yield item["metadata"]["name"], template["spec"]


def containers(spec: dict) -> Iterator[dict]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(group, [])


def only_known_kinds(objects: list[dict]) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']} does not belong into a store's release"
            for item in objects if item["kind"] not in ALLOWED_KINDS]


def pods_are_restricted(objects: list[dict]) -> list[str]:
    """The fields of Pod Security "restricted" that are set on the pod."""
    found = []
    for name, spec in pods(objects):
        context = spec.get("securityContext", {})
        wanted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        found += [f"{name}: securityContext.{key} is {context.get(key)}, not {value}"
                  for key, value in wanted.items() if context.get(key) != value]
        found += [f"{name}: securityContext.{key} must name a user of its own"
                  for key in ("runAsUser", "runAsGroup", "fsGroup") if not context.get(key)]
        found += [f"{name}: {key} is set" for key in ("hostNetwork", "hostPID", "hostIPC", "nodeName") if spec.get(key)]
    return found


def containers_are_restricted(objects: list[dict]) -> list[str]:
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    found = []
    for name, spec in pods(objects):
        for container in containers(spec):
            context = container.get("securityContext", {})
            found += [f"{name}: securityContext.{key} is {context.get(key)}, not {value}"
                      for key, value in wanted.items() if context.get(key) != value]
            found += [f"{name}: securityContext.{key} does not belong here" for key in context if key not in wanted]
            found += [f"{name}: hostPort" for port in container.get("ports", []) if "hostPort" in port]
    return found


def no_service_account_token(objects: list[dict]) -> list[str]:
    found = [f"{name}: {key} is not false" for name, spec in pods(objects)
             for key in ("automountServiceAccountToken", "enableServiceLinks") if spec.get(key) is not False]
    found += [f"{name}: account {spec.get('serviceAccountName')}" for name, spec in pods(objects)
              if spec.get("serviceAccountName") != "store"]
    return found + [f"ServiceAccount {item['metadata']['name']}: token is mounted" for item in objects
                    if item["kind"] == "ServiceAccount" and item.get("automountServiceAccountToken") is not False]


def volumes_are_harmless(objects: list[dict]) -> list[str]:
    found = []
    for name, spec in pods(objects):
        for volume in spec.get("volumes", []):
            kinds = set(volume) - {"name"}
            if not kinds <= ALLOWED_VOLUMES:
                found.append(f"{name}: volume {volume['name']} is {', '.join(sorted(kinds))}")
            if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
                found.append(f"{name}: volume {volume['name']} has no size limit")
    return found


def secrets_are_files_by_key(objects: list[dict]) -> list[str]:
    found = []
    for name, spec in pods(objects):
        secrets = [(volume["name"], volume["secret"]) for volume in spec.get("volumes", []) if "secret" in volume]
        for volume, secret in secrets:
            keys = {item["key"] for item in secret.get("items", [])}
            # The mail relay's password, by whatever key an operator keeps it.
            if volume == "mail" and name == "wordpress" and [item["path"] for item in secret.get("items", [])] == ["password"]:
                keys = SECRET_KEYS[name]
            if keys != SECRET_KEYS[name]:
                found.append(f"{name}: mounts the keys {sorted(keys)} of {secret['secretName']}")
            if secret.get("defaultMode") != 0o440:
                found.append(f"{name}: secret files have mode {secret.get('defaultMode')}")
        for container in containers(spec):
            found += [f"{name}: envFrom"] if "envFrom" in container else []
            found += [f"{name}: environment {variable['name']} comes from elsewhere"
                      for variable in container.get("env", []) if "valueFrom" in variable]
    return found


def containers_state_resources(objects: list[dict]) -> list[str]:
    found = []
    for name, spec in pods(objects):
        for container in containers(spec):
            resources = container.get("resources", {})
            found += [f"{name}: no {side}.{what}" for side in ("requests", "limits")
                      for what in ("cpu", "memory") if what not in resources.get(side, {})]
    return found


def services_are_internal(objects: list[dict]) -> list[str]:
    return [f"Service {item['metadata']['name']} is {item['spec']['type']}" for item in objects
            if item["kind"] == "Service" and item["spec"].get("type", "ClusterIP") != "ClusterIP"]


RULES = [only_known_kinds, pods_are_restricted, containers_are_restricted, no_service_account_token, volumes_are_harmless,
         secrets_are_files_by_key, containers_state_resources, services_are_internal]
