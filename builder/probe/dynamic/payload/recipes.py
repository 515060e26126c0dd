"""Recipes that the executor has to refuse before a task starts (tier X). Each function is a probe."""
import json
import os
import resource
import time

import report
import tasks


def refuse(recipes, env=None, plugin="probe"):
    """Each recipe must be refused; one that does no harm must not. Where three are accepted, more would say nothing."""
    accepted = 0
    good = tasks.task("nothing")
    if not good.said("done"):
        raise RuntimeError("a recipe that does no harm is refused: %s" % good.err[-400:])
    for what, recipe in recipes:
        got = tasks.Task(recipe, env, plugin=plugin).end()
        if got.said("started") or got.code == 0:
            report.opened("a recipe is accepted that %s" % what)
            accepted += 1
            if accepted == 3:
                return
        elif got.code in (1, 2, 125):
            report.held()
        else:
            raise RuntimeError("%s: code %s, %s" % (what, got.code, got.err[-400:]))


def base(**config):
    return tasks.recipe("nothing", **config)


def changed(**keys):
    return dict(base(), **keys)


def source(name, **config):
    return {"source": {"type": name, "config": dict(config, probe="nothing")}, "sink": {"type": "blackhole"}}


def source_class():
    refuse([("names a class as its source, %r" % name, source(name)) for name in
            ("evil.Source", "evil:Source", "os.path", "datahub.ingestion.source.file.GenericFileSource", "probe.", ".probe", "probe:x", "mysql", "PROBE", "pr\u043ebe", "")])


def other_class():
    code = {"type": "evil.Class", "config": {}}
    refuse([
        ("names a class as transformer", changed(transformers=[code])),
        ("names a class as transformer, with a colon", changed(transformers=[{"type": "evil:Class"}])),
        ("names a class as sink", changed(sink=code)),
        ("names a class as reporter", changed(reporting=[code])),
        ("names a class as extractor", {"source": {"type": "probe", "extractor": "evil.Class", "config": {"probe": "nothing"}}, "sink": {"type": "blackhole"}}),
        ("names a class as state provider", base(stateful_ingestion={"enabled": True, "state_provider": {"type": "evil.Class", "config": {}}})),
        ("has a transformer call a function", changed(transformers=[{"type": "add_dataset_tags", "config": {"get_tags_to_add": "evil.call"}}])),
        ("names a schema registry's class", base(schema_registry_class="evil.Class")),
        ("names a callback", base(connection={"consumer_config": {"oauth_cb": "evil:call"}})),
    ])


def directives():
    refuse([("has a value written to a file", base(**{"__DATAHUB_TO_FILE_x": "content"})),
            ("has a value written to a file, nested", base(deep=[{"more": {"__DATAHUB_TO_FILE_key": "content"}}])),
            ("has a value take the place of one that is judged", base(**{"keyfile": "/data/key", "__DATAHUB_TO_FILE_keyfile": "content"}))])


def files():
    names = ["/proc/self/environ", "/proc/1/environ", "file:///proc/1/environ", "/run/secrets/token", "/run/secrets/kubernetes.io/serviceaccount/token", "/mnt/secrets/*", "/mnt/secrets/x",
             "/var/lib/datahub-executor/journal", "/opt/datahub/venvs/metadata.json", "/data/../proc/1/environ", "/data/./../etc/shadow", "../../etc/passwd", "//proc/1/environ",
             "/proc/./self/environ", "/dev/../proc/1/environ", "/sys/kernel", "~/../proc/1/environ"]
    refuse([("reads %s" % n, base(path=n)) for n in names] + [("reads /proc by a key of its own", base(anything={"of": ["/proc/1/environ"]})),
           ("writes into the venvs", changed(sink={"type": "file", "config": {"filename": "/opt/datahub/venvs/x"}})),
           ("writes a report into the venvs", changed(reporting=[{"type": "file", "config": {"filename": "/opt/datahub/venvs/x"}}]))])


def addresses():
    refuse([("reads %s" % n, base(path=n)) for n in ("http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:9087/", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "HTTP://127.0.0.1/", "data:,x")])


def native_code():
    refuse([
        ("names an ODBC driver by its path", base(uri_args={"Driver": "/tmp/x.so"})),
        ("names an ODBC driver in a connection string", base(uri="mssql+pyodbc:///?odbc_connect=Driver%3D/tmp/x.so")),
        ("names an ODBC driver in a plain connection string", base(connection_string="Driver=/tmp/x.so;Server=x")),
        ("gives a directory of libraries", base(oracle_client_lib_dir="/tmp")),
        ("gives jars", base(jdbc={"driver_jar_paths": ["/tmp/x.jar"]})),
        ("has packages fetched for Spark", base(spark_config={"spark.jars.packages": "org.evil:evil:1"})),
        ("loads an extension of sqlite", base(uri="sqlite:///x?load_extension=/tmp/x.so")),
    ])


