"""Asks a warehouse for one number: see the package's documentation.

Reads {"source", "config", "statement", "timeout"} from standard input and
writes {"value"} or {"stage", "reason"} to standard output, and nothing else:
what libraries print goes to standard error.
"""
import decimal
import json
import math
import os
import sys
import threading


class Problem(Exception):
    def __init__(self, stage, reason):
        super().__init__(reason)
        self.stage, self.reason = stage, reason


# How long a stage may take, in seconds. Drivers bound neither logins nor
# statements alike, and some try again for many minutes.
LIMITS = {"connect": 60}
answer = None


def main():
    global answer
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        asked = json.load(sys.stdin)
        # The database should end the statement, and say so, before.
        LIMITS["statement"] = asked["timeout"] + 5
        finish({"value": ask(asked)})
    except Problem as e:
        finish({"stage": e.stage, "reason": e.reason})
    except Exception as e:
        finish({"stage": "setup", "reason": describe(e)})


finishing = threading.Lock()


def finish(result):
    finishing.acquire()  # for ever: the first answer counts
    json.dump(result, answer)
    answer.close()
    # Threads of drivers must not hold up what has its answer.
    os._exit(0)


def describe(e):
    text = str(e).strip()
    return f"{type(e).__name__}: {text}" if text else type(e).__name__


def staged(stage, call):
    timer = None
    if stage in LIMITS:
        late = {"stage": "time" if stage == "statement" else stage, "reason": f"no answer within {LIMITS[stage]:g} s"}
        timer = threading.Timer(LIMITS[stage], finish, [late])
        timer.daemon = True
        timer.start()
    try:
        return call()
    except Problem:
        raise
    except Exception as e:
        raise Problem(stage, describe(e))
    finally:
        if timer:
            timer.cancel()


def ask(asked):
    source, timeout = asked["source"], asked["timeout"]
    config_class = staged("setup", lambda: find(source).get_config_class())
    parse = getattr(config_class, "model_validate", None) or config_class.parse_obj
    config = staged("config", lambda: parse(asked["config"]))
    rows = WAYS.get(source, sqlalchemy)(config, asked["statement"], timeout)
    if len(rows) != 1 or len(rows[0]) != 1:
        shape = "no row" if not rows else "more than one row" if len(rows) > 1 else f"{len(rows[0])} columns"
        raise Problem("value", f"want one row with one number, got {shape}")
    return number(rows[0][0])


def find(source):
    from datahub.ingestion.source.source_registry import source_registry

    return source_registry.get(source)


def number(value):
    if value is None:
        raise Problem("value", "want a number, got NULL")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, decimal.Decimal)):
        finite = decimal.Decimal(value).is_finite()
    elif isinstance(value, float):
        finite = math.isfinite(value)
    else:
        raise Problem("value", f"want a number, got {type(value).__name__}")
    if not finite:
        raise Problem("value", f"want a finite number, got {value}")
    return str(value)


# What opens a session that can only read, and bounds a statement's time, by
# SQLAlchemy's name of the dialect. A list of lists: the first of each inner
# list that the database understands counts; one that understands none ends it.
def settings(dialect, timeout):
    milliseconds = int(timeout * 1000)
    return {
        "mysql": [
            ["SET SESSION TRANSACTION READ ONLY"],
            [f"SET SESSION max_statement_time = {timeout}", f"SET SESSION max_execution_time = {milliseconds}"],
        ],
        "postgresql": [
            ["SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"],
            [f"SET statement_timeout = {milliseconds}"],
        ],
        "redshift": [[f"SET statement_timeout = {milliseconds}"], ["BEGIN READ ONLY"]],
        "trino": [[f"SET SESSION query_max_execution_time = '{int(timeout)}s'"]],
        "clickhouse": [["SET readonly = 1"]],
    }.get(dialect, [])


def prepare(execute, dialect, timeout):
    for alternatives in settings(dialect, timeout):
        problems = []
        for statement in alternatives:
            try:
                execute(statement)
                break
            except Exception as e:
                problems.append(describe(e))
        else:
            raise Problem("connect", "the session could not be made safe: " + "; ".join(problems))


def sqlalchemy(config, statement, timeout):
    if not hasattr(config, "get_sql_alchemy_url"):
        raise Problem("setup", "the source is none of SQLAlchemy's and has no other way to be asked")
    from sqlalchemy import create_engine, text

    url = staged("config", config.get_sql_alchemy_url)
    options = dict(getattr(config, "options", None) or {})
    options.pop("poolclass", None)
    engine = staged("config", lambda: create_engine(url, **options))
    with staged("connect", engine.connect) as connection:
        # Each setting in a transaction of its own: it holds for the next ones.
        def execute(sql):
            try:
                connection.execute(text(sql))
            finally:
                connection.commit() if hasattr(connection, "commit") else None

        prepare(execute, engine.dialect.name, timeout)
        # A colon in the statement must not be taken for a parameter.
        escaped = statement.replace(":", "\\:")
        try:
            return staged("statement", lambda: [tuple(r) for r in connection.execute(text(escaped)).fetchmany(2)])
        finally:
            connection.rollback() if hasattr(connection, "rollback") else None


def cursor_rows(connection, statement):
    with connection.cursor() as cursor:
        staged("statement", lambda: cursor.execute(statement))
        return staged("statement", lambda: [tuple(r) for r in cursor.fetchmany(2)])


def snowflake(config, statement, timeout):
    connection = staged("connect", config.get_native_connection)
    cursor = connection.cursor()
    prepare(cursor.execute, "snowflake", timeout)
    staged("connect", lambda: cursor.execute(f"ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {max(int(timeout), 1)}"))
    return cursor_rows(connection, statement)


def redshift(config, statement, timeout):
    source = staged("setup", lambda: find("redshift"))
    connection = staged("connect", lambda: source.get_redshift_connection(config))
    with connection.cursor() as cursor:
        prepare(cursor.execute, "redshift", timeout)
    return cursor_rows(connection, statement)


def bigquery(config, statement, timeout):
    from google.cloud.bigquery import QueryJobConfig

    client = staged("connect", config.get_bigquery_client)
    # BigQuery has no session that can only read, but says what a statement is.
    plan = staged("statement", lambda: client.query(statement, job_config=QueryJobConfig(dry_run=True, use_query_cache=False)))
    if plan.statement_type != "SELECT":
        raise Problem("statement", f"BigQuery takes this for a {plan.statement_type}, not a SELECT")
    job_config = QueryJobConfig(job_timeout_ms=int(timeout * 1000))
    result = staged("statement", lambda: client.query(statement, job_config=job_config).result(max_results=2, timeout=timeout))
    return staged("statement", lambda: [tuple(r.values()) for r in result])


def databricks(config, statement, timeout):
    from databricks import sql
    from datahub.ingestion.source.unity.connection import create_workspace_client, get_sql_connection_params

    if not config.warehouse_id:
        raise Problem("config", "warehouse_id is missing, which statements need")
    params = staged("connect", lambda: get_sql_connection_params(create_workspace_client(config)))
    with staged("connect", lambda: sql.connect(**params)) as connection:
        with connection.cursor() as cursor:
            staged("connect", lambda: cursor.execute(f"SET STATEMENT_TIMEOUT = {max(int(timeout), 1)}"))
        return cursor_rows(connection, statement)


WAYS = {
    "snowflake": snowflake,
    "redshift": redshift,
    "bigquery": bigquery,
    "unity-catalog": databricks,
}

main()
