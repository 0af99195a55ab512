"""What images/build promises of names and of its cache, tried on a copy of it with an engine that only says yes or no."""

import glob
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIMS = {
    # It has every image, or none and no registry either.
    "docker": '[[ $1 != save ]] || touch "$3"; [[ $HAS_IMAGES == yes ]]',
    "npm": 'cp "$PACKAGE" "wp-studio-$PACKAGE_VERSION.tgz"',
}


class Builder:
    def __init__(self, store):
        self.work = os.path.join(store.work, "build")
        shutil.rmtree(self.work, ignore_errors=True)
        for folder in ("images", "tests/fixtures/woocommerce-standin"):
            shutil.copytree(os.path.join(CHECKOUT, folder), os.path.join(self.work, folder))
        os.makedirs(os.path.join(self.work, "bin"))
        for name, text in SHIMS.items():
            path = os.path.join(self.work, "bin", name)
            with open(path, "w") as file:
                file.write(f"#!/bin/bash\n{text}\n")
            os.chmod(path, 0o755)

    def run(self, *arguments, images="yes"):
        env = {"PATH": os.path.join(self.work, "bin") + ":" + os.environ["PATH"], "HOME": self.work, "HAS_IMAGES": images,
               "SENDSTORES_IMAGE_ENGINE": "docker", "SENDSTORES_WORDPRESS_SOURCE": "npm", "SENDSTORES_CACHE": self.path("cache"),
               "PACKAGE": self.path("package.tgz"), "PACKAGE_VERSION": self.pin("WP_STUDIO_VERSION")}
        return subprocess.run([self.path("images/build"), *arguments], env=env, capture_output=True, text=True)

    def names(self, images):
        done = self.run("--print", images=images)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def pin(self, name, value=None):
        """The value of a pin; with `value`, that becomes it."""
        with open(self.path("images/pins")) as file:
            text = file.read()
        if value is not None:
            with open(self.path("images/pins"), "w") as file:
                file.write(re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", text))
        return re.search(rf"(?m)^{name}=(.*)$", text)[1]

    def append(self, path):
        with open(self.path("images", path), "a") as file:
            file.write("# another line\n")


def whatever_goes_in_is_in_the_names(store):
    builder = Builder(store)
    changes = [
        ("DEBIAN_RELEASE", lambda: builder.pin("DEBIAN_RELEASE", "another"), "no", (True, True, True)),
        ("PACKAGES_AS_OF", lambda: builder.pin("PACKAGES_AS_OF", "2099-01-01"), "no", (True, True, True)),
        ("lib/base.sh", lambda: builder.append("lib/base.sh"), "no", (True, True, True)),
        ("DEBIAN_IMAGE", lambda: builder.pin("DEBIAN_IMAGE", "docker.io/library/debian:other"), "yes", (True, True, True)),
        ("lib/context.sh", lambda: builder.append("lib/context.sh"), "yes", (True, True, True)),
        ("lib/vendor.sh", lambda: builder.append("lib/vendor.sh"), "yes", (True, False, False)),
        ("lib/restic.sh", lambda: builder.append("lib/restic.sh"), "yes", (False, False, True)),
        ("the version of restic", lambda: builder.append("backup/restic/go.mod"), "yes", (False, False, True)),
        ("lib/common.sh", lambda: builder.append("lib/common.sh"), "yes", (False, False, False)),
    ]
    before = builder.names("no")
    wrong = []
    for what, change, images, expected in changes:
        change()
        now = builder.names(images)
        if tuple(old != new for old, new in zip(before, now)) != expected:
            wrong.append(what)
        before = now
    assert not wrong, wrong


def half_a_download_is_not_kept(store):
    """The package has its pinned checksum, but cannot be unpacked to the end, as on a full disk."""
    builder = Builder(store)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("latest/wordpress/index.php", "latest/languages/de_DE.mo", "wp-cli/wp-cli.phar"):
            entry = tarfile.TarInfo(f"package/dist/cli/wp-files/{name}")
            entry.size = 100_000
            archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    half = stream.getvalue()[:250_000]
    with open(builder.path("package.tgz"), "wb") as file:
        file.write(half)
    builder.pin("WP_STUDIO_SHA512", hashlib.sha512(half).hexdigest())
    done = builder.run()
    assert done.returncode != 0 and "Unexpected EOF" in done.stderr, done
    left = [os.path.relpath(path, builder.work) for path in glob.glob(builder.path("cache/images/vendor/*"))]
    assert left == [] and not glob.glob(builder.path("cache/images/context.*")), left


CHECKS = [whatever_goes_in_is_in_the_names, half_a_download_is_not_kept]
