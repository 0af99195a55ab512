"""Runs the checks of images/test in order and prints a line for each."""

import argparse
import glob
import os
import shutil
import sys
import time
import traceback

import check_backup
import check_bootstrap
import check_build
import check_capacity
import check_content
import check_crashes
import check_gate
import check_lists
import check_merchant
import check_shop
import check_snapshot
import check_update
import check_upgrade
from oci import unpack
from store import Store

CHECKS = [*check_build.CHECKS, *check_capacity.CHECKS, *check_bootstrap.CHECKS, *check_capacity.RUNNING_CHECKS,
          *check_shop.CHECKS, *check_merchant.CHECKS, *check_lists.CHECKS, *check_content.CHECKS, *check_update.CHECKS, *check_gate.CHECKS, *check_crashes.CHECKS, *check_snapshot.CHECKS,
          *check_upgrade.CHECKS, *check_backup.CHECKS]


def load(work, cache, names):
    """The root folders and configurations of the images, unpacked once per tag."""
    roots, configs = {}, {}
    keep = set()
    for name in names:
        image, tag = name.rsplit("/", 1)[1].split(":")
        root = os.path.join(work, "roots", f"{image}-{tag}")
        configs[image] = unpack(os.path.join(cache, f"{image}-{tag}.tar"), root)
        roots[image] = root
        keep.add(root)
    for other in glob.glob(os.path.join(work, "roots", "*")):
        if other not in keep:
            shutil.rmtree(other)
    return roots, configs


def run(store, only):
    failed = passed = 0
    for check in CHECKS:
        if only and check.__name__ not in only:
            continue
        begin = time.monotonic()
        try:
            facts = check(store) or ""
        except Exception:
            failed += 1
            print(f"FAIL  {check.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
            traceback.print_exc()
            sys.stderr.flush()
        else:
            passed += 1
            print(f"ok    {check.__name__} ({time.monotonic() - begin:.1f} s)  {facts}", flush=True)
    if failed:
        print("--- log of wordpress\n" + store.wordpress.log()[-4000:], "--- log of mysql\n" + store.mysql.log()[-1500:])
    print(f"{passed} passed, {failed} failed")
    return failed


def remove_cgroups():
    for folder in glob.glob("/sys/fs/cgroup/*/sendstores-images-test") + glob.glob("/sys/fs/cgroup/sendstores-images-test"):
        for child in [*glob.glob(folder + "/*/"), folder]:
            try:
                os.rmdir(child)
            except OSError:
                pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("names", nargs=3)
    parser.add_argument("only", nargs="*")
    parser.add_argument("--s3", required=True, help="versitygw, which the checks of backups store in")
    options = parser.parse_args()
    known = [check.__name__ for check in CHECKS]
    unknown = [name for name in options.only if name not in known]
    if unknown:
        # Otherwise a misspelt name would be a test in which nothing failed.
        parser.exit(2, f"images/test: no check {', '.join(unknown)}. There are: {', '.join(known)}\n")

    store_folder = os.path.join(options.work, "store")
    shutil.rmtree(store_folder, ignore_errors=True)
    roots, configs = load(options.work, options.cache, options.names)
    store = Store(store_folder, roots, configs)
    store.s3_program = options.s3
    try:
        return run(store, options.only)
    finally:
        store.destroy()
        remove_cgroups()


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
