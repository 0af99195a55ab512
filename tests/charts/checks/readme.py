"""The table of values in a chart's README.md, which is made from the comments of values.yaml."""

import json
import os
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
BEGIN, END = "<!-- values -->\n", "<!-- /values -->"


def rows(text: str) -> list[tuple[str, str, str]]:
    """Dotted path, default, and the comment above or beside it, of every line of a values file that has a key."""
    found, path, above = [], [], []
    for line in text.splitlines():
        if said := re.match(r"( *)# ?(.*)", line):
            above.append((said[1], said[2]))
        elif key := re.match(r"( *)([A-Za-z][\w./-]*):(?: +([^#]*?))?(?: +# ?(.*))?$", line):
            path = path[:len(key[1]) // 2] + [key[2]]
            # A comment that is indented further shows what the key before could have.
            own = [words for indent, words in above if indent == key[1]] + [key[4] or ""]
            found.append((".".join(path), key[3] or "", prose(own)))
            above = []
        else:
            above = []
    return found


def prose(comment: list[str]) -> str:
    """The lines of a comment as one cell of a table: what is indented begins a line, and examples are left out."""
    text = ""
    for words in comment:
        indent, said = len(words) - len(words.lstrip()), " ".join(words.split())
        if indent and re.match(r"- |\S+: ", said):
            continue
        text += ("<br>" if 0 < indent < 6 else " ") + said.replace("|", "\\|").replace("<", "&lt;")
    return text.strip()


def table(text: str) -> str:
    lines = ["| value | default | is |", "|---|---|---|"]
    for path, default, comment in rows(text):
        if default or comment:
            shown = f"`{default}`" if default else ""
            lines.append(f"| `{path}` | {shown} | {comment} |")
    return "\n".join(lines) + "\n"


def the_readme_has_the_values(chart: Path) -> list[str]:
    readme = chart / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    wanted = before + BEGIN + table((chart / "values.yaml").read_text()) + END + after
    if os.environ.get("UPDATE_GOLDEN") == "1":
        readme.write_text(wanted)
    return [] if readme.read_text() == wanted else ["the table of values is not that of values.yaml: UPDATE_GOLDEN=1 tests/charts/check"]


def the_readme_leaves_out_no_value(chart: Path) -> list[str]:
    """As a YAML parser reads them, with their defaults."""
    values = yaml.safe_load((chart / "values.yaml").read_text())
    read = {path: default for path, default, _ in rows((chart / "values.yaml").read_text())}
    found = []

    def walk(value: object, path: str) -> None:
        if path and path not in read:
            found.append(f"{path} is not in the table")
        elif path and read[path]:
            if yaml.safe_load(read[path]) != value:
                found.append(f"{path} is {json.dumps(value)} and not {read[path]}")
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}".lstrip("."))

    walk(values, "")
    return found


def the_readme_links_to_what_there_is(chart: Path) -> list[str]:
    """By whole addresses: the README of a published chart is shown where there is no repository around it."""
    found = []
    for link in re.findall(r"\]\(([^)]*)\)", (chart / "README.md").read_text()):
        inside = re.fullmatch(r"https://github\.com/sendstores/sendstores/(?:blob|tree)/main/([^#]*)(#.*)?", link)
        if not link.startswith("https://"):
            found.append(f"{link} is relative")
        elif inside and not (ROOT / inside[1]).exists():
            found.append(f"{link} leads nowhere")
        elif inside and inside[2] and inside[2][1:] not in anchors(ROOT / inside[1]):
            found.append(f"{link} leads to no section")
    return found


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


RULES = [the_readme_has_the_values, the_readme_leaves_out_no_value, the_readme_links_to_what_there_is]