def traversal():
    for plugin in ("../../../tmp/evil", "/tmp/evil", "..", ".", "probe/../probe", "probe-bundled/../probe", "probe\n", "Probe", "", "a" * 300, "*"):
        fake_venv("/tmp/evil-bundled")
        got = tasks.Task(base(), plugin=plugin).end()
        if got.said("started") or b"lockforge-evil-venv" in got.out:
            report.opened("the plugin %.40r selects a venv" % plugin)
        else:
            report.held()
    refuse([("has the source %r" % name, source(name)) for name in ("../../../tmp/evil", "/tmp/evil", "../probe", "probe/../probe")])


def fake_venv(directory):
    os.makedirs(directory + "/bin", exist_ok=True)
    for name in ("python", "datahub"):
        if not os.path.lexists(directory + "/bin/" + name):
            os.symlink(os.path.join(tasks.VENVS, "probe-bundled/bin", name), directory + "/bin/" + name)


def malformed():
    """E53: what two readers could read differently, or that costs much to read."""
    good = json.dumps(base())
    inner = good[1:-1]
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join("%s: &%s [%s]\n" % (c, c, ",".join(["*" + p] * 9)) for p, c in zip("abcdefgh", "bcdefghi")) + good[1:-1]
    evil = '"source": {"type": "evil.Class", "config": {}}'
    cases = [
        ("has a key twice", "{%s, %s}" % (inner, evil)), ("has a key twice, the other way", "{%s, %s}" % (evil, inner)),
        ("has a key in another case", "{%s, %s}" % (inner, evil.replace("source", "Source"))),
        ("has a key that looks like another", "{%s, %s}" % (inner, evil.replace("source", "s\u043eurce"))),
        ("has a zero byte", good.replace("nothing", "noth\0ing")), ("has a byte order mark inside", good.replace("nothing", "\ufeffnothing\ufeff")[:20] + "\ufeff" + good[20:]),
        ("has a YAML tag of Python", "source: !!python/object/apply:os.system [true]\nsink: {type: blackhole}\n"),
        ("is a bomb of aliases", bomb), ("is two documents", good + "\n---\n" + good), ("is nested deeply", "{%s, \"x\": %s}" % (inner, "[" * 100000 + "]" * 100000)),
        ("merges keys", "base: &b {type: evil.Class}\nsource: {<<: *b, config: {}}\nsink: {type: blackhole}\n"),
        ("is empty", ""), ("is no mapping", "[1, 2]"),
    ]
    recipes = [(what, text.encode()) for what, text in cases] + [("is broken UTF-8", b"source: \xff\xfe\x80"), ("is large", large())]
    start = time.time()
    refuse(recipes)
    if time.time() - start > 20:
        report.opened("%d recipes take %.0f s to refuse" % (len(recipes), time.time() - start))
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    if used > 128:
        report.opened("a recipe makes the executor use %d MiB" % used)
    else:
        report.held()


def large():
    """A recipe of 100 MB, in a file: what this process holds would count as its child's."""
    with open("/tmp/large", "wb") as f:
        for _ in range(100):
            f.write(b"x" * (1 << 20))
    return open("/tmp/large", "rb")


def packages():
    """E44: a recipe brings no packages, no version and no variables."""
    refuse([("asks for %s" % k, changed(**{k: v})) for k, v in (
        ("extra_pip_requirements", ["evil"]), ("extra_pip_plugins", ["evil"]), ("version", "latest"), ("extra_env_vars", {"LD_PRELOAD": "/tmp/x.so"}), ("debug_mode", True), ("plugins", ["evil"]), ("env", {"A": "b"}))])


def downloads():
    """E23: keys by which connectors and the libraries below them fetch code of their own accord."""
    refuse([
        ("has Informix's driver fetched", base(accept_ibm_jdbc_license=True, jdbc_driver_version="4.50.11")),
        ("has packages fetched for Spark", base(spark_config={"spark.jars.packages": "org.evil:evil:1"})),
        ("has jars fetched for Spark", base(spark_config={"spark.jars": "https://127.0.0.1/evil.jar"})),
        ("names a repository for Spark", base(spark_config={"spark.jars.repositories": "https://127.0.0.1/"})),
        ("names Ivy's settings for Spark", base(spark_config={"spark.jars.ivySettings": "/data/ivy.xml"})),
        ("has extensions of DuckDB installed", base(options={"connect_args": {"config": {"autoinstall_known_extensions": True}}})),
        ("has extensions of DuckDB loaded", base(options={"connect_args": {"config": {"autoload_known_extensions": True}}})),
        ("names a repository for DuckDB", base(options={"connect_args": {"config": {"custom_extension_repository": "http://127.0.0.1/"}}})),
        ("has DuckDB load what nobody signed", base(options={"connect_args": {"config": {"allow_unsigned_extensions": "true"}}})),
        ("names DuckDB's extensions", base(options={"connect_args": {"config": {"extension_directory": "x"}}})),
        ("has extensions of DuckDB installed, by an address", base(connect_uri="duckdb:///:memory:?autoinstall_known_extensions=true")),
    ])
