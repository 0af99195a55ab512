"""A newer image beside the one that serves: it migrates once, answers, and only then takes visitors; and back again."""

import contextlib
import os
import re
import threading

from check_content import SHARE, read, share, write
from load import Load
from runtime import bind
from store import ADMIN, wait_for

PLUGIN = "plugins/woocommerce"
CORE = "wp-includes/version.php"
NEWER = "99.0.0"


def an_update_fails_no_request(store):
    """The code of before serves while the newer one migrates, and both at once; then the newer alone."""
    store.snapshot("before-update")
    old, before = "127.0.0.1", versions(store)
    with Load(store, [old]) as load:
        wait_for("visitors", lambda: load.count(old) >= 30)
        with pod(store, 21, release(store)) as (newer, new):
            took = ready(store, new)
            assert versions(store) == (NEWER, before[1] + 1), versions(store)
            assert "updated: wordpress, woocommerce" in newer.log(), newer.log()[-2000:]
            met = load.count(old)
            wait_for("visitors of the old code after the migration", lambda: load.count(old) >= met + 30)
            load.addresses = [old, new]
            wait_for("visitors of both", lambda: load.count(new) >= 30)
            load.addresses = [new]
            wait_for("the last visitor of the old code", lambda: load.idle(old))
            store.wordpress.stop()
            met = load.count(new)
            wait_for("visitors of the new code alone", lambda: load.count(new) >= met + 30)
            # The code goes back, on the newer database.
            store.start_wordpress()
            load.addresses = [old]
            wait_for("the last visitor of the new code", lambda: load.idle(new))
            newer.stop()
            met = load.count(old)
            wait_for("visitors after the way back", lambda: load.count(old) >= met + 30)
    assert load.failures == [], load.failures[:5]
    assert versions(store) == (NEWER, before[1] + 1), "an older release changes nothing"
    rows = [int(row[0]) for row in store.sql("SELECT id FROM wp_wc_orders")]
    assert load.orders and set(load.orders) <= set(rows), (load.orders, rows)
    return f"ready {took:.1f} s after its start; {sum(load.answered.values())} requests, {len(load.orders)} orders, longest {load.longest:.1f} s, 0 failed"


def two_starts_migrate_once(store):
    store.restore("before-update")
    with pod(store, 21, release(store)) as (one, first), pod(store, 22, release(store)) as (other, second), lock_held(store) as release_lock:
        wait_for("both to want the lock", lambda: waiting_for_lock(store) == 2)
        release_lock()
        ready(store, first)
        ready(store, second)
        said = sorted(re.findall(r"up to date, updated: (.*)", one.log() + other.log()))
    assert said == ["nothing", "wordpress, woocommerce"], said


def a_killed_migration_is_done_again(store):
    points = []
    conditions = [lambda: store.sql("SELECT IS_USED_LOCK('sendstores_bootstrap')") != [["NULL"]], lambda: versions(store)[1] == before[1] + 1,
                  lambda: versions(store)[0] == NEWER]
    for reached in conditions:
        store.restore("before-update")
        before = versions(store)
        with pod(store, 21, release(store)):
            wait_for("the point", reached)
        points.append(str(versions(store) == (NEWER, before[1] + 1)))
        # What an updater leaves that was killed: the plugin's own lock, which it honours for ten minutes.
        store.sql("REPLACE INTO wp_options (option_name, option_value, autoload) VALUES ('wc_installing', UNIX_TIMESTAMP(), 'no')")
        store.sql("UPDATE wp_options SET option_value = '0.0.1' WHERE option_name = 'woocommerce_version'")
        with pod(store, 21, release(store)) as (_, address):
            ready(store, address)
            assert versions(store) == (NEWER, before[1] + 1)
            assert store.status("/shop/", address=address) == 200
    return " ".join(points)


def a_bad_release_takes_no_visitor(store):
    """Each says why in its log, and the code of before sells on."""
    empty = os.path.join(store.work, "no-plugin")
    os.makedirs(empty, exist_ok=True)
    fatal = "<?php\nif ( PHP_SAPI !== 'cli' && isset( $_GET['%s'] ) ) { no_such_function(); }\nrequire __DIR__ . '/sendstores/cron.php';\n"
    bad = {
        "cannot be updated: PLUGIN_MISSING": [bind(empty, f"{SHARE}/wp-content/{PLUGIN}", "ro")],
        "cannot be updated: PHP_FATAL": release(store, plugin=lambda text: text + "\nno_such_function();\n"),
        "the page of products answers 500": [changed(store, "wp-content/mu-plugins/sendstores.php", lambda _: fatal % "post_type")],
        "the Store API answers 500": [changed(store, "wp-content/mu-plugins/sendstores.php", lambda _: fatal % "rest_route")],
    }
    for why, mounts in bad.items():
        store.restore("before-update")
        with pod(store, 21, [*mounts, changed(store, "content-hash", lambda _: f"{len(why):064}")]) as (newer, address):
            wait_for(why, lambda: re.search("startup: .*" + why, newer.log()))
            assert store.request("GET", "/readyz.php", address=address)[::2] == (503, "starting\n")
            # The addresses of products are rules in the database, which the code of before serves by.
            [[rules]] = store.sql("SELECT option_value FROM wp_options WHERE option_name = 'rewrite_rules'")
            assert "product/" in rules and "Sample product" in store.get("/shop/")[2]
            store.must("configure", store.configure_request())


