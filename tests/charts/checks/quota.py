"""What a store needs of a ResourceQuota, an update and a backup at once included, summed from the rendered objects."""

import re
from fractions import Fraction
from pathlib import Path

from .security import containers, pods

UNITS = {"": 1, "m": Fraction(1, 1000), "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
FIELDS = ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "pods", "persistentvolumeclaims",
          "requests.storage", "services"]
# The Job of a backup, which the control plane makes.
BACKUP = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


def quantity(text: str) -> Fraction:
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return Fraction(number) * UNITS[unit]


def totals(objects: list[dict]) -> dict[str, Fraction]:
    sums = dict.fromkeys(FIELDS, Fraction(0))
    surge = {item["metadata"]["name"]: item["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
             for item in objects if item["kind"] == "Deployment"}
    for name, spec in pods(objects):
        at_once = 1 + surge.get(name, 0)
        sums["pods"] += at_once
        for container in containers(spec):
            for side in ("requests", "limits"):
                for what, amount in container["resources"][side].items():
                    sums[f"{side}.{what}"] += at_once * quantity(amount)
    sums["pods"] += 1
    for side, amounts in BACKUP.items():
        for what, amount in amounts.items():
            sums[f"{side}.{what}"] += quantity(amount)
    claims = [item for item in objects if item["kind"] == "PersistentVolumeClaim"]
    claims += [claim for item in objects for claim in (item.get("spec") or {}).get("volumeClaimTemplates", [])]
    for claim in claims:
        sums["persistentvolumeclaims"] += 1
        sums["requests.storage"] += quantity(claim["spec"]["resources"]["requests"]["storage"])
    sums["services"] += sum(item["kind"] == "Service" for item in objects)
    return sums


def documented(values_file: Path) -> dict[str, Fraction]:
    """The "name amount" pairs in the file's comments."""
    comments = "\n".join(line for line in values_file.read_text().splitlines() if line.startswith("#"))
    return {name: quantity(amount) for name, amount in
            re.findall(rf"\b({'|'.join(map(re.escape, FIELDS))}) ([0-9.]+[A-Za-z]*)(?=\s|$)", comments)}


def text(sums: dict[str, Fraction]) -> str:
    def show(name: str, amount: Fraction) -> str:
        if name.endswith(("memory", "storage")):
            return f"{amount / 2**20}Mi"
        return str(amount) if amount.denominator == 1 else f"{amount * 1000}m"
    return "  ".join(f"{name}={show(name, amount)}" for name, amount in sums.items())
