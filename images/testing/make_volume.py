"""Keeps the database of a store as a file: how tests/fixtures/mariadb-10.11.tar.xz was made, with the images of the time.

usage: as main.py (images/test has the namespaces), with the file to write in place of the checks. The server is killed, as a
node that loses power does it, so that whoever reads the data has to recover it first.
"""

import argparse
import os
import shutil
import subprocess
import sys

import check_shop
from main import load, remove_cgroups
from store import Store


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("names", nargs=3)
    parser.add_argument("file")
    options = parser.parse_args()
    folder = os.path.join(options.work, "store")
    shutil.rmtree(folder, ignore_errors=True)
    store = Store(folder, *load(options.work, options.cache, options.names))
    try:
        store.start_mysql()
        store.start_wordpress()
        store.bootstrap()
        check_shop.a_shopper_buys(store)
        store.mysql.destroy()
        subprocess.run(["tar", "-C", os.path.join(folder, "volume-mysql"), "--sparse", "--numeric-owner", "-cJf", options.file, "data"],
                       check=True)
    finally:
        store.destroy()
        remove_cgroups()


if __name__ == "__main__":
    sys.exit(main())
