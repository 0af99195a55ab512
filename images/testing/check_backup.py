"""Backups: what is in one, how it is restored without us, and that one that is not whole never says that it is.

The database has whatever a dump may get wrong. A restored one is compared with it table by table and row by row.
"""

import json
import os
import re
import shutil
import subprocess
import time

from jobs import Backups
from store import SALTS, wait_for

ODD = r"""
CREATE TABLE `odd ``name` (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, text LONGTEXT, bytes LONGBLOB, day DATE NOT NULL DEFAULT '0000-00-00',
  amount DECIMAL(26,8), length INT GENERATED ALWAYS AS (CHAR_LENGTH(text)) STORED) DEFAULT CHARSET utf8mb4;
INSERT INTO `odd ``name` (text, bytes, amount) VALUES ('two\nlines, a tab\t, a quote '' and 🛒 );', x'0a0d00ff275c3b', 1.5), (NULL, NULL, NULL),
  ('),\n(3,''INSERT INTO `x` VALUES', '', -0.00000001);
CREATE TABLE old_counter (id INT PRIMARY KEY, hits INT) ENGINE=MyISAM;
INSERT INTO old_counter VALUES (1, 10), (2, 20);
CREATE TABLE middle_one (id INT PRIMARY KEY);
INSERT INTO middle_one VALUES (1);
CREATE TABLE empty_one (id INT PRIMARY KEY);
CREATE VIEW dear AS SELECT text, hits FROM `odd ``name` JOIN old_counter USING (id);
CREATE TRIGGER counts AFTER INSERT ON `odd ``name` FOR EACH ROW UPDATE old_counter SET hits = hits + 1;
CREATE PROCEDURE twice(IN n INT) SELECT n * 2;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM empty_one;
"""
LARGE = "CREATE TABLE large_one (id INT PRIMARY KEY AUTO_INCREMENT, body LONGTEXT); " + \
        "INSERT INTO large_one (body) SELECT REPEAT(SHA2(RAND(), 512), 8192) FROM wp_options LIMIT 12;"


def a_backup_can_be_restored_without_us(store):
    """By plain restic and mariadb, as docs/backups.md says it."""
    backups = prepare(store)
    before = rows(store, "wordpress")
    answer = backups.must(backup="first")
    assert rows(store, "wordpress") == before
    assert re.fullmatch(r"[0-9a-f]{64}", answer["snapshot"]) and [one["id"] for one in backups.snapshots()] == [answer["snapshot"]], answer
    folder = restored(store, backups, answer["snapshot"])
    after = rows(store, "restored")
    differing = [name for name in before.keys() | after.keys() if after.get(name) != before.get(name)]
    assert not differing and sum(map(len, before.values())) > 200, differing
    assert other_objects(store, "restored") == other_objects(store, "wordpress")
    manifest = says_what_is_there(store, answer, folder)
    some = folder + "-some"
    backups.must_restic("restore", "latest:/source/wp-content/uploads", "--target", some)
    assert "picture one.jpg" in tree(some)
    assert json.loads(backups.must_restic("dump", "latest", "/scratch/backup/manifest.json"))["summary"] == manifest
    store.sql("DROP DATABASE restored")
    return f"{manifest['rows']} rows of {manifest['tables']} tables, {manifest['files']} files"