def a_broken_shop_lets_its_owner_in(store):
    """Code that has served this shop before is ready in any case; new code where nothing else could serve, too."""
    store.restore("before-update")
    store.wordpress.stop()
    store.start_wordpress()
    broken = store.content("mu-plugins", "broken.php")
    write(broken, "<?php\nadd_action( 'template_redirect', static fn() => no_such_function(), 0 );\n")
    try:
        store.wordpress.stop()
        store.start_wordpress()
        assert "startup: the page of products answers 500" in store.wordpress.log()
        assert (store.status("/shop/"), store.status("/wp-login.php")) == (500, 200)
        with pod(store, 21, release(store), env={"WORDPRESS_START_CHECK": "once"}) as (_, address):
            ready(store, address)
            assert versions(store)[0] == NEWER
    finally:
        os.unlink(broken)
    store.wordpress.stop()
    store.restore("before-update")
    store.start_wordpress()
    assert store.state()["admin"] and store.state(ADMIN)["woocommerce_version"] != NEWER


def a_pod_that_ends_stays_while_requests_come(store):
    """`leave` runs before Apache is asked to stop: one pod has shoppers, and one has none."""
    with Load(store, ["127.0.0.1"], buyers=0) as load, pod(store, 21, []) as (idle, address):
        ready(store, address)
        wait_for("shoppers", lambda: load.count("127.0.0.1") >= 10)
        visited, alone = store.wordpress.popen("leave"), idle.popen("leave")
        wait_for("the pod without requests", lambda: alone.poll() is not None)
        assert visited.poll() is None, "it ends under its shoppers"
    wait_for("the pod after its last request", lambda: visited.poll() is not None)
    assert (visited.returncode, alone.returncode, load.failures) == (0, 0, [])


@contextlib.contextmanager
def lock_held(store):
    """The bootstrap's lock, taken by a session of the database's root; the function ends that session."""
    thread = threading.Thread(target=lambda: store.sql("DO GET_LOCK('sendstores_bootstrap', 0); DO IF(SLEEP(300), 0, 0)"))
    thread.start()
    wait_for("the lock", lambda: store.sql("SELECT IS_USED_LOCK('sendstores_bootstrap')") != [["NULL"]])

    def release_lock():
        for (number,) in store.sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'DO IF(SLEEP%'"):
            store.sql(f"KILL QUERY {number}")
        thread.join()

    try:
        yield release_lock
    finally:
        release_lock()


def waiting_for_lock(store):
    return len(store.sql("SELECT id FROM information_schema.processlist WHERE user = 'wordpress' AND info LIKE 'SELECT GET_LOCK%'"))


@contextlib.contextmanager
def pod(store, number, mounts, env=None):
    container, address = store.start_pod(number, mounts, env)
    try:
        yield container, address
    finally:
        container.destroy()
        os.unlink(container.log_path)


def ready(store, address):
    return wait_for("readiness", lambda: store.status("/readyz.php", address=address) == 200)


def release(store, plugin=lambda text: text):
    """What makes the image one of a newer WordPress and a newer WooCommerce."""
    version = re.search(r"Version:\s*(\S+)", read(share(store, "wp-content", PLUGIN, "woocommerce.php")))[1]
    files = [f"wp-content/{PLUGIN}/woocommerce.php", f"wp-content/{PLUGIN}/includes/class-woocommerce.php"]
    newer = [changed(store, path, lambda text: plugin(text.replace(version, NEWER)) if path == files[0] else text.replace(version, NEWER))
             for path in files if os.path.exists(share(store, path))]
    core = os.path.join(store.work, "releases", CORE)
    source = os.path.join(store.roots["woocommerce"], "srv/wordpress", CORE)
    write(core, re.sub(r"(wp_db_version = )(\d+)", lambda match: match[1] + str(int(match[2]) + 1), read(source)))
    return [*newer, changed(store, "content-hash", lambda _: "9" * 64), bind(core, f"/srv/wordpress/{CORE}", "ro")]


def changed(store, path, change):
    """A file of the image's share with another text."""
    text = change(read(share(store, path)))
    target = os.path.join(store.work, "releases", f"{abs(hash(text))}", os.path.basename(path))
    write(target, text)
    return bind(target, f"{SHARE}/{path}", "ro")


def versions(store):
    rows = dict(store.sql("SELECT option_name, option_value FROM wp_options WHERE option_name IN ('db_version', 'woocommerce_version')"))
    return rows["woocommerce_version"], int(rows["db_version"])


CHECKS = [
    an_update_fails_no_request,
    two_starts_migrate_once,
    a_killed_migration_is_done_again,
    a_bad_release_takes_no_visitor,
    a_broken_shop_lets_its_owner_in,
    a_pod_that_ends_stays_while_requests_come,
]
