"""What the image ships on the volume is refreshed with the image; what the merchant added stays."""

import contextlib
import os
import shutil
import subprocess
import time

from runtime import bind
from store import wait_for

MERCHANT = {
    "uploads/2026/01/photo.txt": "a photo",
    "plugins/merchant/merchant.php": "<?php\n/* Plugin Name: Merchant */\n",
    "themes/merchant/style.css": "/* Theme Name: Merchant */",
    "mu-plugins/merchant.php": "<?php\n",
    "languages/plugins/merchant-de_DE.mo": "x",
}


def restart_keeps_everything_and_is_quick(store):
    for path, text in MERCHANT.items():
        write(store.content(path), text)
    stopped = store.wordpress.stop()
    started = store.start_wordpress()
    assert "Sample product" in store.get("/shop/")[2]
    assert_merchant(store)
    # 137 or a long wait would mean that the stop signal did not reach Apache.
    assert stopped < 5, stopped
    return f"stopped in {stopped:.2f} s, ready again in {started:.2f} s"


def changed_content_is_refreshed(store):
    before = mtimes(store)
    newer = newer_image(store)
    write(store.content("plugins/woocommerce/left-by-an-older-version.php"), "<?php\n")
    store.wordpress.stop()
    started = store.start_wordpress(mounts=[newer])
    assert read(store.content("plugins/woocommerce/NEW")) == "new"
    assert not os.path.exists(store.content("plugins/woocommerce/left-by-an-older-version.php"))
    assert not os.path.exists(store.content("plugins/woocommerce/uninstall.php"))
    assert read(store.content(".sendstores/content-hash")).strip() == "f" * 64
    assert_merchant(store)
    assert "Sample product" in store.get("/shop/")[2]

    store.wordpress.stop()
    store.start_wordpress()
    assert os.path.exists(store.content("plugins/woocommerce/uninstall.php"))
    assert not os.path.exists(store.content("plugins/woocommerce/NEW"))
    assert mtimes(store) == before
    return f"ready {started:.2f} s with the refresh"


def killed_refresh_is_done_again(store):
    """SIGKILL to the container at many moments of a refresh: the next start always ends with the whole content."""
    newer, points = newer_image(store), []
    # Each turn refreshes to the other of the two contents, so each has something to do.
    sides = [([newer], newer["source"], "f" * 64), ([], None, None)]
    for turn, delay in enumerate((0.0, 0.05, 0.15, 0.4)):
        mounts, share, wanted = sides[turn % 2]
        share = share or os.path.join(store.roots["woocommerce"], "usr/local/share/sendstores")
        wanted = wanted or read(os.path.join(share, "content-hash")).strip()
        store.wordpress.stop()
        store.start_wordpress_container(mounts)
        fresh = store.content(".sendstores/fresh")
        wait_for("the refresh begins", lambda: os.path.exists(fresh))
        time.sleep(delay)
        store.wordpress.destroy()
        points.append("done" if read(store.content(".sendstores/content-hash")).strip() == wanted else "torn")
        store.start_wordpress(mounts)
        assert read(store.content(".sendstores/content-hash")).strip() == wanted and not os.path.exists(fresh)
        assert_merchant(store)
        assert listing(store.content("plugins/woocommerce")) == listing(os.path.join(share, "wp-content/plugins/woocommerce"))
    assert "torn" in points, points
    return " ".join(points)


def lost_files_are_restored(store):
    """What a node that lost power leaves: the marker is there, a file is empty or gone."""
    target = store.content("plugins/woocommerce/woocommerce.php")
    text = read(target)
    for damage in (lambda: open(target, "w").close(), lambda: os.unlink(target)):
        damage()
        store.wordpress.stop()
        store.start_wordpress()
        assert read(target) == text
    assert_merchant(store)


def foreign_volume_is_said_clearly(store):
    """A volume that is not writable is one clear line, not a stack of errors."""
    store.wordpress.stop()
    volume = store.content()
    moved = volume + ".aside"
    os.rename(volume, moved)
    os.mkdir(volume)
    os.chmod(volume, 0o755)
    log_before = len(store.wordpress.log())
    try:
        store.start_wordpress_container()
        wait_for("the container gives up", lambda: not store.wordpress.running())
        assert "cannot write to the volume" in store.wordpress.log()[log_before:]
    finally:
        store.wordpress.destroy()
        os.rmdir(volume)
        os.rename(moved, volume)
    store.start_wordpress()


