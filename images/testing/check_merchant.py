"""The merchant's first minute, and what the platform does for a shop: front page, pages that say whom to ask, mail, addresses."""

import os
import re

import check_shop
from check_snapshot import use_home
from runtime import bind
from smtp import Sink
from store import ADMIN, HOST, TITLE, URL, wait_for

LOADS = r"<(?:img|script|link|iframe|source|video|audio|embed|object)\b[^>]*?(?:src|href|srcset|data)=[\"'](?:https?:)?//([^/\"']+)"
PROXY = "10.1.2.3"


def a_new_shop_shows_its_products_first(store):
    _, _, page = store.get("/")
    assert "Sample product" in page and TITLE in page, "the front page"
    for sample in ("/hello-world/", "/sample-page/"):
        assert store.status(sample) == 404, sample
    assert store.sql("SELECT COUNT(*) FROM wp_comments") == [["0"]]


def an_older_shop_keeps_its_front_page(store):
    """A later `configure`, by whichever setting, leaves what the merchant has made of the opening."""
    store.sql("UPDATE wp_options SET option_value = 'posts' WHERE option_name = 'show_on_front'")
    store.must("configure", store.configure_request(marker="other"))
    assert store.option("show_on_front") == "posts"
    store.sql("UPDATE wp_options SET option_value = 'page' WHERE option_name = 'show_on_front'")


def no_page_asks_a_host_outside(store):
    store.sql("INSERT INTO wp_comments (comment_post_ID, comment_author, comment_author_email, comment_content, comment_approved) "
              "VALUES (1, 'Paula', 'paula@shop.example', 'Fine', '1')")
    cookie = owner(store)
    pages = ["/", "/shop/", "/product/sample-product/", "/cart/", "/checkout/", "/my-account/", "/wp-login.php"]
    pages += [f"/wp-admin/{page}" for page in (
        "index.php", "edit-comments.php", "profile.php", "users.php", "plugins.php", "themes.php", "site-health.php", "about.php",
        "edit.php?post_type=product", "admin.php?page=wc-settings", "options-discussion.php")]
    for path in pages:
        status, headers, page = store.get(path, headers=cookie)
        outside = set(re.findall(LOADS, page)) - {f"{HOST}:8080"}
        policy = dict(headers).get("Content-Security-Policy", "")
        assert not outside or "default-src 'self'" in policy, (path, status, outside)
    return f"{len(pages)} pages"


def the_first_page_has_no_news_that_cannot_be_had(store):
    assert "dashboard_primary" not in store.get("/wp-admin/index.php", headers=owner(store))[2]
    with_env(store, {"WORDPRESS_ACCESSIBLE_HOSTS": "wordpress.org"})
    try:
        assert "dashboard_primary" in store.get("/wp-admin/index.php", headers=owner(store))[2]
    finally:
        with_env(store, {})


def pages_that_cannot_work_say_whom_to_ask(store):
    cookie = owner(store)
    for page, expected in (("plugins.php", 200), ("themes.php", 200), ("plugin-install.php", 403), ("theme-install.php", 403),
                           ("update-core.php", 403), ("plugin-editor.php", 403)):
        status, _, text = store.get(f"/wp-admin/{page}", headers=cookie)
        assert status == expected and "Ask them for what you need" in text, (page, status)
    with_env(store, {"WORDPRESS_ALLOW_FILE_MODS": "true"})
    try:
        for page in ("plugins.php", "themes.php"):
            status, _, text = store.get(f"/wp-admin/{page}", headers=owner(store))
            assert status == 200 and "Ask them for what you need" not in text, (page, status)
        assert store.get("/wp-admin/plugin-install.php?tab=upload", headers=owner(store))[0] == 200
    finally:
        with_env(store, {})


def site_health_asks_nothing_of_the_merchant(store):
    program = """require_once ABSPATH . 'wp-admin/includes/admin.php';
        $health = WP_Site_Health::get_instance();
        foreach ( array_merge( ...array_values( WP_Site_Health::get_tests() ) ) as $name => $test ) {
            $run = is_string( $test['test'] ) && method_exists( $health, "get_test_{$test['test']}" ) ? array( $health, "get_test_{$test['test']}" ) : $test['test'];
            if ( is_callable( $run ) ) { $said = $run(); echo "$name\t{$said['status']}\t{$said['label']}\n"; }
        }"""
    code, out, err = store.wordpress.exec("wp", "eval", program, f"--user={ADMIN}")
    assert code == 0, err
    said = {name: (status, label) for name, status, label in (line.split("\t") for line in out.splitlines())}
    assert said["sendstores"][0] == "good", said
    # A command line has no shared cache of compiled code, and this store no TLS.
    bad = {name: what for name, what in said.items() if what[0] != "good"}.keys() - {"opcode_cache", "woocommerce_secure_connection"}
    assert not bad, [said[name] for name in bad]
    return f"{len(said)} tests"


def redirects_keep_the_shop_s_address(store):
    try:
        for home in (URL, "https://shop.example"):
            use_home(store, home)
            for host in (HOST, "10.9.8.7:8080"):
                status, headers, _ = store.get("/wp-admin", host=host)
                assert (status, dict(headers)["Location"]) == (301, f"{home}/wp-admin/"), headers
    finally:
        use_home(store, URL)


