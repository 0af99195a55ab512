"""A store restored from the image's snapshot is the one that `install`, `activate` and `configure` make, whatever happens meanwhile."""

import glob
import hashlib
import os
import shutil
import statistics
import subprocess
import time

import check_bootstrap
import check_shop
from check_crashes import run_killed, stop_at
from runtime import bind
from store import ADMIN, URL
from tables import differences, whole_database

RESTORE_TABLE = "wp_sendstores_restore"
# Every setting another one, and what may be left out left out.
OTHER = {"title": "Käse & \"Brot\" 'n' <b>more</b> --x", "admin_user": "A. Merchant@shop_1-x", "admin_email": "else@where.example",
         "country": "US:CA", "currency": "JPY", "timezone": "UTC", "taxes": True, "tax_rate": "7.25", "prices_include_tax": True, "weight_unit": "oz",
         "dimension_unit": "yd", "payment_methods": ["cheque"], "flat_rate": None, "sample_catalogue": False, "marker": "digest-other"}


# Behind the tables, up to the marks of the end.
STATEMENTS = [
    ("wp_users", "UPDATE", "NEW.user_pass <> ''"),
    ("wp_options", "UPDATE", "NEW.option_name = 'woocommerce_currency'"),
    ("wp_postmeta", "INSERT", "NEW.meta_key = '_sku'"),
    ("wp_options", "INSERT", "NEW.option_name = 'sendstores_installed'"),
    ("wp_options", "INSERT", "NEW.option_name = 'sendstores_activated'"),
    ("wp_options", "INSERT", "NEW.option_name = 'sendstores_bootstrap'"),
]


def three_programs(store, **changes):
    store.drop_everything()
    request = store.restore_request(**changes)
    return sum(store.must(name, {} if name == "activate" else request)[1] for name in ("install", "activate", "configure"))


def restored(store, **changes):
    store.drop_everything()
    answer, took = store.must("restore", store.restore_request(**changes))
    assert answer["attempt"] == 1 and "settings" in answer["changed"], answer
    return took


def uploads(store):
    """Names and contents. A log of the installation has a random name."""
    found = {}
    for path in glob.glob(store.content("uploads/**"), recursive=True, include_hidden=True):
        if os.path.isfile(path) and not path.endswith(".log"):
            with open(path, "rb") as file:
                found[os.path.relpath(path, store.content("uploads"))] = hashlib.sha256(file.read()).hexdigest()
    return found


def assert_same(store, reference, what):
    found = differences(reference, whole_database(store))
    assert not found, (what, found)


def the_snapshot_is_offered_to_an_empty_store(store):
    store.drop_everything()
    assert store.state()["restorable"] is True
    assert store.state(locale="de_DE")["restorable"] is False
    code, answer, _ = store.step("restore", store.restore_request(locale="de_DE"))
    assert (code, answer["reason"]) == (1, "NO_SNAPSHOT"), answer
    for wrong in ({"admin_password": "it's"}, {"url": "http://other.example"}, {"marker": ""}, {"taxes": "no"}):
        code, answer, _ = store.step("restore", store.restore_request(**wrong))
        assert (code, answer["reason"]) == (65, "BAD_REQUEST"), (wrong, answer)
    assert store.state()["tables"] == 0


def both_paths_end_in_the_same_database(store):
    undisturbed(store)
    rows = 0
    for changes in ({}, OTHER):
        three_programs(store, **changes)
        reference, files = whole_database(store), uploads(store)
        restored(store, **changes)
        assert_same(store, reference, changes)
        assert uploads(store) == files, (uploads(store), files)
        assert store.state(changes.get("admin_user", ADMIN))["marker"] == changes.get("marker", "digest-1")
        rows += sum(len(table) for table in reference.values())
    return f"{len(reference)} tables, {rows} rows"


def so_they_do_for_a_shop_with_tls(store):
    try:
        use_home(store, "https://shop.example")
        three_programs(store)
        reference = whole_database(store)
        restored(store)
        assert_same(store, reference, store.home)
        assert "golden" not in repr(reference), "a text of the made-up store"
    finally:
        use_home(store, URL)


def undisturbed(store):
    """What a page of an earlier check has begun goes on in its web server, in whatever database is there then."""
    use_home(store, store.home)


def use_home(store, url):
    store.home = url
    store.wordpress.stop()
    store.start_wordpress()


def a_restored_shop_sells(store):
    with check_bootstrap.ArgumentLists() as seen:
        restored(store)
    assert any("/opt/sendstores/restore" in text for text in seen.texts)
    assert not any(store.admin_password in text for text in seen.texts), "the password was in an argument list"
    for check in (check_shop.shop_page_lists_the_product, check_shop.store_api_says_purchasable, check_shop.a_shopper_buys,
                  check_shop.the_owner_logs_in):
        check(store)
    answer, _ = store.must("restore", store.restore_request())
    assert answer["changed"] == [] and store.sql("SELECT COUNT(*) FROM wp_wc_orders") == [["1"]], answer


def dice_are_rolled_for_each_store(store):
    seen = []
    for _ in range(2):
        restored(store)
        dice = [store.option("woocommerce_store_id"), store.sql("SELECT user_pass FROM wp_users")[0][0]]
        # The stand-in has no such settings.
        location = store.option("woocommerce_maxmind_geolocation_settings")
        seen.append(dice + ([location] if location else []))
    assert len(seen[0]) == len(seen[1]) and all(one and one != other for one, other in zip(*seen)), seen