def says_what_is_there(store, answer, folder):
    """The manifest in the snapshot, the one in the answer, and what was restored."""
    with open(os.path.join(folder, "scratch/backup/manifest.json")) as file:
        manifest = json.load(file)
    summary = manifest["summary"]
    assert summary == answer["manifest"] and manifest["consistent_time"] == answer["consistent_time"], (summary, answer)
    counted = {name: len(found) for name, found in rows(store, "restored").items() if name}
    assert {one["name"]: one["rows"] for one in manifest["tables"]} == counted, (manifest["tables"], counted)
    assert (summary["tables"], summary["rows"]) == (len(counted), sum(counted.values()))
    assert manifest["not_transactional"] == ["old_counter"], manifest
    orders = store.sql("SELECT COUNT(*), MAX(date_created_gmt) FROM wp_wc_orders WHERE type = 'shop_order' AND status <> 'auto-draft'")[0]
    newest = orders[1].replace(" ", "T") + "Z" if orders[1] != "NULL" else ""
    assert (summary["orders"], summary["newest_order_time"]) == (int(orders[0]), newest), (summary, orders)
    assert summary["woocommerce_version"] == store.option("woocommerce_version"), summary
    assert summary["wordpress_db_version"] == store.option("db_version"), summary
    assert summary["database_bytes"] == os.path.getsize(os.path.join(folder, "scratch/backup/database.sql"))
    files = {path: open(os.path.join(folder, "source/wp-content", path), "rb").read() for path in tree(os.path.join(folder, "source/wp-content"))}
    assert (summary["files"], summary["file_bytes"]) == (len(files), sum(map(len, files.values()))), (summary, sorted(files))
    assert files["uploads/picture one.jpg"] == b"JPEG" * 5000 and files["plugins/mine/mine.php"] == b"<?php", sorted(files)
    left_out = [path for path in files if re.match(r"\.sendstores|cache/|plugins/woocommerce/|themes/twenty|uploads/wc-logs/old", path)]
    assert not left_out and "uploads/wc-logs/new.log" in files, left_out
    for salt in SALTS:
        with open(os.path.join(folder, "scratch/backup/salts", salt)) as file:
            assert file.read() == store.secrets[salt]
    return summary


def the_same_backup_twice_is_one_snapshot(store):
    backups = store.backups
    first = backups.must(backup="twice")
    store.sql("INSERT INTO empty_one VALUES (7)")
    again = backups.must(backup="twice")
    assert without_log(again) == without_log(first), (first, again)
    assert [one["id"] for one in backups.snapshots() if "backup=twice" in one["tags"]] == [first["snapshot"]]
    another = backups.must(backup="thrice")
    assert another["manifest"]["rows"] == first["manifest"]["rows"] + 1 and another["added_bytes"] < first["total_bytes"] / 2, another
    return f"{another['added_bytes']} bytes added of {another['total_bytes']}"


def progress_is_said_and_no_secret(store):
    """In JSON lines; no argument list, log or message has a password or key."""
    backups = store.backups
    job = backups.start(backup="seen")
    arguments = set()
    while not job.ended():
        arguments |= argument_lists(job.container)
    answer = job.end()
    said = [json.loads(line) for line in answer["log"].splitlines() if line.startswith("{")]
    assert said and all(set(one) == {"phase", "bytes_done", "bytes_total"} and one["bytes_done"] <= one["bytes_total"] for one in said), said
    assert {one["phase"] for one in said} <= {"dump", "files", "snapshot", "check"}, said
    secrets = [*backups.secrets.values(), store.secrets["db-password"], *(store.secrets[salt] for salt in SALTS)]
    assert any("restic" in one for one in arguments), "no process was seen"
    for text in (*arguments, answer["log"], json.dumps(answer)):
        assert not any(secret in text for secret in secrets), text
    return f"{len(arguments)} argument lists"


def a_cut_dump_is_no_backup(store):
    """The database is killed while it is read; then it is away; then its password is another."""
    backups = store.backups
    with held_dump(store, backups, "cut") as job:
        store.mysql.destroy()
        answer = job.end()
    try:
        away = backups.refused("DATABASE_UNAVAILABLE", backup="cut")
    finally:
        store.start_mysql()
    assert (answer["ok"], answer["reason"]) == (False, "DUMP_INCOMPLETE"), answer
    store.secrets["db-password"], right = "another", store.secrets["db-password"]
    try:
        backups.refused("DATABASE_UNAVAILABLE", backup="cut")
    finally:
        store.secrets["db-password"] = right
    backups.must(backup="cut")
    return f"{answer['message']} / {away}"


def a_changed_table_is_tried_again(store):
    """A plugin alters a table after the dump has begun: the database refuses to read it as of before (1412)."""
    backups = store.backups
    store.sql("CREATE TABLE zz_plugin (id INT PRIMARY KEY); INSERT INTO zz_plugin VALUES (1)")
    with held_dump(store, backups, "altered") as job:
        store.sql("ALTER TABLE zz_plugin ADD COLUMN more INT NOT NULL DEFAULT 5, ALGORITHM=COPY")
    answer = job.end()
    assert answer["ok"] and "try 2" in answer["log"] and "1412" in answer["log"], answer
    store.sql("DROP TABLE zz_plugin")


