"""What a backup costs against the same by hand: `mariadb-dump | restic backup --stdin` and `restic backup uploads`.

usage: as main.py (images/test has the namespaces), with the number of orders in place of the checks. The database and the
pictures are made by a seed, so each run measures the same. Prints a table: seconds of wall time and of CPU, and the peak of
memory of the largest process; both in containers of the same image, the Job with its 256 MiB and by hand with 1 GiB, since that is killed with less, each kind twice: the first backup, and one of
a shop that has not changed.
"""

import argparse
import os
import random
import shutil
import sys
import time

from jobs import Backups, Job
from main import load, remove_cgroups
from store import Store

PICTURES, PICTURE = 2000, 98_000
BY_HAND = r"""set -euo pipefail; export RESTIC_PASSWORD_FILE=/run/secrets/backup/repository-password RESTIC_CACHE_DIR=/scratch/cache
AWS_ACCESS_KEY_ID=$(</run/secrets/backup/aws-access-key-id) AWS_SECRET_ACCESS_KEY=$(</run/secrets/backup/aws-secret-access-key)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY MYSQL_PWD=$(</run/secrets/database/password)
restic cat config >/dev/null 2>&1 || restic init --quiet
mariadb-dump --host mysql --user wordpress --skip-ssl --single-transaction --no-tablespaces wordpress | restic backup --quiet --stdin --stdin-filename database.sql
restic backup --quiet /source/wp-content/uploads
echo '{"ok":true}' >/dev/termination-log"""
# About 40 rows an order, as WooCommerce writes them.
TABLES = """
CREATE TABLE many_orders (id BIGINT PRIMARY KEY, status VARCHAR(20), total DECIMAL(26,8), email VARCHAR(320), created DATETIME, KEY (email), KEY (created));
INSERT INTO many_orders SELECT seq, ELT(1 + seq % 3, 'wc-completed', 'wc-processing', 'wc-refunded'), seq % 977 + 0.99, CONCAT(MD5(seq), '@shop.example'),
  FROM_UNIXTIME(1760000000 + seq * 60) FROM seq_1_to_{orders};
CREATE TABLE many_meta (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT, meta_key VARCHAR(255), meta_value LONGTEXT, KEY (order_id), KEY (meta_key(100)));
INSERT INTO many_meta (order_id, meta_key, meta_value) SELECT o.seq, CONCAT('_key_', k.seq), LEFT(SHA1(o.seq * 64 + k.seq), 4 + (o.seq + k.seq) % 37)
  FROM seq_1_to_{orders} o JOIN seq_1_to_39 k;
"""


def shop(store, orders):
    store.sql(TABLES.replace("{orders}", str(orders)))
    seeded = random.Random(7)
    os.makedirs(store.content("uploads/2026"), exist_ok=True)
    for number in range(PICTURES):
        with open(store.content(f"uploads/2026/picture-{number}.jpg"), "wb") as file:
            file.write(seeded.randbytes(PICTURE))


def measured(backups, name, **options):
    begin = time.monotonic()
    job = Job(backups, name, "backup", scratch=None, memory=1024 if "command" in options else 256, **options)
    _, status, usage = os.wait4(job.process.pid, 0)
    wall = time.monotonic() - begin
    job.process.returncode = os.waitstatus_to_exitcode(status)
    answer = job.end()
    assert answer.get("ok"), answer
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    for name in ("--work", "--cache", "--s3"):
        parser.add_argument(name, required=True)
    parser.add_argument("names", nargs=3)
    parser.add_argument("orders", type=int)
    options = parser.parse_args()
    folder = os.path.join(options.work, "store")
    shutil.rmtree(folder, ignore_errors=True)
    store = Store(folder, *load(options.work, options.cache, options.names))
    try:
        store.start_mysql()
        shop(store, options.orders)
        backups = Backups(store, options.s3)
        ours, hand = backups.uid, backups.uid[:-1] + "1"
        print("| | wall, s | CPU, s | peak, MiB |\n|---|---|---|---|")
        for run in ("first", "unchanged"):
            for kind in ("by hand", "backup"):
                backups.uid = hand if kind == "by hand" else ours
                command = {"command": ["/bin/bash", "-c", BY_HAND]} if kind == "by hand" else {}
                figures = measured(backups, f"{run}-{kind}".replace(" ", "-"), **command)
                print(f"| {run}, {kind} | {figures[0]:.1f} | {figures[1]:.1f} | {figures[2]:.0f} |", flush=True)
    finally:
        store.destroy()
        remove_cgroups()


if __name__ == "__main__":
    sys.exit(main())