def restore_killed(store):
    """Killed at any number of tables, and then at any time up to the end: the next one ends in the same database."""
    undisturbed(store)
    took = restored(store)
    reference, points, left = whole_database(store), [], set()
    for point in (0, 1, 6, 20, 40, *(took * part / 10 for part in range(1, 10)), *STATEMENTS):
        store.drop_everything()
        if isinstance(point, tuple):
            points.append(f"{stop_at(store, 'restore', store.restore_request(), point, lambda: rows_are_there(store))}")
        else:
            run_killed(store, "restore", store.restore_request(), restore_point(store, point))
            points.append(str(store.state()["tables"]))
        left.add(goes_on(store))
        assert_same(store, reference, point)
        assert not store.sql(f"SHOW TABLES LIKE '{RESTORE_TABLE}'")
    # Begun anew; and, behind its first end marks, finished by `configure`. Never activated again. The stand-in lacks the
    # table by which a statement behind the rows is waited for.
    must = {"restore", "configure"} if rows_are_there(store) else {"restore"}
    assert must <= left <= {"restore", "configure", "done"}, left
    return "tables left, or whether the statement was met: " + ", ".join(points)


def goes_on(store):
    """What the control plane does next, again and again; returns what came first."""
    first = None
    while True:
        state = store.state()
        if state["marker"]:
            return first or "done"
        done = state["installed"] and state["admin"]
        name = "restore" if state["restorable"] else "install" if not done else "configure" if state["woocommerce_version"] else "activate"
        first = first or name
        store.must(name, {} if name == "activate" else store.restore_request())


def rows_are_there(store):
    tables = store.sql("SHOW TABLES LIKE 'wp_woocommerce_tax_rate_locations'")
    return bool(tables) and store.sql("SELECT COUNT(*) FROM wp_users") == [["1"]]


def restore_point(store, point):
    folder = os.path.join(store.work, "volume-mysql/data/wordpress")
    begin = time.monotonic()
    if isinstance(point, int):
        return lambda: len(glob.glob(folder + "/*.frm")) > point
    return lambda: time.monotonic() > begin + point


def three_failures_are_enough(store):
    """What never ends is not tried for ever: the three programs take over, and clean up."""
    three_programs(store)
    reference = whole_database(store)
    store.drop_everything()
    store.sql("REVOKE INSERT ON wordpress.* FROM 'wordpress'@'%'")
    for attempt in (1, 2, 3):
        assert store.state()["restorable"] is True
        code, answer, _ = store.step("restore", store.restore_request())
        assert (code, answer["reason"]) == (1, "DATABASE_ERROR"), answer
        assert store.state()["restore_attempts"] == attempt
    store.sql("GRANT INSERT ON wordpress.* TO 'wordpress'@'%'")
    state = store.state()
    assert state["restorable"] is False and state["restoring"] is True, state
    code, answer, _ = store.step("restore", store.restore_request())
    assert (code, answer["reason"]) == (1, "GIVEN_UP"), answer
    run_killed(store, "install", store.install_request(), restore_point(store, 9))
    assert store.state()["restorable"] is False, "given up for good"
    answer, _ = store.must("install", store.install_request())
    assert answer["repaired"] is True and store.state()["restoring"] is False
    for name in ("activate", "configure"):
        store.must(name, {} if name == "activate" else store.configure_request())
    assert_same(store, reference, "given up")


def other_code_has_no_snapshot(store):
    """A layer over WordPress, or content on the volume that is not the image's: then the three programs make the store."""
    store.drop_everything()
    plugin = store.content("plugins/woocommerce")
    linked = os.readlink(plugin)
    os.unlink(plugin)
    subprocess.run(["cp", "-a", os.path.join(store.roots["woocommerce"], linked[1:]), plugin], check=True)
    assert_not_offered(store)
    shutil.rmtree(plugin)
    os.symlink(linked, plugin)
    assert store.state()["restorable"] is True
    newer = os.path.join(store.work, "version.php")
    with open(os.path.join(store.roots["woocommerce"], "srv/wordpress/wp-includes/version.php")) as file:
        write(newer, file.read() + "// another release\n")
    store.wordpress.stop()
    store.start_wordpress(mounts=[bind(newer, "/srv/wordpress/wp-includes/version.php", "ro")])
    assert_not_offered(store)
    three_programs(store)
    store.wordpress.stop()
    store.start_wordpress()


def a_volume_without_the_plugin_is_told(store):
    """Whichever program meets it first says so, and has changed nothing."""
    store.drop_everything()
    plugin = store.content("plugins/woocommerce")
    os.rename(plugin, plugin + "-away")
    code, answer, _ = store.step("restore", store.restore_request())
    assert (code, answer["reason"]) == (1, "PLUGIN_MISSING") and store.state()["tables"] == 0, answer
    store.must("install", store.install_request())
    code, answer, _ = store.step("activate", {})
    assert (code, answer["reason"]) == (1, "PLUGIN_MISSING") and not store.state()["active"], answer
    os.rename(plugin + "-away", plugin)
    store.must("activate", {})


def assert_not_offered(store):
    code, answer, _ = store.step("restore", store.restore_request())
    assert (code, answer["reason"]) == (1, "NO_SNAPSHOT"), answer
    state = store.state()
    assert state["restorable"] is False and state["tables"] == 0, state


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def a_restore_is_quicker(store):
    took = [(three_programs(store), restored(store)) for _ in range(5)]
    three, one = (statistics.median(times) for times in zip(*took))
    assert one < three, took
    return f"median of 5: three programs {three:.2f} s, restore {one:.2f} s"


CHECKS = [
    the_snapshot_is_offered_to_an_empty_store,
    both_paths_end_in_the_same_database,
    so_they_do_for_a_shop_with_tls,
    a_restored_shop_sells,
    dice_are_rolled_for_each_store,
    restore_killed,
    three_failures_are_enough,
    other_code_has_no_snapshot,
    a_volume_without_the_plugin_is_told,
    a_restore_is_quicker,
]
