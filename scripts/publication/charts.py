"""Packs a chart for publication: the same commit and the same images give the same bytes.

What only a published chart has is added to a copy: the licence, README.md and NOTES.txt of the store's chart, the images by
their digests as the default, and what Artifact Hub shows.
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from . import project
from .project import ROOT, Refused

CHARTS = ("sendstores", "woocommerce")
# Which changes are about a chart, by the headings of CHANGELOG.md; None: all of them.
CHANGES = {"sendstores": None, "woocommerce": ["The store image", "Updates of a store", "The chart of a store"]}


def pack(chart: str, folder: Path, images: dict[str, str]) -> Path:
    """Packs charts/CHART into a folder, and returns the file. `images` has NAME: REPOSITORY@DIGEST; without, the published chart
    names no images, as the one of the checkout."""
    version = project.version()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / chart
        shutil.copytree(ROOT / "charts" / chart, copy, copy_function=shutil.copyfile)
        shutil.copyfile(ROOT / "LICENSE", copy / "LICENSE")
        _include_all(copy)
        _name_images(chart, copy / "values.yaml", images)
        with open(copy / "Chart.yaml", "a") as description:
            description.write(_annotations(chart, images))
        moment = project.time()
        for file in copy.rglob("*"):
            os.utime(file, (moment, moment))
        app = version if chart == "sendstores" else project.pin("WOOCOMMERCE_VERSION")
        folder.mkdir(parents=True, exist_ok=True)
        # Offline: it has no dependencies.
        project.run(project.helm(), "package", copy, "--destination", folder, "--version", version, "--app-version", app)
    packed = folder / f"{chart}-{version}.tgz"
    # What helm says of the time at which a chart was made.
    os.utime(packed, (moment, moment))
    return packed


def _include_all(copy: Path) -> None:
    """Takes out of .helmignore what is kept from the stores alone."""
    ignored = copy / ".helmignore"
    if ignored.exists():
        kept = ignored.read_text().partition("# Published charts only")[0]
        ignored.write_text(kept)


def _name_images(chart: str, values: Path, images: dict[str, str]) -> None:
    if not images:
        return
    text = values.read_text()
    values_of_store = of_store({name: _split(image) for name, image in images.items()})
    if chart == "woocommerce":
        text = set_value(text, "images", json.dumps(values_of_store["images"]))
        text = set_value(text, "backup.image", json.dumps(values_of_store["backup"]["image"]))
    else:
        for key, value in _split(images["server"]).items():
            text = set_value(text, f"image.{key}", json.dumps(value))
        text = set_value(text, "store.values", json.dumps(values_of_store))
    values.write_text(text)


def of_store(values: dict[str, dict]) -> dict:
    """Values of charts/woocommerce that name the images of a store, and that of its backups."""
    return {"images": {name: values[name] for name in ("woocommerce", "mysql")}, "backup": {"image": values["backup"]}}


def _split(image: str) -> dict[str, str]:
    repository, _, digest = image.partition("@")
    return {"repository": repository, "digest": digest}


def set_value(text: str, path: str, value: str) -> str:
    """A values file with another value at a dotted path, which must be on one line; all comments stay."""
    lines, depth = text.split("\n"), 0
    keys = path.split(".")
    for number, line in enumerate(lines):
        match = re.match(r"( *)([A-Za-z]\w*):(.*)$", line)
        if not match:
            continue
        if len(match[1]) < 2 * depth:
            break  # the block of the keys so far has ended
        if len(match[1]) != 2 * depth or match[2] != keys[depth]:
            continue
        depth += 1
        if depth == len(keys):
            if not match[3].strip():
                break
            lines[number] = f"{match[1]}{match[2]}: {value}"
            return "\n".join(lines)
    raise Refused(f"the values file has no {path} on a line of its own")


def _annotations(chart: str, images: dict[str, str]) -> str:
    """Added to those that Chart.yaml has: it ends with its annotations."""
    added = {}
    shown = [name for name in images if chart == "sendstores" or name != "server"]
    if shown:
        added["images"] = [{"name": name, "image": images[name]} for name in shown]
    number = project.version()
    changes = project.sentences(project.changes(number) or project.changes("Unreleased"), CHANGES[chart])
    if changes:
        added["changes"] = changes
    if "-" in number:
        added["prerelease"] = True
    # A JSON text is a YAML one, and the value of an annotation is a text that holds YAML.
    return "".join(f"  artifacthub.io/{name}: {json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)}\n"
                   for name, value in added.items())
