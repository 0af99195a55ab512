"""From two empty volumes to a configured shop, step by step, and every step twice."""

import os
import threading

from store import ADMIN, EMAIL, TITLE, URL


class ArgumentLists:
    """Collects the argument lists of all processes, over and over, while it is entered."""

    def __enter__(self):
        self.texts, self.stop = set(), threading.Event()
        self.thread = threading.Thread(target=self._collect)
        self.thread.start()
        return self

    def _collect(self):
        while not self.stop.wait(0.005):
            for entry in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{entry}/cmdline", errors="replace") as file:
                        self.texts.add(file.read())
                except OSError:
                    pass

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def starts_from_empty_volumes(store):
    mysql = store.start_mysql()
    wordpress = store.start_wordpress()
    assert store.status("/healthz") == 200
    return f"mysql ready {mysql:.2f} s, wordpress ready {wordpress:.2f} s (volume seeded)"


def answers_while_the_database_is_away(store):
    store.mysql.stop()
    assert store.status("/healthz") == 200 and store.status("/readyz.php") == 503
    assert store.state() == {"database": "not reachable"}
    code, answer, _ = store.step("install", store.install_request())
    assert (code, answer["reason"]) == (75, "DATABASE_UNAVAILABLE"), answer
    again = store.start_mysql()
    assert store.status("/readyz.php") == 200
    return f"mysql ready again {again:.2f} s"


def state_of_an_empty_database(store):
    state = store.state()
    assert state["database"] == "ok" and state["installed"] is False and state["tables"] == 0 and state["admin"] is False
    assert state["interrupted"] is False, state
    assert state["marker"] is None and state["completed_version"] is None and state["bootstrap_version"] == 1 and state["woocommerce_code"], state


def installer_is_closed_before_the_installation(store):
    for path in ("/wp-admin/install.php", "/wp-admin/setup-config.php", "//wp-admin//install.php", "/wp-admin/install.php/x",
                 "/xmlrpc.php", "/wp-config.php", "/.hidden", "/wp-content/.sendstores/content-hash"):
        status = store.status(path)
        assert status == 403, (path, status)


def wrong_requests_are_refused(store):
    for name, request, reason in (
        ("install", {}, "BAD_REQUEST"),
        ("install", [], "BAD_REQUEST"),
        ("install", store.install_request(url="http://other.example"), "BAD_REQUEST"),
        ("install", store.install_request(admin_user="--x"), "BAD_REQUEST"),
        ("install", store.install_request(admin_password="it's"), "BAD_REQUEST"),
        ("install", store.install_request(locale="xx_XX"), "LOCALE_MISSING"),
        ("install", store.install_request(locale="../x"), "LOCALE_MISSING"),
        ("install", store.install_request(admin_email="nobody"), "WP_CLI_ERROR"),
        ("activate", {}, "NOT_INSTALLED"),
        ("configure", store.configure_request(), "NOT_INSTALLED"),
    ):
        code, answer, _ = store.step(name, request)
        assert code != 0 and answer["reason"] == reason, (name, request, answer)


def installs(store):
    with ArgumentLists() as seen:
        answer, took = store.must("install", store.install_request())
    assert any("/opt/sendstores/install" in text for text in seen.texts)
    for value in (store.admin_password, store.secrets["db-password"], store.secrets["auth-key"], EMAIL):
        assert not any(value in text for text in seen.texts), "a secret or user text was in an argument list"
    # The refused address above stopped WordPress in the middle, so this installation began with a repair or afresh.
    assert answer["changed"] is True, answer
    state = store.state()
    assert state["installed"] and state["admin"] and not state["active"] and state["woocommerce_version"] is None, state
    assert store.option("siteurl") == URL and store.option("blogname") == TITLE and store.option("admin_email") == EMAIL
    assert store.option("permalink_structure") == "/%postname%/"
    return f"{took:.2f} s"


def configure_waits_for_activate(store):
    code, answer, _ = store.step("configure", store.configure_request())
    assert answer["reason"] == "NOT_ACTIVATED", answer


def activates(store):
    answer, took = store.must("activate", {})
    state = store.state()
    assert state["active"] and not state["wc_installing"], state
    assert state["woocommerce_version"] == state["woocommerce_code"] == answer["version"] and state["woocommerce_db_version"], state
    return f"{took:.2f} s, WooCommerce {answer['version']}"


