"""The database of a store that was made with MariaDB 10.11, as it lay there when its server was killed, under the image's server."""

import glob
import os
import shutil
import subprocess
import time

from store import wait_for

VOLUME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/fixtures/mariadb-10.11.tar.xz")
SAYS = "bringing it up"


def lay_old_volume(store):
    store.mysql.stop()
    volume = os.path.join(store.work, "volume-mysql")
    shutil.rmtree(volume)
    os.makedirs(volume)
    os.chmod(volume, 0o777)
    subprocess.run(["tar", "-C", volume, "-xJf", VOLUME], check=True)
    subprocess.run(["chown", "-R", "999:999", os.path.join(volume, "data")], check=True)


def note(store):
    (path,) = glob.glob(os.path.join(store.work, "volume-mysql/data/m*_upgrade_info"))
    with open(path) as file:
        return file.read()


def upgrades(store):
    return store.mysql.log().count(SAYS)


def assert_whole(store):
    release = store.sql("SELECT VERSION()")[0][0]
    assert note(store).split(".")[:2] == release.split(".")[:2], (note(store), release)
    assert store.sql("SELECT status, ROUND(total_amount, 1) FROM wp_wc_orders") == [["wc-processing", "44.7"]]
    # The columns that this release has and the old one had not.
    assert store.sql("SELECT COUNT(*) FROM mysql.user WHERE User = 'wordpress'") == [["1"]]
    state = store.state()
    assert state["installed"] and state["admin"] and state["marker"] == "digest-1", state
    # The server of the upgrade is gone. Those of containers that ended are process 1's children here, which it never asks about.
    states = subprocess.run(["ps", "-C", "mariadbd", "-o", "stat="], capture_output=True, text=True).stdout.split()
    assert len([state for state in states if not state.startswith("Z")]) == 1, states


def an_older_volume_is_brought_up_to_date(store):
    store.snapshot("before-upgrade")
    lay_old_volume(store)
    before = upgrades(store)
    took = store.start_mysql()
    assert upgrades(store) == before + 1
    assert_whole(store)
    store.mysql.stop()
    store.start_mysql()
    assert upgrades(store) == before + 1, "once is enough"
    assert_whole(store)
    return f"first start {took:.1f} s"


def a_killed_upgrade_begins_again(store):
    points = []
    for part in range(5):
        lay_old_volume(store)
        before = upgrades(store)
        store.mysql.start()
        wait_for("the upgrade", lambda: upgrades(store) > before)
        deadline = time.monotonic() + part * 0.6
        wait_for("the moment", lambda: time.monotonic() >= deadline)
        store.mysql.destroy()
        points.append(note(store))
        store.start_mysql()
        assert_whole(store)
    return ", ".join(points)


def a_newer_volume_is_refused_untouched(store):
    store.mysql.stop()
    path = os.path.join(store.work, "volume-mysql/data/mariadb_upgrade_info")
    was = note(store)
    try:
        with open(path, "w") as file:
            file.write("99.1.2-MariaDB")
        store.mysql.start()
        wait_for("its end", lambda: not store.mysql.running())
        assert "mysql: the data is of MariaDB 99.1, and this image has" in store.mysql.log()
    finally:
        store.mysql.destroy()
        with open(path, "w") as file:
            file.write(was)
        store.restore("before-upgrade")


CHECKS = [an_older_volume_is_brought_up_to_date, a_killed_upgrade_begins_again, a_newer_volume_is_refused_untouched]
