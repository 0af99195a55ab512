"""The whole database of a store as texts that are equal when two stores are, table by table and row by row.

Nothing is left out but caches. What must differ between two equal stores is replaced by a rule:
- a time of these days becomes TIME, wherever it stands; a time that is not set stays as it is;
- what is rolled by dice becomes DICE, if it has the form that it should have;
- the number of an option becomes nothing: nobody refers to it, and each write of a cache uses one up;
- so does the number of the pass in which the queue took a job.
"""

import json
import os
import re
import time

# Transients, rewrite rules and what the queue notes of its last run: whoever misses one makes it again. So are sessions of
# nobody, of which each start of WP-CLI leaves one.
CACHES = r"_(site_)?transient_|rewrite_rules$|action_scheduler_lock_"
PASSWORD = r"^\$wp\$2y\$\d\d\$[./A-Za-z0-9]{53}$"
TIME = r"(?<!\d)(1[789]\d{8}|20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?!\d)"


def whole_database(store):
    """Table => sorted rows, each a tuple of texts (None for NULL); the first is the table's own definition."""
    settle(store)
    columns = {}
    for table, column in store.sql("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'wordpress' "
                                   "ORDER BY table_name, ordinal_position"):
        columns.setdefault(table, []).append(column)
    # One visit to the database for all tables: each row comes with the name of its own.
    statements = [f"SELECT '{table}', " + ", ".join(f"IFNULL(HEX(CONCAT('', `{name}`)), '-')" for name in names) + f" FROM `{table}`;"
                  for table, names in columns.items()]
    tables = {table: [definition] for table, definition in definitions(store).items()}
    rolled = dice(store)
    for table, *cells in store.sql("\n".join(statements)):
        row = [None if cell == "-" else bytes.fromhex(cell).decode(errors="backslashreplace") for cell in cells]
        if not is_cache(table, row):
            tables[table].append(normal(table, row, rolled))
    return {table: sorted(rows, key=repr) for table, rows in tables.items()}


def dice(store):
    """Option => the form of what is rolled in it: the image's own list, which a release may add nothing to."""
    with open(os.path.join(store.roots["woocommerce"], "opt/sendstores/lib/options.json")) as file:
        return {name: one["form"] for name, one in json.load(file)["dice"].items()}


def is_cache(table, row):
    if table == "wp_woocommerce_sessions":
        return re.match(r"t_[0-9a-f]{30}$", row[1])
    return table == "wp_options" and re.match(CACHES, row[1])


def settle(store):
    """Runs what is due: of jobs that were set for the next second, the bootstrap meets one or the other."""
    time.sleep(1.1)
    code, _, err = store.wordpress.exec("wp", "eval", "ActionScheduler_QueueRunner::instance()->run( 'WP CLI' );")
    assert code == 0, err


def definitions(store):
    """Columns and indexes of each table, as one row."""
    rows = store.sql("SELECT table_name, 'column', column_name, column_type, is_nullable, column_default, extra, collation_name "
                     "FROM information_schema.columns WHERE table_schema = 'wordpress' UNION ALL "
                     "SELECT table_name, 'index', index_name, column_name, non_unique, seq_in_index, sub_part, index_type "
                     "FROM information_schema.statistics WHERE table_schema = 'wordpress'")
    found = {}
    for table, *facts in sorted(rows):
        found.setdefault(table, []).append(",".join(facts))
    return {table: tuple(facts) for table, facts in found.items()}


def normal(table, row, rolled):
    if table == "wp_options":
        row[0] = ""
        if row[1] in rolled:
            row[2] = re.sub(rolled[row[1]], "DICE", row[2])
        if row[1] == "cron":
            # Which events share a second is chance.
            row[2] = "\n".join(sorted(re.findall(r's:\d+:"(\w+";a:1:\{s:32:"\w+";a:3:\{.*?\}s:8:"interval";i:\d+);\}\}', row[2])))
    if table == "wp_actionscheduler_actions":
        row[12] = ""
    if table == "wp_users":
        row[2] = re.sub(PASSWORD, "DICE", row[2])
    return tuple(None if cell is None else re.sub(TIME, "TIME", cell) for cell in row)


def differences(one, other):
    """Table => rows that stand only in one of them."""
    found = {}
    for table in sorted({*one, *other}):
        a, b = (list(map(repr, side.get(table, ["no such table"]))) for side in (one, other))
        if a != b:
            found[table] = {"only in the first": sorted(set(a) - set(b)), "only in the second": sorted(set(b) - set(a)),
                            "rows": (len(a), len(b))}
    return found
