"""Runs the commands of README.md in one shell, and compares what they print with what README.md shows.

A shown line is found again, in order, in what was printed; `...` stands for anything. Ids, numbers, times and tokens are
compared by their kind. Lines that were printed and are not shown do not matter.
"""

import os
import re
import signal
import subprocess
import sys

# How long a command may take, and how long one that goes on for ever is listened to.
PATIENCE, LISTEN = 1_800, 5
# What is shown of these depends on how fast the machine is and what is built already: only these lines of it are compared.
PARTLY = {"make up": re.compile(r"✓|^Your store|^Its admin|^The dashboard|is READY$")}
# These show what a wrong call is told.
FAILS = ("-format-error",)
KINDS = [
    (r"store-[a-z0-9]{8}\b", "STORE"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r'("resumeToken": )"[^"]*"', r"\1TOKEN"),
    (r"token:([\w-]+)#\w{10}", r"token:\1#TOKEN"),
    (r"^token \w{10} ", "token TOKEN "),
    (r"\d+(\.\d+)?(ms|s|m|h|d)?\b", "N"),
    (r"\s+", " "),
]


def blocks(text):
    """Each command with the lines that are shown below it."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M):
        command, shown = None, []
        for line in block.splitlines():
            if command is not None and command.endswith("\\"):
                command += "\n" + line
            elif line.startswith("$ "):
                if command is not None:
                    yield command, shown
                command, shown = line[2:], []
            else:
                shown.append(line)
        if command is not None:
            yield command, shown


def of_kind(line):
    for pattern, kind in KINDS:
        line = re.sub(pattern, kind, line)
    return line.strip()


def missing(shown, printed):
    """The first shown line that was not printed behind those before it."""
    printed = iter([of_kind(line) for line in printed])
    for line in shown:
        parts = [re.escape(part) for part in of_kind(line).split("...")]
        pattern = re.compile(".*".join(parts))
        if line.strip() not in ("", "...") and not any(pattern.fullmatch(one) for one in printed):
            return line
    return None


class Shell:
    """One bash: what one command sets, the next one has."""

    def __init__(self, folder):
        self.folder, self.state = folder, f"{folder}.state"
        open(self.state, "w").close()

    def run(self, command, patience):
        script = f"set -a; source {self.state}; cd {self.folder}; set +a\n{command}\ncode=$?\nexport -p >{self.state}\nexit $code"
        process = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=patience)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            output, _ = process.communicate()
            return None, output


def port(folder, name):
    """Where the server or Redis listens: another port than README.md's where that one is taken."""
    with open(os.path.join(folder, f".dev/{name}.env")) as file:
        return re.search(r"^(?:grpc|redis)_port=(\d+)", file.read(), re.M)[1]


def ready_made(command, store, folder):
    """The command as it is run here."""
    if command.startswith("git clone"):
        return None  # that is the folder we are in
    if command.startswith("helm install"):
        return command.replace("helm install", "helm template", 1)  # there are no such Secrets, and no such registry
    if command.startswith("sendstores-server") and " token " not in command:
        return f"{command} --print-config"  # it would run until it is stopped, and there is no such Redis
    if store:
        command = command.replace("rediss://sendstores:PASSWORD@redis.internal:6379", "redis://redis.internal:6379")
        command = command.replace("redis.internal:6379", f"127.0.0.1:{port(folder, 'redis')}")
        command = re.sub(r"store-[a-z0-9]{8}\b", store, command)
        command = command.replace("127.0.0.1:7443", f"127.0.0.1:{port(folder, 'server')}")
    return command


def main(readme, folder):
    # A login is kept beside the state, and not where the user of this machine has theirs.
    os.environ["SENDSTORES_CONFIG"] = f"{folder}.contexts.json"
    shell, store, failed = Shell(folder), None, []
    for command, shown in blocks(open(readme).read()):
        run = ready_made(command, store, folder)
        if run is None:
            continue
        print(f"$ {run}", flush=True)
        code, output = shell.run(run, LISTEN if "/WatchStatus" in run else PATIENCE)
        lines = output.splitlines()
        store = store or next(iter(re.findall(r"store-[a-z0-9]{8}\b", output)), None)
        partly = PARTLY.get(command)
        lost = missing([line for line in shown if not partly or partly.search(line)], lines)
        expected = any(word in command for word in FAILS)
        if lost is not None or (code not in (0, None)) != expected:
            why = f"README.md shows a line that was not printed: {lost}" if lost is not None else f"it ended with {code}"
            failed.append(f"$ {command}\n{why}\n" + "\n".join(lines[-60:]))
            print(failed[-1], flush=True)
    print(f"README.md: {len(failed)} of its commands do not do what it says" if failed else "README.md: its commands do what it says")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
