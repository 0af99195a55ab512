"""Small archives of images, as docker and as podman and buildah write them, with what a bill of materials is read from."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u2

Package: vim
Status: deinstall ok config-files
Architecture: amd64
Version: 2:9.1-1
"""
PLUGIN = "<?php\n/**\n * Plugin Name: WooCommerce\n * Version: {}\n */\n"
SHIPPED = "usr/local/share/sendstores"


def shop(woocommerce: str) -> dict[str, bytes]:
    """What a store's image has."""
    return {
        "var/lib/dpkg/status": STATUS.encode(),
        "etc/os-release": b'ID=debian\nVERSION_ID="13"\n',
        "srv/wordpress/wp-includes/version.php": b"<?php\n$wp_version = '7.1.1';\n",
        f"{SHIPPED}/wp-cli.phar": b"phar",
        f"{SHIPPED}/wp-content/plugins/woocommerce/woocommerce.php": PLUGIN.format(woocommerce).encode(),
        f"{SHIPPED}/wp-content/plugins/woocommerce/readme.php": b"<?php\n// Version: 3\n",
        f"{SHIPPED}/wp-content/themes/storefront/style.css": b"/*\nTheme Name: Storefront\nVersion: 1.5\n*/\n",
    }


def server(helm: bytes) -> dict[str, bytes]:
    """What the image of the control plane has; a program that Go has built stands for helm."""
    return {"var/lib/dpkg/status.d/libc6": STATUS.partition("\n\n")[0].encode(), "usr/local/bin/helm": helm,
            "usr/local/bin/sendstores-server": b"\x7fELF"}


def backup(restic: bytes) -> dict[str, bytes]:
    """What the image of backups has; a program that Go has built stands for restic."""
    return {"var/lib/dpkg/status": STATUS.encode(), "usr/local/bin/restic": restic}


def layer(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            _add(tar, path, content)
    return packed.getvalue()


def oci_archive(file: Path, *layers: bytes) -> None:
    """As `podman save --format oci-archive` and `buildah push oci-archive:` write one."""
    with tarfile.open(file, "w") as tar:
        def blob(content: bytes, kind: str) -> dict:
            digest = hashlib.sha256(content).hexdigest()
            _add(tar, f"blobs/sha256/{digest}", content)
            return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": blob(_config(layers), "application/vnd.oci.image.config.v1+json"),
                    "layers": [blob(one, "application/vnd.oci.image.layer.v1.tar") for one in layers]}
        index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), manifest["mediaType"])]}
        _add(tar, "index.json", json.dumps(index).encode())
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def docker_archive(file: Path, *layers: bytes) -> None:
    """As `docker save` writes one."""
    with tarfile.open(file, "w") as tar:
        for number, one in enumerate(layers):
            _add(tar, f"{number}/layer.tar", one)
        _add(tar, "config.json", _config(layers))
        _add(tar, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["localhost/image:1"],
                                                "Layers": [f"{number}/layer.tar" for number in range(len(layers))]}]).encode())


def _config(layers: tuple[bytes, ...]) -> bytes:
    sums = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": sums}}).encode()


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    member = tarfile.TarInfo(path)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