def a_full_scratch_volume_is_said(store):
    backups = store.backups
    message = backups.refused("DISK_FULL", backup="full", scratch="3m")
    for size in ("7m", "9m"):
        answer = backups.run(backup="full", scratch=size)
        assert answer["ok"] or answer["reason"] == "DISK_FULL", answer
    backups.must(backup="full")
    return message


def a_repository_that_fails_is_said(store):
    """Errors, refusals, silence, a cut connection at many bytes; wrong keys. Each time the next one succeeds."""
    backups, proxy = store.backups, store.backups.proxy
    said, points = set(), 0
    for status in (500, 403, 503):
        proxy.status = status
        said.add(backups.refused("REPOSITORY_UNAVAILABLE", backup=f"s3-{status}", port=proxy.port, patience=4))
        proxy.works()
        backups.must(backup=f"s3-{status}", port=proxy.port)
    for fault, passed in [("cut", 0), ("cut", 6_000), ("hold", 3_000), ("hold", 1_000_000), ("cut", 6_000_000)]:
        new_picture(store)
        proxy.works()
        setattr(proxy, fault, passed)
        answer = backups.run(backup=f"{fault}-{passed}", port=proxy.port, patience=4)
        assert answer["ok"] is False and answer["reason"] == "REPOSITORY_UNAVAILABLE", (fault, passed, answer)
        points += 1
        proxy.works()
        backups.must(backup=f"{fault}-{passed}", port=proxy.port)
    backups.refused("REPOSITORY_KEY_WRONG", backup="key", secrets={"repository-password": "wrong"})
    backups.refused("REPOSITORY_UNAVAILABLE", backup="key", secrets={"aws-secret-access-key": "wrong"}, patience=4)
    backups.whole()
    return f"{points} points, " + "; ".join(sorted(said))


def a_killed_backup_leaves_nothing(store):
    """SIGKILL in the dump and at many bytes of the upload. The next one succeeds, and prune does."""
    backups, proxy = store.backups, store.backups.proxy
    with held_dump(store, backups, "killed") as job:
        job.kill()
        assert "ok" not in job.end()
    points = []
    for passed in (4_000, 30_000, 300_000, 1_500_000, 4_000_000, 6_000_000):
        new_picture(store)
        proxy.works()
        proxy.hold = passed
        answer = backups.run(reached=proxy.held.is_set, backup="killed", port=proxy.port)
        proxy.works()
        points.append((passed, answer.get("ok")))
        if answer.get("ok") is None:
            assert not [one for one in backups.snapshots() if "backup=killed" in one["tags"]]
    assert sum(ok is None for _, ok in points) >= 4, points
    first = backups.must(backup="killed")
    backups.must_restic("prune", "--max-unused", "0")
    count = backups.whole()
    assert backups.must(backup="killed")["snapshot"] == first["snapshot"]
    return f"killed at {[passed for passed, ok in points if ok is None]} bytes, {count} snapshots"


def a_stopped_backup_says_so(store):
    """SIGTERM, as a deadline sends it."""
    backups = store.backups
    with held_dump(store, backups, "stopped") as job:
        job.kill("TERM")
        answer = job.end(20)
    assert (answer["ok"], answer["reason"]) == (False, "INTERNAL"), answer
    return answer["message"]


def a_file_that_cannot_be_read_is_said(store):
    """It is named, and no snapshot is left. Files that are removed meanwhile are no fault."""
    backups = store.backups
    path = store.content("uploads/secret of a plugin.txt")
    write(store, "uploads/secret of a plugin.txt", b"x", mode=0o600)
    message = backups.refused("SNAPSHOT_INCOMPLETE", backup="unreadable")
    assert "secret of a plugin.txt" in message, message
    assert not [one for one in backups.snapshots() if "backup=unreadable" in one["tags"]]
    os.chmod(path, 0o644)
    backups.must(backup="unreadable")
    backups.whole()
    return message


