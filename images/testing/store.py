"""One store made of the two images, as the control plane and a shopper see it."""

import http.client
import json
import os
import secrets
import shutil
import string
import subprocess
import time
import urllib.parse

from runtime import Container, bind

HOST, PORT = "store-test.localhost", 8080
URL = f"http://{HOST}:{PORT}"
SALTS = ["auth-key", "secure-auth-key", "logged-in-key", "nonce-key",
         "auth-salt", "secure-auth-salt", "logged-in-salt", "nonce-salt"]
ADMIN, EMAIL, TITLE = "owner", "owner@shop.example", "The First Shop"


def token(length):
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def wait_for(what, probe, seconds=60):
    """Polls a condition of another process; returns the seconds it took."""
    begin = time.monotonic()
    while not probe():
        if time.monotonic() > begin + seconds:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - begin


class Store:
    def __init__(self, work, roots, configs):
        self.work, self.roots, self.configs = work, roots, configs
        self.admin_password = token(32)
        self.home, self.env = URL, {}
        self.secrets = {key: token(64) for key in SALTS}
        self.secrets |= {"db-password": token(32), "db-root-password": token(32)}
        self._files()
        self.mysql, self.wordpress = self._mysql(), self._wordpress()

    def _files(self):
        for name, keys, uid in (("mysql", ["db-password", "db-root-password"], 999), ("wordpress", ["db-password", *SALTS], 33)):
            folder = os.path.join(self.work, f"secrets-{name}")
            os.makedirs(folder, exist_ok=True)
            for key in keys:
                with open(os.path.join(folder, key), "w") as file:
                    file.write(self.secrets[key])
                os.chown(file.name, uid, uid)
                os.chmod(file.name, 0o400)
            # A fresh volume as a provisioner hands it over: empty, writable for the group that the pod asks for.
            volume = os.path.join(self.work, f"volume-{name}")
            os.makedirs(volume, exist_ok=True)
            os.chmod(volume, 0o777)
        self._hosts("hosts", "127.0.0.1")
        with open(os.path.join(self.work, "resolv.conf"), "w"):
            pass

    def _hosts(self, name, database):
        with open(os.path.join(self.work, name), "w") as file:
            file.write(f"127.0.0.1 localhost {HOST}\n{database} mysql\n")

    def _mounts(self, name, volume_target, hosts="hosts"):
        return [
            bind(os.path.join(self.work, f"volume-{name}"), volume_target, "rw"),
            bind(os.path.join(self.work, f"secrets-{name}"), "/run/secrets/store", "ro"),
            bind(os.path.join(self.work, hosts), "/etc/hosts", "ro"),
            bind(os.path.join(self.work, "resolv.conf"), "/etc/resolv.conf", "ro"),
        ]

    def _mysql(self):
        env = {"MYSQL_DATABASE": "wordpress", "MYSQL_USER": "wordpress",
               "MYSQL_PASSWORD_FILE": "/run/secrets/store/db-password",
               "MYSQL_ROOT_PASSWORD_FILE": "/run/secrets/store/db-root-password"}
        return Container(self.work, "mysql", self.roots["mysql"], self.configs["mysql"],
                         self._mounts("mysql", "/var/lib/mysql"), env, memory=256)

    def _wordpress(self, mounts=(), name="wordpress", hosts="hosts", network=False, env=None):
        settings = {"WORDPRESS_DB_HOST": "mysql", "WORDPRESS_DB_NAME": "wordpress", "WORDPRESS_DB_USER": "wordpress", "WP_HOME": self.home}
        return Container(self.work, name, self.roots["woocommerce"], self.configs["woocommerce"],
                         [*self._mounts("wordpress", "/srv/wordpress/wp-content", hosts), *mounts], settings | self.env | (env or {}),
                         memory=512, network=network)

    def start_pod(self, number, mounts=(), env=None):
        """Another WordPress container on the same volume and database, with an address of its own; returns both."""
        self._hosts(f"hosts-{number}", f"10.1.{number}.1")
        pod = self._wordpress(mounts, f"pod{number}", f"hosts-{number}", network=True, env=env)
        pod.start()
        return pod, pod.join(number)

    # === containers ===

    def start_mysql(self):
        self.mysql.start()
        return wait_for("database", lambda: self.mysql.exec("/usr/local/bin/healthcheck")[0] == 0)

    def start_wordpress_container(self, mounts=()):
        self.wordpress = self._wordpress(mounts)
        self.wordpress.start()

    def start_wordpress(self, mounts=()):
        self.start_wordpress_container(mounts)
        return wait_for("web server", lambda: self.status("/readyz.php") == 200)

    def destroy(self):
        self.wordpress.destroy()
        self.mysql.destroy()
        shutil.rmtree(self.work, ignore_errors=True)

    def content(self, *path):
        return os.path.join(self.work, "volume-wordpress", *path)

    # === bootstrap ===

    def state(self, admin=ADMIN, locale="en_US"):
        code, out, err = self.wordpress.exec("timeout", "-k", "5", "10", "php", "/opt/sendstores/state.php",
                                             f"--url={self.home}", f"--admin={admin}", f"--locale={locale}")
        assert code == 0 and out.count("\n") == 1, (code, out, err)
        return json.loads(out)

    def step(self, name, request):
        """Runs a bootstrap program as the control plane does; returns exit code, answer and seconds."""
        begin = time.monotonic()
        code, out, err = self.wordpress.exec("timeout", "-k", "5", "120", f"/opt/sendstores/{name}", line=json.dumps(request))
        took = time.monotonic() - begin
        lines = out.strip().splitlines()
        assert lines, f"{name}: rc {code}, nothing on stdout; stderr: {err}"
        answer = json.loads(lines[-1])
        assert (code == 0) == answer["ok"], (code, answer)
        return code, {**answer, "stderr": err}, took

    def must(self, name, request):
        code, answer, took = self.step(name, request)
        assert code == 0, f"{name}: {answer}"
        return answer, took

    def install_request(self, **changes):
        return {"url": self.home, "title": TITLE, "admin_user": ADMIN, "admin_email": EMAIL,
                "admin_password": self.admin_password, "locale": "en_US"} | changes

    def configure_request(self, **changes):
        return {"marker": "digest-1", "admin_user": ADMIN, "title": TITLE, "country": "DE", "currency": "EUR",
                "timezone": "Europe/Berlin", "taxes": False, "weight_unit": "kg", "dimension_unit": "cm",
                "payment_methods": ["cod", "bacs"], "flat_rate": "4.90", "sample_catalogue": True} | changes

    def bootstrap(self):
        return {"install": self.must("install", self.install_request())[1], "activate": self.must("activate", {})[1],
                "configure": self.must("configure", self.configure_request())[1]}

    def restore_request(self, **changes):
        return self.install_request() | self.configure_request() | changes

    # === database ===

    def sql(self, statement):
        """Rows of a query, by the database's own socket as root."""
        done = subprocess.run(["runc", "--root", self.mysql.state, "exec", "--env", "MYSQL_PWD=" + self.secrets["db-root-password"],
                               "mysql", "mariadb", "--defaults-file=/etc/mysql/sendstores.cnf", "--user=root", "--batch",
                               "--skip-column-names", "--raw", "wordpress"], input=statement, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def option(self, name):
        rows = self.sql(f"SELECT HEX(option_value) FROM wp_options WHERE option_name = '{name}'")
        return bytes.fromhex(rows[0][0]).decode() if rows else None

    def drop_everything(self):
        self.sql("DROP DATABASE wordpress; CREATE DATABASE wordpress CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        for entry in os.listdir(self.content("uploads")):
            shutil.rmtree(self.content("uploads", entry), ignore_errors=True)

    def snapshot(self, name):
        """Keeps database and uploads, so that a check can go back to them."""
        self.mysql.stop()
        for source, target in self._snapshot_folders(name):
            shutil.rmtree(target, ignore_errors=True)
            subprocess.run(["cp", "-a", source, target], check=True)
        self.start_mysql()

    def restore(self, name):
        self.mysql.stop()
        for source, target in self._snapshot_folders(name):
            shutil.rmtree(source)
            subprocess.run(["cp", "-a", target, source], check=True)
        self.start_mysql()

    def _snapshot_folders(self, name):
        for folder in ("volume-mysql/data", "volume-wordpress/uploads"):
            yield os.path.join(self.work, folder), os.path.join(self.work, f"snapshot-{name}-{os.path.basename(folder)}")

    # === http ===

    def request(self, method, path, body=None, headers=None, host=f"{HOST}:{PORT}", source=None, address="127.0.0.1"):
        """`source`: the address that the request comes from, as far as this machine has it."""
        connection = http.client.HTTPConnection(address, PORT, timeout=30, source_address=(source, 0) if source else None)
        send = {"Host": host, **(headers or {})}
        if isinstance(body, dict):
            body = json.dumps(body)
            send["Content-Type"] = "application/json"
        try:
            connection.request(method, urllib.parse.quote(path, safe="/?&=%,:"), body=body, headers=send)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read().decode(errors="replace")
        finally:
            connection.close()

    def status(self, path, **options):
        try:
            return self.request("GET", path, **options)[0]
        except OSError:
            return 0

    def get(self, path, **options):
        return self.request("GET", path, **options)
