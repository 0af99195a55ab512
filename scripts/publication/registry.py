"""Pushes images, charts and the metadata of Artifact Hub to an OCI registry."""

import gzip
import hashlib
import json
import os
import re
import tarfile
import tempfile
from pathlib import Path

from . import project
from .project import ROOT

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
METADATA = ROOT / "charts/artifacthub-repo.yml"


class Registry:
    """`address` is where everything is below: registry.example.com/sendstores."""

    def __init__(self, address: str):
        self.address = address.removesuffix("/")
        self.is_here = bool(re.match(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", address))
        self._crane = project.tool("crane")
        # crane speaks without TLS to this machine by itself, helm by a flag.
        self._plain = ["--plain-http"] if self.is_here else []
        # One login, `docker login` or that of a workflow, is enough for both.
        docker = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "config.json"
        self._environment = {"HELM_REGISTRY_CONFIG": str(docker)} | os.environ

    def push_image(self, name: str, archive: Path) -> str:
        """Pushes an archive of `docker save`, podman or buildah; returns REPOSITORY@DIGEST."""
        reference = f"{self.address}/{name}:{project.version()}"
        with tarfile.open(archive) as tar:
            of_docker = "manifest.json" in tar.getnames()
        if of_docker:
            return self._push(archive, reference)
        with tempfile.TemporaryDirectory() as layout:
            _write_layout(Path(layout), *_compressed(archive))
            return self._push(Path(layout), reference)

    def push_chart(self, packed: Path) -> str:
        """Pushes a packed chart; returns REPOSITORY@DIGEST."""
        project.run(project.helm(), "push", packed, f"oci://{self.address}/charts", *self._plain, env=self._environment)
        chart, _, version = packed.name.removesuffix(".tgz").partition("-")
        repository = f"{self.address}/charts/{chart}"
        # A tag has no plus.
        digest = project.run(self._crane, "digest", f"{repository}:{version.replace('+', '_')}")
        return f"{repository}@{digest}"

    def push_metadata(self, chart: str, identity: str) -> str:
        """Pushes what says to Artifact Hub whose the repository of a chart is. `identity` is the id that it has given to that
        repository; empty before the repository is registered."""
        text = METADATA.read_bytes() + (f"repositoryID: {identity}\n".encode() if identity else b"")
        with tempfile.TemporaryDirectory() as layout:
            _write_layout(Path(layout), *_metadata(text))
            return self._push(Path(layout), f"{self.address}/charts/{chart}:artifacthub.io")

    def _push(self, path: Path, reference: str) -> str:
        return project.run(self._crane, "push", path, reference).splitlines()[-1]


def _metadata(text: bytes) -> tuple[dict, list[bytes]]:
    """An OCI image of one layer that is the file itself, of the types that Artifact Hub asks for."""
    config, layer = b"{}", text
    title = {"org.opencontainers.image.title": METADATA.name}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(config, "application/vnd.cncf.artifacthub.config.v1+yaml"),
        "layers": [_descriptor(layer, "application/vnd.cncf.artifacthub.repository-metadata.layer.v1.yaml") | {"annotations": title}],
    }
    return manifest, [config, layer]


def _compressed(archive: Path) -> tuple[dict, list[bytes]]:
    """The manifest of the image in an OCI archive, and what it names. Layers are kept as they are in the archive of a build
    here; in a registry, each node that pulls one pays for its bytes."""
    with tarfile.open(archive) as tar:
        def blob(descriptor: dict) -> bytes:
            return tar.extractfile("blobs/" + descriptor["digest"].replace(":", "/")).read()

        index = json.load(tar.extractfile("index.json"))
        manifest = json.loads(blob(index["manifests"][0]))
        blobs = [blob(manifest["config"])]
        for layer in manifest["layers"]:
            content = blob(layer)
            if layer["mediaType"].endswith(".tar"):
                content = gzip.compress(content, compresslevel=6, mtime=0)
                layer.update(_descriptor(content, layer["mediaType"] + "+gzip"))
            blobs.append(content)
    return manifest, blobs


def _descriptor(content: bytes, kind: str) -> dict:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _write_layout(folder: Path, manifest: dict, blobs: list[bytes]) -> None:
    """A folder that `crane push` reads as an image."""
    text = json.dumps(manifest).encode()
    (folder / "blobs/sha256").mkdir(parents=True)
    for content in [text, *blobs]:
        (folder / "blobs/sha256" / hashlib.sha256(content).hexdigest()).write_bytes(content)
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [_descriptor(text, MANIFEST)]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