def a_damaged_repository_is_said(store):
    """A pack is lost: a new backup does not build on it, and the one that had it is not given out as whole."""
    backups = store.backups
    made = backups.must(backup="damaged")
    folder = os.path.join(backups.server.folder, "backups", backups.uid, "data")
    packs = sorted((os.path.join(folder, path) for path in tree(folder)), key=os.path.getsize)
    lost = packs[-1]
    os.rename(lost, store.work + "/lost-pack")
    messages = [backups.refused("SNAPSHOT_INCOMPLETE", backup=name) for name in ("damaged", "later")]
    os.rename(store.work + "/lost-pack", lost)
    assert backups.must(backup="damaged")["manifest"]["tables"] == made["manifest"]["tables"]
    backups.whole()
    return messages[0]


def forget_removes_one_snapshot(store):
    """Twice, and of a repository that is not there; the others stay."""
    backups = store.backups
    snapshot, before = backups.must(backup="forgotten")["snapshot"], backups.whole()
    for _ in range(2):
        answer = backups.must("forget", env={"SNAPSHOT": snapshot})
        assert set(answer) == {"ok", "exit_code", "log"}, answer
        assert backups.whole() == before - 1
    backups.must("forget", env={"SNAPSHOT": snapshot, "RESTIC_REPOSITORY": backups.address() + "-none"})
    backups.proxy.status = 500
    backups.refused("REPOSITORY_UNAVAILABLE", program="forget", env={"SNAPSHOT": snapshot}, port=backups.proxy.port, patience=4)
    backups.proxy.works()
    backups.refused("INTERNAL", program="forget", env={"SNAPSHOT": "latest"})


# === the shop ===

def prepare(store):
    """A shop with all that a dump and a copy of files may get wrong, and a repository for it."""
    if not store.wordpress.running():
        store.start_wordpress()
    if store.state().get("marker") != "digest-1":
        store.drop_everything()
        store.bootstrap()
    store.sql(ODD)
    store.sql(LARGE)
    store.sql("INSERT INTO wp_wc_orders (id, status, type, date_created_gmt) VALUES (902, 'wc-processing', 'shop_order', '2026-11-03 04:05:06'), "
              "(901, 'wc-completed', 'shop_order', '2026-11-29 10:11:12'), (903, 'auto-draft', 'shop_order', '2026-11-30 00:00:00')")
    month = time.time() - 40 * 86400
    for path, content, when in [("uploads/picture one.jpg", b"JPEG" * 5000, None), ("plugins/mine/mine.php", b"<?php", None),
                                ("uploads/wc-logs/new.log", b"new", None), ("uploads/wc-logs/old $HOME [1].log", b"old", month),
                                ("cache/page.html", b"page", None)]:
        write(store, path, content, when)
    store.backups = Backups(store, store.s3_program)
    return store.backups


def new_picture(store):
    """Of which nothing is in the repository yet."""
    write(store, "uploads/large.jpg", os.urandom(8_000_000))