def a_full_volume_keeps_the_shop_open(store):
    """A newer image finds no room for its content: the old content stays as a whole, until there is room."""
    share = os.path.join(store.roots["woocommerce"], "usr/local/share/sendstores")
    plugin, newer = store.content("plugins/woocommerce"), newer_image(store)
    with small_volume(store, 3) as resize:
        before = listing(store.content())
        store.start_wordpress(mounts=[newer])
        assert "Sample product" in store.get("/shop/")[2]
        (line,) = [line for line in store.wordpress.log().splitlines() if "has no room" in line][-1:]
        assert "the volume wp-content (/srv/wordpress/wp-content)" in line and "MiB beside" in line and "are free" in line, line
        assert store.wordpress.log().count("No space left") == 1
        assert [path for path in listing(store.content()) if path not in before] == [], "remains"
        assert listing(plugin) == listing(os.path.join(share, "wp-content/plugins/woocommerce"))
        store.wordpress.stop()
        resize(400)
        store.start_wordpress(mounts=[newer])
        assert read(store.content("plugins/woocommerce/NEW")) == "new" and not os.path.exists(store.content(".sendstores/old"))
        assert_merchant(store)
        store.wordpress.stop()
    store.start_wordpress()


def a_small_empty_volume_is_named(store):
    with small_volume(store, 1, empty=True):
        before = len(store.wordpress.log())
        store.start_wordpress_container()
        wait_for("the container gives up", lambda: not store.wordpress.running())
        assert "the volume wp-content (/srv/wordpress/wp-content) has no room" in store.wordpress.log()[before:]
        store.wordpress.destroy()
    store.start_wordpress()


@contextlib.contextmanager
def small_volume(store, spare, empty=False):
    """The store's content on a volume with so many MiB left; the function makes it larger."""
    store.wordpress.stop()
    volume, aside = store.content().rstrip("/"), store.content().rstrip("/") + ".aside"
    os.rename(volume, aside)
    os.mkdir(volume)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=777", "tmpfs", volume], check=True)
    if not empty:
        subprocess.run(["cp", "-a", aside + "/.", volume], check=True)
    room = os.statvfs(volume)
    used = ((room.f_blocks - room.f_bfree) * room.f_frsize >> 20) + 1

    def resize(mib):
        subprocess.run(["mount", "-o", f"remount,size={used + mib}m", volume], check=True)

    resize(spare)
    try:
        yield resize
    finally:
        store.wordpress.destroy()
        subprocess.run(["umount", volume], check=True)
        os.rmdir(volume)
        os.rename(aside, volume)


def newer_image(store):
    """The image's share with another content: one file more, one less, another hash."""
    share = os.path.join(store.work, "newer-share")
    if not os.path.isdir(share):
        shutil.copytree(os.path.join(store.roots["woocommerce"], "usr/local/share/sendstores"), share, symlinks=True,
                        ignore=shutil.ignore_patterns("opcache"))
        os.mkdir(os.path.join(share, "opcache"))
        plugin = os.path.join(share, "wp-content/plugins/woocommerce")
        write(os.path.join(plugin, "NEW"), "new")
        os.unlink(os.path.join(plugin, "uninstall.php"))
        write(os.path.join(share, "content-hash"), "f" * 64)
        lines = read(os.path.join(share, "content-sizes")).splitlines()
        lines = [line for line in lines if not line.endswith(" plugins/woocommerce/uninstall.php")] + ["3 plugins/woocommerce/NEW"]
        write(os.path.join(share, "content-sizes"), "\n".join(lines) + "\n")
    return bind(share, "/usr/local/share/sendstores", "ro")


def assert_merchant(store):
    assert {path: read(store.content(path)) for path in MERCHANT} == MERCHANT


def listing(folder):
    return sorted(os.path.relpath(os.path.join(base, name), folder) for base, _, names in os.walk(folder) for name in names)


def mtimes(store):
    plugin = store.content("plugins/woocommerce")
    return {path: int(os.stat(os.path.join(plugin, path)).st_mtime) for path in listing(plugin)}


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chown(path, 33, 33)


CHECKS = [
    restart_keeps_everything_and_is_quick,
    changed_content_is_refreshed,
    killed_refresh_is_done_again,
    lost_files_are_restored,
    foreign_volume_is_said_clearly,
    a_full_volume_keeps_the_shop_open,
    a_small_empty_volume_is_named,
]
