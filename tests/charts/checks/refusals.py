"""Values that must be refused, with a message that names the place and the reason."""

import re

from .helm import Helm, Outcome, merged

# helm 3 and helm 4 have different schema validators; this is what each kind looks like in both.
VIOLATIONS = {
    "pattern": r"does not match pattern",
    "length": r"maxLength: got|length must be less than or equal",
    "type": r"Invalid type|got \w+, want \w+",
    "missing": r"is required|missing propert",
    "unknown": r"additional propert(y|ies) .*not allowed",
    "enum": r"must be one of",
    "items": r"minItems: got|must have at least",
    "small": r"minimum: got|must be greater than or equal",
    "range": r"maximum: got|must be less than or equal",
}


def expected(refusal: dict) -> str:
    """One regular expression for a line of helm's message."""
    if "says" in refusal:
        return re.escape(refusal["says"])
    path = refusal["at"]
    helm3 = re.escape(path or "(root)")
    helm4 = re.escape("'" + ("/" + path.replace(".", "/") if path else "") + "'")
    return rf"({helm3}:|at {helm4}:).*({VIOLATIONS[refusal['because']]})"


def problems(helm: Helm, base: dict, refusal: dict) -> list[str]:
    values = merged(base["values"], refusal.get("set", {}), refusal.get("remove", []))
    outcome: Outcome = helm.template(
        base["environment"], values, refusal.get("release", "store"), base["values"]["store"]["id"])
    if outcome.code == 0:
        return ["was accepted"]
    if not re.search(expected(refusal), outcome.stderr, re.IGNORECASE):
        return [f"was refused, but not with /{expected(refusal)}/: {outcome.stderr.strip()}"]
    return []
