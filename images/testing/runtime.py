"""Runs an unpacked image by runc under the rules of a `restricted` pod.

Not root, no capability, no new privileges, the runtime's default seccomp filter where Debian ships one, a read-only root,
/tmp in memory, a memory limit, and nothing else writable but the given volume.
"""

import contextlib
import json
import os
import platform
import signal
import subprocess
import time

SECCOMP = "/usr/share/containers/seccomp.json"
# Tells this run's cgroups from another's: each is process 1 of a namespace of its own.
RUN = os.urandom(4).hex()
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


class Container:
    """`network`: whether it has one of its own, as each pod has; see `join`."""

    def __init__(self, work, name, root, image, mounts, env, memory, network=False):
        self.name, self.folder = name, os.path.join(work, name)
        self.state, self.image, self.uid = os.path.join(work, "runc"), image, int(image["User"].split(":")[0])
        self.log_path = os.path.join(self.folder, "log")
        os.makedirs(self.folder, exist_ok=True)
        self.spec = spec(name, root, image, mounts, env, memory)
        if network:
            self.spec["linux"]["namespaces"].append({"type": "network"})

    def runc(self, *args, **options):
        return subprocess.run(["runc", "--root", self.state, *args], check=True, **options)

    def start(self):
        with open(os.path.join(self.folder, "config.json"), "w") as file:
            json.dump(self.spec, file)
        with open(self.log_path, "ab") as log:
            self.runc("run", "--detach", "--bundle", self.folder, self.name, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start_attached(self):
        """As a process whose exit code is the container's; both are gone when it has ended."""
        with open(os.path.join(self.folder, "config.json"), "w") as file:
            json.dump(self.spec, file)
        with open(self.log_path, "ab") as log:
            return subprocess.Popen(["runc", "--root", self.state, "run", "--bundle", self.folder, self.name],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def join(self, number):
        """A way between the test and a container with a network of its own; returns the container's address."""
        own, other, pair = f"10.1.{number}.2", f"10.1.{number}.1", f"pod{number}"
        state = subprocess.run(["runc", "--root", self.state, "state", self.name], check=True, capture_output=True, text=True).stdout
        pid = str(json.loads(state)["pid"])
        inside = ["nsenter", "--net", "--target", pid]
        for command in (["ip", "link", "add", pair, "type", "veth", "peer", "name", "eth0", "netns", pid],
                        ["ip", "address", "add", other + "/24", "dev", pair], ["ip", "link", "set", pair, "up"],
                        [*inside, "ip", "address", "add", own + "/24", "dev", "eth0"], [*inside, "ip", "link", "set", "eth0", "up"],
                        [*inside, "ip", "link", "set", "lo", "up"]):
            subprocess.run(command, check=True)
        return own

    def log(self):
        if not os.path.exists(self.log_path):
            return "(never started)"
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def popen(self, *argv, pid_file=None):
        """A process in the container, as kube exec starts it: all three streams are pipes."""
        options = ["--pid-file", pid_file] if pid_file else []
        if pid_file and os.path.exists(pid_file):
            os.unlink(pid_file)
        return subprocess.Popen(["runc", "--root", self.state, "exec", *options, self.name, *argv],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def exec(self, *argv, line=None, timeout=120):
        """Runs to the end; `line` is written to stdin, which then stays open, as it may do in kube exec."""
        process = self.popen(*argv)
        if line is not None:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        process_stdin, process.stdin = process.stdin, None
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            process_stdin.close()
        return process.returncode, out, err

    def running(self):
        done = subprocess.run(["runc", "--root", self.state, "state", self.name], capture_output=True, text=True)
        return done.returncode == 0 and json.loads(done.stdout)["status"] == "running"

    def stop(self):
        """Stops as a kubelet does: the image's stop signal, then time, then SIGKILL. Returns the seconds it took."""
        begin = time.monotonic()
        if self.running():
            self.runc("kill", self.name, self.image.get("StopSignal", "SIGTERM"))
            while self.running() and time.monotonic() < begin + 30:
                time.sleep(0.02)
        took = time.monotonic() - begin
        self.destroy()
        return took

    def destroy(self):
        subprocess.run(["runc", "--root", self.state, "delete", "--force", self.name], capture_output=True)


def kill_process(pid_file):
    """SIGKILL to one process of a container, by the id that runc writes down once it has begun; it may just have ended."""
    while not os.path.exists(pid_file) or not os.path.getsize(pid_file):
        time.sleep(0.001)
    with open(pid_file) as file, contextlib.suppress(ProcessLookupError):
        os.kill(int(file.read()), signal.SIGKILL)


def bind(source, target, *options):
    return {"destination": target, "type": "bind", "source": source, "options": ["rbind", "nosuid", "nodev", *options]}


def spec(name, root, image, mounts, env, memory):
    uid, gid = (int(part) for part in image["User"].split(":"))
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": gid},
            "args": image["Entrypoint"] + image.get("Cmd", []),
            "env": image["Env"] + [f"{key}={value}" for key, value in env.items()],
            "cwd": image.get("WorkingDir") or "/",
            "capabilities": {kind: [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")},
            "noNewPrivileges": True,
        },
        "root": {"path": root, "readonly": True},
        "hostname": name,
        "mounts": system_mounts() + mounts,
        "linux": {
            "cgroupsPath": f"/sendstores-images-test/{RUN}-{name}",
            "resources": {"memory": {"limit": memory << 20}},
            # No network namespace: the whole test runs in one of its own, where only loopback exists.
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            **({"seccomp": seccomp()} if os.path.exists(SECCOMP) else {}),
        },
    }


def system_mounts():
    def tmpfs(target, *options):
        return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", *options]}

    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        tmpfs("/dev", "strictatime", "mode=755", "size=65536k"),
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
        tmpfs("/dev/shm", "nodev", "noexec", "mode=1777", "size=65536k"),
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        tmpfs("/tmp", "nodev", "mode=1777", "size=128m"),
    ]


def seccomp():
    """The container tools' default filter, reduced to what holds for this machine without capabilities."""
    with open(SECCOMP) as file:
        profile = json.load(file)
    arch = ARCHES.get(platform.machine(), platform.machine())
    rules = []
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        if includes.get("caps") or (includes.get("arches") and arch not in includes["arches"]) or arch in excludes.get("arches", []):
            continue
        names = rule.get("names") or [rule["name"]]
        entry = {"names": names, "action": rule["action"], "args": rule.get("args") or []}
        if rule.get("errnoRet") is not None:
            entry["errnoRet"] = rule["errnoRet"]
        rules.append(entry)
    filter_ = {"defaultAction": profile["defaultAction"], "syscalls": rules}
    if profile.get("defaultErrnoRet") is not None:
        filter_["defaultErrnoRet"] = profile["defaultErrnoRet"]
    if platform.machine() in ("x86_64", "aarch64"):
        filter_["architectures"] = ["SCMP_ARCH_" + platform.machine().upper()]
    return filter_
