"""One row of images/matrix: a store of this image by both ways, with http and with https, compared, and somebody buys in it."""

import argparse
import os
import shutil
import sys

import check_shop
from check_snapshot import OTHER, three_programs, undisturbed, use_home
from main import load, remove_cgroups
from store import URL, Store
from tables import differences, whole_database

TLS = "https://shop.example"


def way(store, url, changes):
    """How a store of this address is made: the seconds that both ways took (None where there is no snapshot), and what was compared."""
    if store.home != url:
        use_home(store, url)
    undisturbed(store)
    installed = three_programs(store, **changes)
    reference = whole_database(store)
    store.drop_everything()
    if not store.state()["restorable"]:
        return None, installed, 0
    _, restored = store.must("restore", store.restore_request(**changes))
    found = differences(reference, whole_database(store))
    assert not found, found
    return restored, installed, sum(len(rows) for rows in reference.values())


def buy(store, make):
    make(store)
    check_shop.shop_page_lists_the_product(store)
    check_shop.a_shopper_buys(store)


def restore_it(store):
    store.drop_everything()
    store.must("restore", store.restore_request())


def row(store):
    store.start_mysql()
    store.start_wordpress()
    version = store.state()["woocommerce_code"]
    secure, _, more = way(store, TLS, OTHER)
    plain, installed, compared = way(store, URL, {})
    ways = {"installed": three_programs} | ({"restored": restore_it} if plain else {})
    undisturbed(store)
    for make in ways.values():
        buy(store, make)
    says = {True: "restored", False: "installed"}
    cells = [version, says[plain is not None], says[secure is not None], f"{plain:.1f}" if plain else "", f"{installed:.1f}",
             f"{compared + more} rows" if compared + more else "", " and ".join(ways)]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("names", nargs=2)
    options = parser.parse_args()
    folder = os.path.join(options.work, "store")
    shutil.rmtree(folder, ignore_errors=True)
    store = Store(folder, *load(options.work, options.cache, options.names))
    try:
        print(row(store))
    except BaseException:
        print("--- log of wordpress\n" + store.wordpress.log()[-3000:], file=sys.stderr)
        raise
    finally:
        store.destroy()
        remove_cgroups()


if __name__ == "__main__":
    sys.exit(main())
