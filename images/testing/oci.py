"""Unpacks an image archive into a root folder, as a container runtime would."""

import json
import os
import shutil
import tarfile


def read_image(archive):
    """The layers (members of the archive, lowest first) and the configuration of the one image in it."""
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())

        def load(name):
            return json.load(tar.extractfile(name))

        # docker writes both, and may mean a list of images by the other.
        if "manifest.json" in names:
            manifest = load("manifest.json")[0]
            return manifest["Layers"], load(manifest["Config"])

        def blob(descriptor):
            return "blobs/" + descriptor["digest"].replace(":", "/")

        manifest = load(blob(load("index.json")["manifests"][0]))
        return [blob(layer) for layer in manifest["layers"]], load(blob(manifest["config"]))


def apply_layer(stream, root):
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for member in layer:
            folder, name = os.path.split(os.path.join(root, member.name))
            if name == ".wh..wh..opq":
                for entry in os.listdir(folder):
                    remove(os.path.join(folder, entry))
            elif name.startswith(".wh."):
                remove(os.path.join(folder, name[4:]))
            else:
                target = os.path.join(folder, name)
                if os.path.lexists(target) and not (member.isdir() and os.path.isdir(target) and not os.path.islink(target)):
                    remove(target)
                layer.extract(member, root, numeric_owner=True)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def unpack(archive, root):
    """Makes `root` once; returns the image's configuration."""
    layers, config = read_image(archive)
    if not os.path.isdir(root):
        part = root + ".part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(part)
        with tarfile.open(archive) as tar:
            for layer in layers:
                apply_layer(tar.extractfile(layer), part)
        os.rename(part, root)
    return config["config"]
