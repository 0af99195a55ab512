"""The gate in front of WordPress: requests wait for a database that restarts, and while the shop is held, and do not fail."""

import os
import threading
import time

from load import Load
from store import wait_for

HERE = "127.0.0.1"
HELD = ".sendstores/hold"


def a_database_that_is_restarted_under_a_hold_fails_no_request(store):
    with Load(store, [HERE]) as load:
        for _ in range(3):
            met = load.count(HERE)
            wait_for("visitors", lambda: load.count(HERE) >= met + 20)
            # Those that were let in before the hold end first.
            hold(store, 60)
            wait_for("the last statement", lambda: connections(store) + connections(store) == 0)
            store.mysql.stop()
            store.start_mysql()
            os.unlink(store.content(HELD))
            away = load.count(HERE)
            wait_for("visitors afterwards", lambda: load.count(HERE) >= away + 20)
    assert load.failures == [], load.failures[:5]
    return f"{load.count(HERE)} requests, {len(load.orders)} orders, longest {load.longest:.1f} s, 0 failed"


def a_held_shop_waits_for_its_release(store):
    hold(store, 60)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(store.get("/shop/")[0]))
    thread.start()
    # What probes ask goes past the gate, and so do commands.
    assert store.status("/healthz") == 200 and store.status("/readyz.php") == 200 and store.status("/cronz.php") == 200
    assert store.state()["admin"] and store.wordpress.exec("wp", "option", "get", "home")[0] == 0
    assert answers == []
    os.unlink(store.content(HELD))
    thread.join()
    assert answers == [200], answers


def a_hold_ends_by_itself(store):
    """Its maker may have died, or have written nonsense."""
    began = time.monotonic()
    hold(store, 2)
    assert store.status("/shop/") == 200
    took = time.monotonic() - began
    assert took > 1, took
    for seconds in (-1, 3600):
        hold(store, seconds)
        assert store.status("/shop/") == 200
    for text in ("", "soon", "9" * 400):
        write(store, text)
        assert store.status("/shop/") == 200
    os.unlink(store.content(HELD))
    return f"{took:.1f} s"


def a_long_hold_is_a_short_page(store):
    hold(store, 100)
    began = time.monotonic()
    status, headers, body = store.get("/shop/")
    took = time.monotonic() - began
    assert status == 503 and dict(headers)["Retry-After"] == "5" and "back" in body and 24 < took < 28, (status, took)
    os.unlink(store.content(HELD))
    return f"after {took:.1f} s"


def a_database_that_stays_away_keeps_no_worker(store):
    """After one wait in vain the others get WordPress' own answer at once."""
    store.mysql.stop()
    began = time.monotonic()
    assert store.status("/shop/") == 500
    first = time.monotonic() - began
    began = time.monotonic()
    assert store.status("/shop/") == 500
    then = time.monotonic() - began
    store.start_mysql()
    wait_for("the shop", lambda: store.status("/shop/") == 200)
    assert 24 < first < 30 and then < 5, (first, then)
    return f"{first:.1f} s, then {then:.1f} s"


def connections(store):
    return int(store.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'wordpress'")[0][0])


def an_open_gate_costs_little(store):
    """The best of some rounds, since the machine has other work."""
    code = ("foreach (['settings', 'database', 'gate'] as $part) { require \"/opt/sendstores/lib/$part.php\"; } $best = INF;"
            "for ($round = 0; $round < 20; $round++) { $began = hrtime(true); for ($i = 0; $i < 100; $i++) { sendstores_pass_gate(); }"
            "$best = min($best, (hrtime(true) - $began) / 1e8); } echo $best;")
    status, out, err = store.wordpress.exec("php", "-r", code)
    assert status == 0 and float(out) < 2, (out, err)
    return f"{float(out):.3f} ms a request"


def hold(store, seconds):
    write(store, str(time.time() + seconds))


def write(store, text):
    with open(store.content(HELD), "w") as file:
        file.write(text)


CHECKS = [
    a_database_that_is_restarted_under_a_hold_fails_no_request,
    a_held_shop_waits_for_its_release,
    a_hold_ends_by_itself,
    a_long_hold_is_a_short_page,
    a_database_that_stays_away_keeps_no_worker,
    an_open_gate_costs_little,
]
