"""What this checkout says about itself: its version, its changes, its time, and the tools that it uses."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/sendstores/sendstores"


class Refused(Exception):
    """Nothing can be published like this, and why."""


def run(*argv: str | Path, **options) -> str:
    """What a program prints; it ends everything if it fails."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **options)
    if done.returncode:
        raise Refused(f"{Path(str(argv[0])).name} {' '.join(map(str, argv[1:3]))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def tool(name: str) -> str:
    return run(ROOT / "scripts/tool", name).splitlines()[-1]


def cache() -> Path:
    """As scripts/lib.sh has it."""
    given = os.environ.get("SENDSTORES_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sendstores"


def helm() -> str:
    return os.environ.get("SENDSTORES_HELM") or run(ROOT / "tests/charts/helm4").splitlines()[-1]


def version() -> str:
    """The one version: of the crates, the charts and the images."""
    table = (ROOT / "Cargo.toml").read_text().partition("[workspace.package]")[2].partition("\n[")[0]
    return re.search(r'^version = "(.*)"$', table, re.M)[1]


def pin(name: str) -> str:
    """A version that images/pins names."""
    return re.search(rf"^{name}=(.*)$", (ROOT / "images/pins").read_text(), re.M)[1]


def time() -> int:
    """The time of everything that is packed, in seconds: that of the commit, so that the same commit gives the same bytes."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or run("git", "-C", ROOT, "log", "-1", "--format=%ct"))


def artifacthub_id(chart: str) -> str:
    """The id that Artifact Hub has given to the repository of a chart; it proves to it whose that is."""
    return os.environ.get(f"ARTIFACTHUB_ID_{chart.upper()}", "")


def contradictions(tag: str | None) -> list[str]:
    """Where this checkout does not say its version, or not the tag's."""
    number, found = version(), []
    for chart in ("sendstores", "woocommerce"):
        text = (ROOT / f"charts/{chart}/Chart.yaml").read_text()
        said = re.search(r"^version: (.*)$", text, re.M)[1]
        found += [] if said == number else [f"charts/{chart}/Chart.yaml has the version {said}, and Cargo.toml {number}"]
    said = re.search(r"^appVersion: (.*)$", (ROOT / "charts/sendstores/Chart.yaml").read_text(), re.M)[1]
    found += [] if said == number else [f"charts/sendstores/Chart.yaml has the appVersion {said}, and Cargo.toml {number}"]
    for crate, said in re.findall(r'^(sendstores-\w+) = { path = .* version = "(.*?)"', (ROOT / "Cargo.toml").read_text(), re.M):
        found += [] if said == number else [f"Cargo.toml asks for {crate} {said}, and its version is {number}"]
    if tag is not None:
        found += [] if tag == f"v{number}" else [f"the tag {tag} is not v{number}"]
        found += [] if changes(number) else [f"CHANGELOG.md has no section \"## {number}\""]
    return found


def changes(number: str) -> str:
    """The section of a version in CHANGELOG.md, without its heading; empty if there is none."""
    for section in re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)[1:]:
        heading, _, text = section.partition("\n")
        if heading.split()[0] == number:
            return text.strip()
    return ""


def sentences(text: str, headings: list[str] | None) -> list[str]:
    """The first sentence of each entry of a section, as plain text; of the entries below these headings, where some are named."""
    found, heading = [], ""
    for block in re.split(r"\n(?=- |### )|\n\n", text):
        if block.startswith("### "):
            heading = block[4:].strip()
        elif block.startswith("- ") and (headings is None or heading in headings):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block[2:].split()))
            found.append(re.split(r"(?<=[\w)`*])[.](?=\s|$)", plain)[0].replace("**", "").replace("`", "").rstrip("."))
    return found
