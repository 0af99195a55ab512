"""SIGKILL at many exact points of each bootstrap step; what follows always ends in the same store.

A point is a number of tables that exist, or a statement: a trigger makes the database wait at that statement, the process
is killed while it waits, and the step is run again.
"""

import contextlib
import glob
import json
import os
import threading
import time

from check_bootstrap import fingerprint
from runtime import kill_process
from store import wait_for

ACTIVATE_STATEMENTS = [
    ("wp_options", "INSERT", "NEW.option_name = 'wc_installing'"),
    ("wp_posts", "INSERT", "NEW.post_name = 'cart'"),
    ("wp_options", "INSERT", "NEW.option_name = 'woocommerce_version'"),
    ("wp_options", "INSERT", "NEW.option_name = 'woocommerce_db_version'"),
    ("wp_options", "DELETE", "OLD.option_name = 'wc_installing'"),
    ("wp_options", "INSERT", "NEW.option_name = 'woocommerce_admin_install_timestamp'"),
    ("wp_options", "UPDATE", "NEW.option_name = 'active_plugins'"),
    ("wp_options", "INSERT", "NEW.option_name = 'sendstores_activated'"),
]
CONFIGURE_STATEMENTS = [
    ("wp_options", "UPDATE", "NEW.option_name = 'woocommerce_newly_installed'"),
    ("wp_options", "UPDATE", "NEW.option_name = 'woocommerce_currency'"),
    ("wp_options", "INSERT", "NEW.option_name = 'woocommerce_bacs_settings'"),
    ("wp_woocommerce_shipping_zone_methods", "INSERT", "TRUE"),
    ("wp_options", "INSERT", "NEW.option_name LIKE 'woocommerce\\_flat\\_rate\\_%\\_settings'"),
    ("wp_posts", "INSERT", "NEW.post_type = 'product'"),
    ("wp_postmeta", "INSERT", "NEW.meta_key = '_sku'"),
    ("wp_postmeta", "INSERT", "NEW.meta_key = '_price'"),
    ("wp_wc_product_meta_lookup", "INSERT", "TRUE"),
    ("wp_options", "UPDATE", "NEW.option_name = 'sendstores_steps' AND NEW.option_value LIKE '%catalogue%'"),
    ("wp_options", "INSERT", "NEW.option_name = 'sendstores_bootstrap'"),
]


def install_killed(store):
    store.drop_everything()
    reference, points, halves = None, [], set()
    for tables in (None, 1, 4, 8, 12, "options", "user", "posts"):
        if tables is None:
            store.drop_everything()
        else:
            left = installed_up_to(store, tables)
            points.append(f"{tables}:{left['tables']}t{'+admin' if left['admin'] else ''}")
            assert left["interrupted"] is (left["tables"] > 0 and not left["installed"]), (tables, left)
            halves.add("tables" if left["tables"] < 12 else "admin" if left["admin"] else "options" if store.option("siteurl") else "empty")
        answer, _ = store.must("install", store.install_request())
        state = store.state()
        assert state["installed"] and state["admin"] and state["tables"] == 12, (tables, state, answer)
        now = fingerprint(store)
        reference = reference or now
        assert now == reference, (tables, difference(reference, now))
    # Tables half made; and called installed by WordPress, without an administrator.
    assert {"tables", "options"} <= halves, halves
    store.snapshot("installed")
    return ", ".join(points)


def installed_up_to(store, tables):
    """What is left of an installation that was killed there. The administrator comes soon behind the options: a kill that
    came too late for these is made again."""
    for _ in range(10):
        store.drop_everything()
        run_killed(store, "install", store.install_request(), install_point(store, tables))
        left = store.state()
        if tables != "options" or not left["admin"]:
            break
    return left


def install_point(store, point):
    """True once the installation got that far, seen in the files of the database (polling SQL would be too slow)."""
    folder = os.path.join(store.work, "volume-mysql/data/wordpress")
    if isinstance(point, int):
        return lambda: len(glob.glob(folder + "/*.frm")) >= point
    table = {"options": "wp_options", "user": "wp_usermeta", "posts": "wp_posts"}[point]
    begin = time.monotonic()
    extra = {"options": 0.0, "user": 0.02, "posts": 0.05}[point]

    def reached():
        nonlocal begin
        if len(glob.glob(folder + "/*.frm")) < 12 or not os.path.exists(f"{folder}/{table}.ibd"):
            begin = time.monotonic()
            return False
        rows = store.sql(f"SELECT COUNT(*) FROM {table}")[0][0]
        return int(rows) > 0 and time.monotonic() > begin + extra

    return reached


def activate_killed(store):
    points, halves = [], set()
    store.restore("installed")
    store.must("activate", {})
    reference, all_tables = comparable(store), store.state()["tables"]
    for table_count in (13, 25, 40):
        store.restore("installed")
        folder = os.path.join(store.work, "volume-mysql/data/wordpress")
        run_killed(store, "activate", {}, lambda: len(glob.glob(folder + "/*.frm")) >= table_count)
        points.append(f"{store.state()['tables']} tables")
        halves.add(half_activated(store, all_tables))
        assert_activates(store, reference, table_count)
    for statement in ACTIVATE_STATEMENTS:
        store.restore("installed")
        if stop_at(store, "activate", {}, statement):
            points.append(statement[2].split("'")[1])
        halves.add(half_activated(store, all_tables))
        assert_activates(store, reference, statement)
    # Tables half made; and all of them made, with a lock that WooCommerce would honour for ten minutes, and no plugin.
    assert {"some tables", "locked"} <= halves, halves
    store.snapshot("activated")
    return "killed at " + ", ".join(points)


