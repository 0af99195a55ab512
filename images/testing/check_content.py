"""What the image ships is linked into the volume, and follows the image; what the merchant added stays."""

import contextlib
import os
import shutil
import subprocess
import time

from runtime import bind
from store import wait_for

SHARE = "/usr/local/share/sendstores"
MERCHANT = {
    "uploads/2026/01/photo.txt": "a photo",
    "plugins/merchant/merchant.php": "<?php\n/* Plugin Name: Merchant */\n",
    "themes/merchant/style.css": "/* Theme Name: Merchant */",
    "mu-plugins/merchant.php": "<?php\n",
    "languages/plugins/merchant-de_DE.mo": "x",
}
LANGUAGE = "languages/admin-de_DE.l10n.php"


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


def shipped_code_is_linked_and_read_only(store):
    assert_linked(store)
    for path in ("plugins/woocommerce/woocommerce.php", "plugins/woocommerce/more.php", "mu-plugins/sendstores.php"):
        code, _, err = store.wordpress.exec("touch", f"/srv/wordpress/wp-content/{path}")
        assert code == 1 and ("Permission denied" in err or "Read-only file system" in err), (path, code, err)
    # Assets are served through the links; in uploads, no link is followed.
    theme = os.listdir(share(store, "wp-content/themes"))[0]
    for path in (f"themes/{theme}/style.css", "mu-plugins/sendstores/avatar.svg"):
        assert store.status(f"/wp-content/{path}") == 200, path
    link = store.content("uploads/link.txt")
    os.symlink(f"{SHARE}/content-hash", link)
    assert store.status("/wp-content/uploads/link.txt") == 403
    os.unlink(link)
    assert SHARE not in store.get("/shop/")[2]


def compiled_code_is_used_for_linked_files(store):
    """PHP writes down what it compiles anew: nothing of what is linked, where it may write."""
    script = (f"rm -rf /tmp/opcache/* && cp -R --preserve=timestamps {SHARE}/opcache/. /tmp/opcache && touch /tmp/before"
              " && wp eval 'return;' && find /tmp/opcache -newer /tmp/before -name '*.bin'")
    code, out, err = store.wordpress.exec("/bin/bash", "-c", script)
    assert code == 0, err
    compiled = [line for line in out.splitlines() if "/wp-content/plugins/woocommerce/" in line]
    assert out.strip() and not compiled, compiled[:5] or "PHP writes nothing here: the check sees nothing"
    store.wordpress.stop()
    store.start_wordpress()


def changed_content_is_refreshed(store):
    newer = newer_image(store)
    store.wordpress.stop()
    started = store.start_wordpress(mounts=[newer])
    assert_linked(store)
    assert store.get("/wp-content/plugins/woocommerce/NEW.txt")[2] == "new" and store.status("/wp-content/plugins/woocommerce/uninstall.php") == 404
    assert read(store.content(LANGUAGE)) == "newer"
    assert read(store.content(".sendstores/content-hash")).strip() == "f" * 64
    assert_merchant(store)
    assert "Sample product" in store.get("/shop/")[2]

    store.wordpress.stop()
    store.start_wordpress()
    assert store.status("/wp-content/plugins/woocommerce/NEW.txt") == 404
    assert read(store.content(LANGUAGE)) == read(share(store, "wp-content", LANGUAGE))
    return f"ready {started:.2f} s with the refresh"


def an_older_volume_is_converted(store):
    """An image of before the links copied what it shipped. That becomes links once, whenever a start is killed meanwhile."""
    points = []
    for part in range(6):
        store.wordpress.stop()
        lay_copies(store)
        store.start_wordpress_container()
        if part:
            changed = lambda: os.path.islink(store.content("plugins/woocommerce"))
            wait_for("the conversion", changed if part % 2 else lambda: os.path.exists(store.content(".sendstores/fresh")) or changed())
            time.sleep(part * 0.004)
            store.wordpress.destroy()
            done = read(store.content(".sendstores/content-hash")).strip() == read(share(store, "content-hash")).strip()
            points.append("done" if done else "torn")
            store.start_wordpress_container()
        took = wait_for("web server", lambda: store.status("/readyz.php") == 200)
        assert_linked(store)
        assert_merchant(store)
        left = sorted(os.listdir(store.content(".sendstores")))
        assert left == ["answered", "content-hash", "lock"], left
        assert "Sample product" in store.get("/shop/")[2]
    assert "torn" in points, points
    return f"{took:.2f} s; {' '.join(points)}"


def killed_refresh_is_done_again(store):
    """SIGKILL to the container at many moments of a refresh: the next start always ends with the whole content."""
    newer, points = newer_image(store), []
    # Each turn refreshes to the other of the two contents, so each has something to do.
    sides = [([newer], newer["source"], "f" * 64), ([], share(store), read(share(store, "content-hash")).strip())]
    for turn, delay in enumerate((0.0, 0.02, 0.05, 0.1)):
        mounts, source, wanted = sides[turn % 2]
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
        assert read(store.content(LANGUAGE)) == read(os.path.join(source, "wp-content", LANGUAGE))
    assert "torn" in points, points
    return " ".join(points)


