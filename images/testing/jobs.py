"""The Jobs of the backup image, run as containers to their end, and the repository as anybody with its keys sees it."""

import json
import os
import subprocess

from runtime import Container, bind
from s3 import BUCKET, Proxy, Server
from store import SALTS, token, wait_for

SHOP_FILES = 33


class Backups:
    """What the control plane gives to the Jobs of one store."""

    def __init__(self, store, program):
        self.store, self.number = store, 0
        self.uid = "01937d5e-0000-7000-8000-000000000000"
        self.key = token(64)
        self.server = Server(program, os.path.join(store.work, "s3"))
        self.server.start()
        self.proxy = Proxy(self.server.port)
        self.secrets = {"repository-password": self.key, "aws-access-key-id": self.server.access_key,
                        "aws-secret-access-key": self.server.secret_key}

    def address(self, port=None):
        return f"s3:http://127.0.0.1:{port or self.server.port}/{BUCKET}/{self.uid}"

    def run(self, program="backup", reached=None, **options):
        """Runs a Job to its end; see `Job`. With `reached`, it is killed as soon as that is true."""
        job = self.start(program, **options)
        try:
            if reached:
                wait_for("the point to kill at", lambda: reached() or job.ended())
                job.kill()
            return job.end()
        finally:
            job.container.destroy()
            job.process.wait()

    def start(self, program="backup", **options):
        self.number += 1
        return Job(self, f"job-{self.number}", program, **options)

    def must(self, program="backup", **options):
        answer = self.run(program, **options)
        assert answer["ok"] and answer["exit_code"] == 0, answer
        return answer

    def refused(self, reason, **options):
        """A Job that must fail for this reason; returns its message."""
        answer = self.run(**options)
        assert (answer.get("ok"), answer.get("reason")) == (False, reason) and answer["exit_code"] == 1, answer
        return answer["message"]

    # === without us ===

    def restic(self, *arguments):
        """The plain program, with the keys that its documentation asks for."""
        env = {"RESTIC_REPOSITORY": self.address(), "RESTIC_PASSWORD": self.key, "AWS_ACCESS_KEY_ID": self.server.access_key,
               "AWS_SECRET_ACCESS_KEY": self.server.secret_key, "RESTIC_CACHE_DIR": os.path.join(self.store.work, "restic-cache")}
        program = os.path.join(self.store.roots["backup"], "usr/local/bin/restic")
        return subprocess.run([program, *arguments], env=env, capture_output=True, text=True)

    def must_restic(self, *arguments):
        done = self.restic(*arguments)
        assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def snapshots(self):
        return json.loads(self.must_restic("snapshots", "--json")) or []

    def whole(self):
        """Nothing is missing or damaged, and no Job has left a half one. Returns how many there are."""
        self.must_restic("unlock")
        self.must_restic("check", "--read-data")
        found = self.snapshots()
        assert all(any(tag.startswith("backup=") for tag in one["tags"]) for one in found), found
        return len(found)


class Job:
    """One container of the backup image, in the form that its pod has."""

    def __init__(self, backups, name, program, backup=None, port=None, env=None, secrets=None, scratch="256m", patience=120, command=None, memory=256):
        self.folder = os.path.join(backups.store.work, name)
        os.makedirs(self.folder)
        self.message = os.path.join(self.folder, "termination-log")
        with open(self.message, "w"):
            os.chmod(self.message, 0o666)
        store = backups.store
        mounts = [self._secret("backup", backups.secrets | (secrets or {})), bind(self.message, "/dev/termination-log", "rw"),
                  bind(os.path.join(store.work, "hosts"), "/etc/hosts", "ro"),
                  bind(self._scratch(scratch), "/scratch", "rw")]
        if program == "backup":
            mounts += [self._secret("database", {"password": store.secrets["db-password"]}),
                       self._secret("salts", {salt: store.secrets[salt] for salt in SALTS}),
                       bind(store.content(), "/source/wp-content", "ro")]
        settings = {"RESTIC_REPOSITORY": backups.address(port), "STORE_ID": "store-test", "STORE_UID": backups.uid,
                    "REPOSITORY_PATIENCE": str(patience)}
        if program == "backup":
            settings |= {"BACKUP_ID": backup or name, "DB_HOST": "mysql", "DB_NAME": "wordpress", "DB_USER": "wordpress", "RELEASE": "r1"}
        self.container = Container(store.work, name, store.roots["backup"], store.configs["backup"], mounts, settings | (env or {}), memory=memory)
        self.container.spec["process"]["args"] = command or [f"/usr/local/bin/{program}"]
        self.container.spec["linux"]["resources"]["pids"] = {"limit": 200}
        self.process = self.container.start_attached()

    def _secret(self, name, values):
        """As Kubernetes mounts one: links to files that fsGroup can read."""
        folder = os.path.join(self.folder, name)
        os.makedirs(os.path.join(folder, "..data"))
        for key, value in values.items():
            path = os.path.join(folder, "..data", key)
            with open(path, "w") as file:
                file.write(value)
            os.chown(path, 0, SHOP_FILES)
            os.chmod(path, 0o440)
            os.symlink(f"..data/{key}", os.path.join(folder, key))
        return bind(folder, f"/run/secrets/{name}", "ro")

    def _scratch(self, size):
        """An emptyDir: writable for the group that the pod asks for. One of a size is in memory, which counts as the container's."""
        path = os.path.join(self.folder, "scratch")
        os.makedirs(path)
        if size:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
        os.chown(path, 0, SHOP_FILES)
        os.chmod(path, 0o2777)
        return path

    def ended(self):
        return self.process.poll() is not None

    def kill(self, signal="KILL"):
        wait_for("the container", lambda: self.ended() or self.container.running())
        subprocess.run(["runc", "--root", self.container.state, "kill", self.container.name, signal], capture_output=True)

    def end(self, seconds=120):
        """Waits for it; returns the termination message with `exit_code` and `log`."""
        code = self.process.wait(seconds)
        subprocess.run(["umount", os.path.join(self.folder, "scratch")], capture_output=True)
        with open(self.message) as file:
            text = file.read()
        assert len(text) <= 4096, len(text)
        answer = json.loads(text) if text else {}
        return answer | {"exit_code": code, "log": self.container.log()}
