"""What the memory of a container is used for."""

import os
import subprocess
import tempfile

IMAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
POOL = os.path.join(IMAGES, "mysql/buffer-pool")
WORKERS = os.path.join(IMAGES, "woocommerce/rootfs/usr/local/bin/workers")
MIB = 1 << 20


def said(script, limit):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "memory.max")
        if limit is not None:
            with open(file, "w") as out:
                out.write(f"{limit}\n")
        return subprocess.run([script, os.path.join(folder, "none"), file], check=True, capture_output=True, text=True).stdout.strip()


def more_memory_is_a_larger_pool_and_more_workers(_store=None):
    # The chart's figures for the local and the production environment.
    assert said(POOL, 384 * MIB) == "64M" and said(WORKERS, 512 * MIB) == "8"
    assert said(POOL, 1024 * MIB) == "384M" and said(WORKERS, 1024 * MIB) == "24"
    assert said(WORKERS, 1 << 36) == "48", "the database takes no more"
    return f"2 GiB: {said(POOL, 2048 * MIB)}, {said(WORKERS, 2048 * MIB)} workers"


def without_a_limit_a_container_is_a_small_one(_store=None):
    for limit in (None, "max", 9223372036854771712, "", "lots", 64 * MIB):
        assert (said(POOL, limit), said(WORKERS, limit)) == ("64M", "8"), limit


def the_programs_take_these_figures(store):
    # These containers see no cgroup.
    rows = store.sql("SELECT @@innodb_buffer_pool_size")
    assert int(rows[0][0]) == 64 * MIB, rows
    code, out, err = store.wordpress.exec("/bin/bash", "-c", "tr '\\0' '\\n' </proc/1/environ | grep ^APACHE_WORKERS=")
    assert (code, out.strip()) == (0, "APACHE_WORKERS=8"), (out, err)


CHECKS = [more_memory_is_a_larger_pool_and_more_workers, without_a_limit_a_container_is_a_small_one]
# Once the store runs.
RUNNING_CHECKS = [the_programs_take_these_figures]