def invalid_settings_write_nothing(store):
    settings = ("blogname", "woocommerce_currency", "woocommerce_default_country", "woocommerce_coming_soon", "sendstores_steps")
    before = [store.option(name) for name in settings]
    for change in ({"currency": "XXQ"}, {"country": "ZZ"}, {"country": "US:ZZ"}, {"timezone": "Mars/Base"}, {"flat_rate": "-1"},
                   {"payment_methods": ["paypal; drop"]}, {"weight_unit": "stone"}):
        code, answer, _ = store.step("configure", store.configure_request(**change))
        assert answer["reason"] == "INVALID_SETTING" and answer["detail"].startswith(next(iter(change))), answer
    assert [store.option(name) for name in settings] == before


def configures(store):
    answer, took = store.must("configure", store.configure_request())
    assert answer["changed"] == ["opening", "settings", "payments", "shipping", "taxes", "prices", "catalogue"], answer
    assert store.state()["marker"] == "digest-1"
    expected = {"woocommerce_currency": "EUR", "woocommerce_default_country": "DE", "woocommerce_coming_soon": "no",
                "woocommerce_weight_unit": "kg", "woocommerce_price_decimal_sep": ",", "timezone_string": "Europe/Berlin",
                "woocommerce_custom_orders_table_enabled": "yes", "woocommerce_newly_installed": "no"}
    assert {name: store.option(name) for name in expected} == expected
    return f"{took:.2f} s"


def everything_twice_changes_nothing(store):
    before = fingerprint(store)
    took = {}
    for name, request in (("install", store.install_request()), ("activate", {}), ("configure", store.configure_request())):
        answer, took[name] = store.must(name, request)
        assert not answer["changed"], answer
    # A new marker alone runs the checks again, but no step: nothing of its request is new.
    answer, took["new marker"] = store.must("configure", store.configure_request(marker="digest-2"))
    assert answer["changed"] == [], answer
    store.must("configure", store.configure_request())
    assert fingerprint(store) == before
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items())


def an_older_bootstrap_is_completed(store):
    """As if the step of the payments were new in this image; the merchant weighs in pounds meanwhile."""
    change = ("$steps = get_option('sendstores_steps'); $steps['payments'] = 'older'; update_option('sendstores_steps', $steps);"
              "update_option('sendstores_bootstrap_version', '0'); update_option('woocommerce_weight_unit', 'lbs');")
    code, _, err = store.wordpress.exec("wp", "eval", change)
    assert code == 0, err
    state = store.state()
    assert (state["marker"], state["completed_version"], state["bootstrap_version"]) == ("digest-1", 0, 1), state
    answer, took = store.must("configure", store.configure_request())
    assert answer["changed"] == ["payments"], answer
    assert store.state()["completed_version"] == 1 and store.option("woocommerce_weight_unit") == "lbs"
    answer, _ = store.must("configure", store.configure_request())
    assert answer["changed"] == [], answer
    store.wordpress.exec("wp", "option", "update", "woocommerce_weight_unit", "kg")
    return f"{took:.2f} s"


# Options that differ between two equal shops: clocks, caches, dice, and what WooCommerce notes of itself at its next load by
# a command.
PASSING_OPTIONS = "^(" + "|".join((
    "cron", "rewrite_rules", "action_scheduler_", "as_has_wp_comment_logs", "sendstores_", "wc_.*_version", "woocommerce_.*timestamp",
    "woocommerce_.*_(at|date)$",
    "woocommerce_.*_variant_assignment", "woocommerce_maxmind_geolocation_settings", "woocommerce_checkout_.*_field$",
    "woocommerce_custom_orders_table_created", "woocommerce_store_id", "recently_edited", "jetpack_", "schema-", "admin_email_lifespan",
)) + ")"


def fingerprint(store):
    """What a bootstrap decides: all options that stay, and the number of rows of every table it fills."""
    options = store.sql("SELECT option_name, MD5(option_value) FROM wp_options WHERE option_name NOT LIKE '%transient%' "
                        f"AND option_name NOT REGEXP '{PASSING_OPTIONS}' ORDER BY option_name")
    counts = []
    for table in ("posts", "users", "usermeta", "terms", "term_taxonomy", "woocommerce_shipping_zone_methods", "woocommerce_shipping_zones",
                  "woocommerce_tax_rates", "wc_product_meta_lookup"):
        exists = store.sql(f"SHOW TABLES LIKE 'wp_{table}'")
        counts.append((table, store.sql(f"SELECT COUNT(*) FROM wp_{table}")[0][0] if exists else None))
    return [tuple(row) for row in options], counts


CHECKS = [
    starts_from_empty_volumes,
    answers_while_the_database_is_away,
    state_of_an_empty_database,
    installer_is_closed_before_the_installation,
    wrong_requests_are_refused,
    installs,
    configure_waits_for_activate,
    activates,
    invalid_settings_write_nothing,
    configures,
    everything_twice_changes_nothing,
    an_older_bootstrap_is_completed,
]