def write(store, path, content, when=None, mode=0o644):
    path = store.content(path)
    made = os.path.dirname(path)
    os.makedirs(made, exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
    for name in (made, path):
        os.chown(name, 33, 33)
    if when:
        os.utime(path, (when, when))


def restored(store, backups, snapshot):
    """The two commands of the documentation; the folder with the files, and the database `restored`."""
    folder = os.path.join(store.work, "restored")
    shutil.rmtree(folder, ignore_errors=True)
    backups.must_restic("restore", snapshot, "--target", folder)
    store.sql("DROP DATABASE IF EXISTS restored; CREATE DATABASE restored CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    with open(os.path.join(folder, "scratch/backup/database.sql")) as dump:
        done = subprocess.run(["runc", "--root", store.mysql.state, "exec", "--env", "MYSQL_PWD=" + store.secrets["db-root-password"], "mysql",
                               "mariadb", "--defaults-file=/etc/mysql/sendstores.cnf", "--user=root", "restored"],
                              stdin=dump, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def tables(store, database):
    return [name for name, in store.sql("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND "
                                        f"table_schema = '{database}' ORDER BY table_name")]


def rows(store, database):
    """Table => its definition and its rows, in order; every cell as it is stored."""
    names, columns = tables(store, database), {}
    for table, column in store.sql("SELECT table_name, column_name FROM information_schema.columns "
                                   f"WHERE table_schema = '{database}' ORDER BY table_name, ordinal_position"):
        columns.setdefault(table, []).append(f"IFNULL(HEX(`{column}`), '-')")
    quoted = {name: f"{database}.`{name.replace('`', '``')}`" for name in names}
    # One visit to the database: each row comes with the number of its table.
    got = store.sql("\n".join(f"SELECT '{number}', {', '.join(columns[name])} FROM {quoted[name]};" for number, name in enumerate(names)))
    definitions = "\n".join(map("\t".join, store.sql("\n".join(f"SHOW CREATE TABLE {quoted[name]};" for name in names))))
    definitions = re.sub(r" AUTO_INCREMENT=\d+", "", definitions)
    found = {name: sorted(tuple(cells) for table, *cells in got if table == str(number)) for number, name in enumerate(names)}
    return found | {"": [definitions]}


def other_objects(store, database):
    """Views, triggers, routines and events."""
    return [store.sql(statement.format(database)) for statement in (
        "SELECT table_name, REPLACE(view_definition, '{0}', '') FROM information_schema.views WHERE table_schema = '{0}'",
        "SELECT trigger_name, event_object_table, action_statement FROM information_schema.triggers WHERE trigger_schema = '{0}'",
        "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema = '{0}'",
        "SELECT event_name, event_definition FROM information_schema.events WHERE event_schema = '{0}'")]


def tree(folder):
    """Paths of all files below a folder; links are none."""
    return [os.path.relpath(os.path.join(base, name), folder) for base, _, names in os.walk(folder) for name in names
            if not os.path.islink(os.path.join(base, name))]


# === how a point is hit ===

class held_dump:
    """A Job whose dump waits for a lock on a table in its middle; the lock ends with the block."""

    def __init__(self, store, backups, name):
        self.store, self.backups, self.name = store, backups, name

    def __enter__(self):
        command = ["runc", "--root", self.store.mysql.state, "exec", "--env", "MYSQL_PWD=" + self.store.secrets["db-root-password"], "mysql",
                   "mariadb", "--defaults-file=/etc/mysql/sendstores.cnf", "--user=root", "--unbuffered", "wordpress"]
        self.locker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.locker.stdin.write("LOCK TABLES middle_one WRITE; SELECT 'locked';\n")
        self.locker.stdin.flush()
        while "locked" not in self.locker.stdout.readline():
            assert self.locker.poll() is None
        self.job = self.backups.start(backup=self.name)
        try:
            wait_for("the dump to wait", self.waits)
        except BaseException:
            self.__exit__()
            raise
        return self.job

    def waits(self):
        assert not self.job.ended(), self.job.end()
        return self.store.sql("SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%'")

    def __exit__(self, *_):
        self.locker.stdin.close()
        self.locker.wait()
        if self.job.ended():
            self.job.container.destroy()


def argument_lists(container):
    """Of all processes of a container, as any process of the node may read them."""
    found = set()
    state = subprocess.run(["runc", "--root", container.state, "ps", "--format", "json", container.name], capture_output=True, text=True)
    for pid in (json.loads(state.stdout) or []) if state.returncode == 0 else []:
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                found.add(file.read().replace("\0", " "))
        except OSError:
            pass
    return found


def without_log(answer):
    return {key: value for key, value in answer.items() if key != "log"}


CHECKS = [a_backup_can_be_restored_without_us, the_same_backup_twice_is_one_snapshot, progress_is_said_and_no_secret, a_cut_dump_is_no_backup,
          a_changed_table_is_tried_again, a_full_scratch_volume_is_said, a_repository_that_fails_is_said, a_killed_backup_leaves_nothing,
          a_stopped_backup_says_so, a_file_that_cannot_be_read_is_said, a_damaged_repository_is_said, forget_removes_one_snapshot]
