"""Bills of materials in CycloneDX: what the programs are built from, and what is in an image, as read from its archive.

An image has Debian's packages, the modules of its Go programs, the crates of ours, and the PHP software of a shop. The same
input gives the same document: it has no time, and its serial number is made from its content.
"""

import json
import re
import sys
import tarfile
import uuid
from pathlib import Path

from . import project
from .project import REPOSITORY, ROOT

sys.path.insert(0, str(ROOT / "images/testing"))
from oci import read_image  # noqa: E402

PROGRAMS = {"sendstores-server": "sendstores-server", "sendstores-cli": "sendstores"}
# Around the list of modules in each program that Go has built.
GO_BEGIN = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
GO_END = bytes.fromhex("f932433186182072008242104116d8f2")
SHIPPED = "usr/local/share/sendstores"
# What is read of an image.
OF_INTEREST = re.compile(rf"""
    var/lib/dpkg/status(\.d/[^/]+)? | etc/os-release | usr/lib/os-release | usr/local/bin/[^/]+
  | srv/wordpress/wp-includes/version\.php | {SHIPPED}/wp-cli\.phar
  | {SHIPPED}/wp-content/(plugins|themes)/[^/]+/(style\.css|[^/]+\.php)""", re.X)


def of_programs() -> dict:
    """What our two programs are built from."""
    components, dependencies = crates()
    return _document({"type": "application", "name": "sendstores", "version": project.version()}, components, dependencies)


def of_image(name: str, archive: Path) -> dict:
    files = read_files(archive)
    components, dependencies = debian_packages(files) + go_programs(files) + php_software(files), []
    if f"usr/local/bin/{PROGRAMS['sendstores-server']}" in files:
        ours, dependencies = crates()
        components += ours
    return _document({"type": "container", "name": name, "version": project.version()}, components, dependencies)


def read_files(archive: Path) -> dict[str, bytes]:
    """The files of interest of an image, by their paths; those of a higher layer replace those of a lower one."""
    layers, _ = read_image(archive)
    files: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for layer in layers:
            with tarfile.open(fileobj=tar.extractfile(layer), mode="r|*") as content:
                for member in content:
                    path = member.name.removeprefix("./").lstrip("/")
                    if member.isfile() and OF_INTEREST.fullmatch(path):
                        files[path] = content.extractfile(member).read()
    return files


def crates() -> tuple[list[dict], list[dict]]:
    """The crates that end up in our programs, and which depends on which."""
    described = json.loads(project.run("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform",
                                       "x86_64-unknown-linux-gnu", cwd=ROOT))
    packages = {package["id"]: package for package in described["packages"]}
    edges = {node["id"]: [to["pkg"] for to in node["deps"] if any(kind["kind"] is None for kind in to["dep_kinds"])]
             for node in described["resolve"]["nodes"]}
    reached, waiting = set(), [key for key, package in packages.items() if package["name"] in PROGRAMS]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += edges[key]
    sums = _checksums()
    components = [_crate(packages[key], sums) for key in reached]
    references = {key: _crate_url(packages[key]) for key in reached}
    dependencies = [{"ref": references[key], "dependsOn": sorted({references[to] for to in edges[key]})} for key in reached]
    return components, sorted(dependencies, key=lambda one: one["ref"])


def _crate(package: dict, sums: dict[tuple[str, str], str]) -> dict:
    component = {"type": "library", "name": package["name"], "version": package["version"],
                 "bom-ref": _crate_url(package), "purl": _crate_url(package)}
    if package["license"]:
        # What crates wrote before SPDX had expressions.
        component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    digest = sums.get((package["name"], package["version"]))
    if digest:
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return component


def _crate_url(package: dict) -> str:
    ours = "" if package["source"] else f"?vcs_url=git%2B{REPOSITORY}"
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}{ours}"


def _checksums() -> dict[tuple[str, str], str]:
    blocks = (ROOT / "Cargo.lock").read_text().split("[[package]]")
    fields = [dict(re.findall(r'^(name|version|checksum) = "(.*)"$', block, re.M)) for block in blocks]
    return {(one["name"], one["version"]): one["checksum"] for one in fields if "checksum" in one}


def debian_packages(files: dict[str, bytes]) -> list[dict]:
    release = files.get("etc/os-release") or files.get("usr/lib/os-release") or b""
    number = re.search(rb'^VERSION_ID="?([^"\n]*)', release, re.M)
    distribution = f"&distro=debian-{number[1].decode()}" if number else ""
    found = []
    for path in sorted(path for path in files if path.startswith("var/lib/dpkg/")):
        for block in files[path].decode(errors="replace").split("\n\n"):
            field = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", block, re.M))
            # A program that was taken away may have left its settings.
            if "Package" in field and field.get("Status", "install ok installed").endswith(" installed"):
                version = field["Version"].replace("+", "%2B").replace(":", "%3A").replace("~", "~")
                url = f"pkg:deb/debian/{field['Package'].replace('+', '%2B')}@{version}?arch={field['Architecture']}{distribution}"
                found.append({"type": "library", "name": field["Package"], "version": field["Version"], "bom-ref": url, "purl": url})
    return found


def go_programs(files: dict[str, bytes]) -> list[dict]:
    """The modules in each program that Go has built, its own first."""
    found = []
    for path in sorted(path for path in files if path.startswith("usr/local/bin/")):
        _, begin, rest = files[path].partition(GO_BEGIN + b"path\t")
        text, end, _ = rest.partition(GO_END)
        if not (begin and end):
            continue
        for kind, name, version in re.findall(r"^(mod|dep|=>)\t([^\t\n]+)\t([^\t\n]+)", text.decode(errors="replace"), re.M):
            if kind == "=>":  # what the module before was replaced by
                found.pop()
            url = f"pkg:golang/{name}@{version.replace('+', '%2B')}"
            found.append({"type": "application" if kind == "mod" else "library", "name": name, "version": version,
                          "bom-ref": url, "purl": url})
    return found


def php_software(files: dict[str, bytes]) -> list[dict]:
    found = []

    def add(name: str, version: str) -> None:
        url = f"pkg:generic/{name}@{version}"
        found.append({"type": "application", "name": name, "version": version, "bom-ref": url, "purl": url})

    core = re.search(rb"\$wp_version\s*=\s*'([^']+)'", files.get("srv/wordpress/wp-includes/version.php", b""))
    if core:
        add("wordpress", core[1].decode())
    if f"{SHIPPED}/wp-cli.phar" in files:
        add("wp-cli", project.pin("WP_CLI_VERSION"))  # the build has checked it against the checksum beside
    for path in sorted(path for path in files if path.startswith(f"{SHIPPED}/wp-content/")):
        header = files[path][:8192]
        said = re.search(rb"^[ \t/*#]*Version:\s*(\S+)", header, re.M)
        if said and re.search(rb"^[ \t/*#]*(Plugin|Theme) Name:", header, re.M):
            add(path.split("/")[-2], said[1].decode())
    return found


def _document(subject: dict, components: list[dict], dependencies: list[dict]) -> dict:
    subject = subject | {"bom-ref": f"{subject['name']}@{subject['version']}",
                         "externalReferences": [{"type": "vcs", "url": REPOSITORY}]}
    once = {component["bom-ref"]: component for component in components}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": subject},
                "components": [once[key] for key in sorted(once)]}
    roots = [key for key in once if key.startswith(tuple(f"pkg:cargo/{name}@" for name in PROGRAMS))]
    document["dependencies"] = [{"ref": subject["bom-ref"], "dependsOn": sorted(roots)}] + dependencies
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return {"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "serialNumber": f"urn:uuid:{name}"} | document