def half_activated(store, all_tables):
    state = store.state()
    if state["tables"] < all_tables:
        return "some tables"
    return "locked" if state["wc_installing"] and not state["active"] else "later"


def assert_activates(store, reference, point):
    store.must("activate", {})
    state = store.state()
    assert state["active"] and not state["wc_installing"] and state["woocommerce_version"] == state["woocommerce_code"], (point, state)
    now = comparable(store)
    assert now == reference, (point, difference(reference, now))


def configure_killed(store):
    points = []
    store.restore("activated")
    store.must("configure", store.configure_request())
    reference = comparable(store)
    for statement in CONFIGURE_STATEMENTS:
        store.restore("activated")
        if stop_at(store, "configure", store.configure_request(), statement):
            points.append(statement[0] if statement[2] == "TRUE" else statement[2].split("'")[1])
        store.must("configure", store.configure_request())
        assert products(store) == 1 and methods(store) == 1, (statement, products(store), methods(store))
        now = comparable(store)
        assert now == reference, (statement, difference(reference, now))
    assert "wp_wc_product_meta_lookup" in points and "_price" in points, points
    return "killed at " + ", ".join(points)


def two_at_once(store):
    for name, request, snapshot in (("install", store.install_request(), None), ("activate", {}, "installed"),
                                    ("configure", store.configure_request(), "activated"),
                                    ("restore", store.restore_request(), None)):
        store.restore(snapshot) if snapshot else store.drop_everything()
        results = []
        threads = [threading.Thread(target=lambda: results.append(store.step(name, request))) for _ in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert len(results) == 3
        changed = [answer for code, answer, _ in results if code == 0 and answer["changed"]]
        others = [answer for code, answer, _ in results if not (code == 0 and answer["changed"])]
        assert len(changed) == 1, results
        assert all(answer["ok"] or answer["reason"] == "BUSY" for answer in others), results
    assert products(store) == 1 and methods(store) == 1


def database_killed(store):
    """The database is killed while the shop is being configured, and comes back."""
    store.restore("activated")
    process = store.wordpress.popen("/opt/sendstores/configure")
    trap(store, ("wp_postmeta", "INSERT", "NEW.meta_key = '_sku'"))
    process.stdin.write(json.dumps(store.configure_request()) + "\n")
    process.stdin.flush()
    wait_for("the trap", lambda: trapped(store))
    store.mysql.destroy()
    out, err = process.communicate(timeout=60)
    assert out.strip(), (process.returncode, err)
    answer = json.loads(out.strip().splitlines()[-1])
    assert process.returncode == 75 and answer["reason"] == "DATABASE_UNAVAILABLE", answer
    took = store.start_mysql()
    store.sql("DROP TRIGGER trap")
    store.must("configure", store.configure_request())
    assert products(store) == 1 and methods(store) == 1
    return f"database recovered in {took:.2f} s"


def unreadable_is_not_empty(store):
    """A finished store of which something cannot be read: every program says so and leaves it alone."""
    store.drop_everything()
    store.bootstrap()
    before, reasons = rows_of_all_tables(store), []
    for harm in (no_select, no_options_file):
        with harm(store):
            reasons.append(all_unavailable(store))
        assert_same_rows(store, before)
    assert store.must("install", store.install_request())[0]["changed"] is False
    return "; ".join(reasons)


@contextlib.contextmanager
def no_select(store):
    store.sql("REVOKE SELECT ON wordpress.* FROM 'wordpress'@'%'")
    try:
        yield
    finally:
        store.sql("GRANT SELECT ON wordpress.* TO 'wordpress'@'%'")


@contextlib.contextmanager
def no_options_file(store):
    """The table is known, but its file is gone, as on a damaged volume."""
    file = os.path.join(store.work, "volume-mysql/data/wordpress/wp_options.ibd")
    store.mysql.stop()
    os.rename(file, file + ".away")
    store.start_mysql()
    try:
        yield
    finally:
        store.mysql.stop()
        os.rename(file + ".away", file)
        store.start_mysql()


def all_unavailable(store):
    tables = store.sql("SHOW TABLES")
    for name, request in (("install", store.install_request()), ("activate", {}), ("configure", store.configure_request()),
                          ("restore", store.restore_request())):
        code, answer, _ = store.step(name, request)
        assert store.sql("SHOW TABLES") == tables, f"{name} dropped tables and answered {answer.get('reason', 'ok')}"
        assert (code, answer["reason"]) == (75, "DATABASE_UNAVAILABLE"), (name, code, answer["reason"], answer["detail"])
    state = store.state()
    assert list(state) == ["database"] and state["database"] in answer["detail"], (state, answer["detail"])
    return state["database"]


def finished_is_never_dropped(store):
    """A store that lost its options or its administrator is no interrupted installation."""
    store.drop_everything()
    store.bootstrap()
    before = rows_of_all_tables(store)
    store.sql("RENAME TABLE wp_options TO kept_options")
    assert_left_alone(store, store.install_request())
    store.sql("RENAME TABLE kept_options TO wp_options")
    assert_same_rows(store, before)
    store.sql("DELETE FROM wp_options WHERE option_name = 'sendstores_bootstrap'")
    assert_left_alone(store, store.install_request(admin_user="somebody"))


def assert_left_alone(store, request):
    before = rows_of_all_tables(store)
    for program in ("install", "restore"):
        _, answer, _ = store.step(program, store.configure_request() | request)
        assert_same_rows(store, before)
        assert answer["reason"] == "NOT_EMPTY", (program, answer["reason"], answer["detail"])
    assert store.state(request["admin_user"])["restorable"] is False


def assert_same_rows(store, before):
    changed = set(before.items()) ^ set(rows_of_all_tables(store).items())
    assert not changed, sorted(changed)


def orders_are_never_dropped(store):
    """A database without marks but with orders is no interrupted installation, whatever else it looks like."""
    store.sql("DELETE FROM wp_options WHERE option_name LIKE 'sendstores%'; "
              "INSERT INTO wp_wc_orders (id, status, type) VALUES (77, 'wc-processing', 'shop_order')")
    assert_left_alone(store, store.install_request())
    assert store.sql("SELECT id FROM wp_wc_orders") == [["77"]]


# === how a point is hit ===

def run_killed(store, name, request, reached):
    """Runs a step and kills it as soon as `reached`; it may also end before."""
    pid_file = os.path.join(store.work, "pid")
    process = store.wordpress.popen(f"/opt/sendstores/{name}", pid_file=pid_file)
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    while process.poll() is None and not reached():
        time.sleep(0.001)
    if process.poll() is None:
        kill_process(pid_file)
    process.communicate()
    wait_for("the connection is gone", lambda: not connections(store))


def trap(store, statement):
    table, event, condition = statement
    # A row that is compared as the database stores it: the option's own name, not a pattern of it.
    store.sql(f"CREATE TRIGGER trap BEFORE {event} ON {table} FOR EACH ROW SET @trap = IF({condition}, SLEEP(60), 0)")


def trapped(store):
    return bool(connections(store, "state = 'User sleep'"))


def connections(store, which="user = 'wordpress' OR state = 'User sleep'"):
    """Those of the application. While one is in the trap it is shown as the user who made the trap."""
    return [row[0] for row in store.sql(f"SELECT id FROM information_schema.processlist WHERE {which}")]


def end(store, connection):
    try:
        store.sql(f"KILL CONNECTION {connection}")
    except AssertionError as error:
        if "ERROR 1094" not in str(error):  # it has ended by itself since it was listed
            raise


def stop_at(store, name, request, statement, tables_are_there=None):
    """Kills the step while it waits at the statement; False when it ended without ever coming there.

    The trap is set beforehand, or, where the step makes the tables itself, as soon as they are there."""
    hit, is_set = [], tables_are_there is None
    if is_set:
        trap(store, statement)

    def reached():
        nonlocal is_set
        if not is_set and tables_are_there():
            trap(store, statement)
            is_set = True
        if trapped(store):
            hit.append(True)
        return bool(hit)

    pid_file = os.path.join(store.work, "pid")
    process = store.wordpress.popen(f"/opt/sendstores/{name}", pid_file=pid_file)
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    while process.poll() is None and not reached():
        time.sleep(0.01)
    if process.poll() is None:
        kill_process(pid_file)
    process.communicate()
    # The server notices a dead client at the end of its statement; it need not wait the whole minute here.
    for connection in connections(store):
        end(store, connection)
    wait_for("the connection is gone", lambda: not connections(store))
    store.sql("DROP TRIGGER IF EXISTS trap")
    return bool(hit)


# === what is compared ===

def comparable(store):
    """The fingerprint after one page view, which adds what WooCommerce only writes on a visit."""
    store.get("/")
    return fingerprint(store)


def rows_of_all_tables(store):
    names = [name for name, in store.sql("SHOW TABLES")]
    return {name: store.sql(f"SELECT COUNT(*) FROM {name}")[0][0] for name in names}


def products(store):
    return int(store.sql("SELECT COUNT(*) FROM wp_posts WHERE post_type = 'product'")[0][0])


def methods(store):
    return int(store.sql("SELECT COUNT(*) FROM wp_woocommerce_shipping_zone_methods")[0][0])


def difference(reference, now):
    """What stands only in the one, and only in the other."""
    only = {}
    for name, before, after in zip(("options", "counts"), reference, now):
        only[name] = {"reference": sorted(set(before) - set(after)), "now": sorted(set(after) - set(before))}
    return only


CHECKS = [install_killed, activate_killed, configure_killed, two_at_once, database_killed, unreadable_is_not_empty,
          finished_is_never_dropped, orders_are_never_dropped]
