"""Shoppers who browse and buy without a pause, while pods come and go."""

import json
import random
import threading
import time

from check_shop import ADDRESS, API


class Load:
    """While it is entered, `browsers` threads read pages and `buyers` order, each request at one of `addresses`, which may change."""

    def __init__(self, store, addresses, browsers=3, buyers=1):
        self.store, self.addresses, self.failures, self.orders = store, list(addresses), [], []
        self.answered, self.under_way, self.longest, self.lock, self.stop = {}, {}, 0.0, threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._repeat, args=(what,)) for what in [self._browse] * browsers + [self._buy] * buyers]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def count(self, address):
        return self.answered.get(address, 0)

    def idle(self, address):
        return self.under_way.get(address, 0) == 0

    def _repeat(self, what):
        while not self.stop.is_set():
            try:
                what()
            except (OSError, ValueError, AssertionError, KeyError) as error:
                self.failures.append(repr(error))

    def _ask(self, method, path, body=None, headers=None, expect=200):
        with self.lock:
            address = random.choice(self.addresses)
            self.under_way[address] = self.under_way.get(address, 0) + 1
        began = time.monotonic()
        try:
            status, sent, text = self.store.request(method, path, body, headers, address=address)
            assert status == expect, (address, method, path, status, text[:200])
        finally:
            with self.lock:
                self.under_way[address] -= 1
                self.longest = max(self.longest, time.monotonic() - began)
                self.answered[address] = self.answered.get(address, 0) + 1
        return {name.lower(): value for name, value in sent}, text

    def _browse(self):
        _, page = self._ask("GET", "/shop/")
        assert "Sample product" in page, "a shop page without its product"
        self._ask("GET", "/product/sample-product/")

    def _buy(self):
        _, body = self._ask("GET", f"{API}/products?sku=SAMPLE-1")
        (product,) = json.loads(body)
        headers, _ = self._ask("GET", f"{API}/cart")
        cart = {"Cart-Token": headers["cart-token"]}
        self._ask("POST", f"{API}/cart/add-item", {"id": product["id"], "quantity": 2}, cart, expect=201)
        bought = {"billing_address": ADDRESS | {"email": "paula@shop.example"}, "shipping_address": ADDRESS, "payment_method": "cod"}
        _, body = self._ask("POST", f"{API}/checkout", bought, cart)
        self.orders.append(json.loads(body)["order_id"])