def the_visitor_s_address_is_the_proxy_s_word(store):
    for forwarded, address in (("1.2.3.4, 203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"),
                               ("1.2.3.4:1, 203.0.113.9:4711, 10.0.0.7:9", "203.0.113.9"), ("1.2.3.4, 203.0.113.9, 100.64.3.2", "203.0.113.9"),
                               ("1.2.3.4, [2001:db8::7]:443", "2001:db8::7"), ("2001:db8::7", "2001:db8::7")):
        rows = check_shop.order(store, "ip_address", source=PROXY, X_Forwarded_For=forwarded, X_Real_IP="1.2.3.4", Forwarded="for=1.2.3.4")
        assert rows == [[address]], (forwarded, rows)
        wait_for(f"{address} in the log, of an order", lambda: logged(store, address, "/wc/store/v1/checkout"))
        assert store.request("GET", "/wp-cron.php?doing_wp_cron", headers={"X-Forwarded-For": forwarded}, source=PROXY)[0] == 200
        wait_for(f"{address} in the log, of cron", lambda: logged(store, address, "/wp-cron.php"))
    # Somebody who is no proxy is who they are.
    assert check_shop.order(store, "ip_address", X_Forwarded_For="1.2.3.4", X_Real_IP="1.2.3.4") == [["127.0.0.1"]]


def logged(store, address, path):
    lines = [line for line in store.wordpress.log().splitlines() if path in line]
    return lines and lines[-1].startswith(f"{address} ")


def mail_leaves_by_the_relay(store):
    with Sink() as sink:
        folder = os.path.join(store.work, "secrets-mail")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "password"), "w") as file:
            file.write("s3cret")
        relay = {"MAIL_HOST": "localhost", "MAIL_PORT": str(sink.port), "MAIL_ENCRYPTION": "none", "MAIL_USER": "shop", "MAIL_FROM": "shops@relay.example"}
        with_env(store, relay, {"/run/secrets/mail": folder})
        check_shop.order(store, "id")
        assert sink.mails, store.wordpress.log()[-2000:]
        for mail in sink.mails:
            assert mail["login"] == ["shop", "s3cret"] and "<shops@relay.example>" in mail["from"], mail
            assert re.search(r"(?m)^From: .*<?shops@relay\.example>?$", mail["text"]) and "Reply-To:" in mail["text"], mail["text"][:800]
        there = len(sink.mails)
        # A relay that is to encrypt and does not gets nothing, the password least of all.
        with_env(store, relay | {"MAIL_ENCRYPTION": "starttls"}, {"/run/secrets/mail": folder})
        check_shop.order(store, "id")
        assert len(sink.mails) == there and "mail not sent: the relay localhost:" in store.wordpress.log()
    with Sink(refuse=True) as sink:
        with_env(store, relay | {"MAIL_PORT": str(sink.port)}, {"/run/secrets/mail": folder})
        check_shop.order(store, "id")
        (*_, line) = [line for line in store.wordpress.log().splitlines() if "mail not sent" in line]
        assert line.endswith("did not take it: The following recipients failed"), line
    with_env(store, {})


def a_plugin_s_own_transport_goes_before(store):
    """Also where there is a relay: the plugin's server must not meet the relay's name and password."""
    with Sink() as own, Sink() as relay:
        plugin = store.content("mu-plugins", "smtp.php")
        with open(plugin, "w") as file:
            file.write("<?php add_action( 'phpmailer_init', function ( $m ) { $m->isSMTP(); $m->Host = 'localhost'; "
                       f"$m->Port = {own.port}; $m->SMTPAutoTLS = false; }} );")
        try:
            for env in ({}, {"MAIL_HOST": "localhost", "MAIL_PORT": str(relay.port), "MAIL_ENCRYPTION": "none", "MAIL_USER": "shop"}):
                with_env(store, env)
                there = len(own.mails)
                check_shop.order(store, "id")
                assert len(own.mails) > there and all(mail["login"] is None for mail in own.mails), own.mails
            assert relay.mails == []
        finally:
            os.unlink(plugin)
            with_env(store, {})


def with_env(store, env, folders=None):
    store.env = env
    store.wordpress.stop()
    store.start_wordpress(mounts=[bind(source, target, "ro") for target, source in (folders or {}).items()])


def owner(store):
    status, cookies = check_shop.login(store, ADMIN, store.admin_password)
    assert status == 302, status
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


CHECKS = [
    a_new_shop_shows_its_products_first,
    an_older_shop_keeps_its_front_page,
    no_page_asks_a_host_outside,
    the_first_page_has_no_news_that_cannot_be_had,
    pages_that_cannot_work_say_whom_to_ask,
    site_health_asks_nothing_of_the_merchant,
    redirects_keep_the_shop_s_address,
    the_visitor_s_address_is_the_proxy_s_word,
    mail_leaves_by_the_relay,
    a_plugin_s_own_transport_goes_before,
]