def lost_files_are_restored(store):
    """What a node that lost power leaves: the marker is there, a file is empty or gone, a link is not there."""
    target, plugin = store.content(LANGUAGE), store.content("plugins/woocommerce")
    text = read(target)
    for damage in (lambda: open(target, "w").close(), lambda: os.unlink(target), lambda: os.unlink(plugin), lambda: (os.unlink(plugin), write(os.path.join(plugin, "own.php"), "<?php"), os.chown(plugin, 33, 33))):
        damage()
        store.wordpress.stop()
        store.start_wordpress()
        assert read(target) == text
        assert_linked(store)
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
    """A newer image finds no room for its language files: those of before stay as a whole, until there is room."""
    newer = newer_image(store)
    with small_volume(store, 1) as resize:
        before = listing(store.content())
        store.start_wordpress(mounts=[newer])
        assert "Sample product" in store.get("/shop/")[2]
        (line,) = [line for line in store.wordpress.log().splitlines() if "has no room" in line][-1:]
        assert "the volume wp-content (/srv/wordpress/wp-content)" in line and "MiB beside" in line and "are free" in line, line
        assert store.wordpress.log().count("No space left") == 1
        assert [path for path in listing(store.content()) if path not in before] == [], "remains"
        assert read(store.content(LANGUAGE)) == read(share(store, "wp-content", LANGUAGE))
        store.wordpress.stop()
        resize(400)
        store.start_wordpress(mounts=[newer])
        assert read(store.content(LANGUAGE)) == "newer" and not os.path.exists(store.content(".sendstores/fresh"))
        assert_merchant(store)
        store.wordpress.stop()
    store.start_wordpress()


def a_full_volume_of_copies_is_converted(store):
    """The links take the place of what fills it."""
    store.wordpress.stop()
    lay_copies(store)
    with small_volume(store, 0):
        store.start_wordpress()
        assert_linked(store)
        assert "Sample product" in store.get("/shop/")[2]
        store.wordpress.stop()
    lay_copies(store)
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
    """The image's share with another content: one file of the plugin more, one less, another language file, another hash."""
    newer = os.path.join(store.work, "newer-share")
    if not os.path.isdir(newer):
        shutil.copytree(share(store), newer, symlinks=True, ignore=shutil.ignore_patterns("opcache"))
        os.mkdir(os.path.join(newer, "opcache"))
        plugin = os.path.join(newer, "wp-content/plugins/woocommerce")
        write(os.path.join(plugin, "NEW.txt"), "new")
        os.unlink(os.path.join(plugin, "uninstall.php"))
        write(os.path.join(newer, "wp-content", LANGUAGE), "newer")
        write(os.path.join(newer, "content-hash"), "f" * 64)
        lines = [line for line in read(os.path.join(newer, "language-sizes")).splitlines() if not line.endswith(f" {LANGUAGE}")]
        write(os.path.join(newer, "language-sizes"), "\n".join([*lines, f"5 {LANGUAGE}"]) + "\n")
    return bind(newer, SHARE, "ro")


def lay_copies(store):
    """The volume as an image of before the links left it."""
    for unit in units(store):
        path = store.content(unit)
        (os.unlink if os.path.islink(path) or os.path.isfile(path) else shutil.rmtree)(path)
        subprocess.run(["cp", "-a", share(store, "wp-content", unit), path], check=True)
        subprocess.run(["chown", "-R", "33:33", path], check=True)
    shutil.rmtree(store.content(".sendstores"))
    write(store.content(".sendstores/content-hash"), "e" * 64 + "\n")
    os.chown(store.content(".sendstores"), 33, 33)


def units(store):
    return [f"{kind}/{name}" for kind in ("plugins", "themes", "mu-plugins") for name in os.listdir(share(store, "wp-content", kind))]


def assert_linked(store):
    found = {unit: os.path.islink(store.content(unit)) and os.readlink(store.content(unit)) for unit in units(store)}
    assert len(found) >= 4 and found == {unit: f"{SHARE}/wp-content/{unit}" for unit in found}, found


def assert_merchant(store):
    assert {path: read(store.content(path)) for path in MERCHANT} == MERCHANT


def share(store, *path):
    return os.path.join(store.roots["woocommerce"], SHARE[1:], *path)


def listing(folder):
    return sorted(os.path.relpath(os.path.join(base, name), folder) for base, _, names in os.walk(folder) for name in names)


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
    shipped_code_is_linked_and_read_only,
    compiled_code_is_used_for_linked_files,
    changed_content_is_refreshed,
    an_older_volume_is_converted,
    killed_refresh_is_done_again,
    lost_files_are_restored,
    foreign_volume_is_said_clearly,
    a_full_volume_keeps_the_shop_open,
    a_full_volume_of_copies_is_converted,
    a_small_empty_volume_is_named,
]
