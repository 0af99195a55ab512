"""Compares a rendering with the checked-in one, a file per template."""

import difflib
import re
from pathlib import Path

SOURCE = re.compile(r"# Source: [^/]+/templates/(.*)")


def split(rendered: str) -> dict[str, list[str]]:
    """File name -> lines. helm 4 puts an empty line between documents, helm 3 does not."""
    files: dict[str, list[str]] = {}
    current: list[str] = []
    for line in rendered.splitlines():
        if source := SOURCE.fullmatch(line):
            current = files.setdefault(source[1].replace("/", "-"), [])
        elif line.strip() and (line != "---"):
            current.append(line.rstrip())
    return files


def problems(folder: Path, rendered: str, update: bool) -> list[str]:
    files = split(rendered)
    if update:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.iterdir():
            stale.unlink()
        for name, lines in files.items():
            (folder / name).write_text("\n".join(lines) + "\n")
    expected = {file.name: file.read_text().splitlines() for file in folder.glob("*.yaml")}
    found = []
    for name in sorted(files.keys() | expected.keys()):
        found += difflib.unified_diff(expected.get(name, []), files.get(name, []),
                                      f"golden/{folder.name}/{name}", "rendered", lineterm="", n=1)
    return found
