"""What the executor has to hold back for each task (tier X). Each function is a probe; it runs beside the executor."""
import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import xml.sax.saxutils

import paths
import report

EXECUTOR = "/opt/datahub/bin/executor"
VENVS = os.path.join(report.HERE, "venvs")
MARKER = "lockforge-probe-marker"
SECRET = 'Zq7"x&<k>/9=mP+%4 v-lockforge'
SECRET_NAME = "LOCKFORGE_PROBE_SECRET"


def present():
    if not os.path.exists(EXECUTOR):
        raise report.NotTried("the image has no lockforge executor")


class Task:
    """One call of `executor run`; code is None while it runs."""

    def __init__(self, recipe, env=None, flags=(), plugin="probe", cwd="/", fds=()):
        present()
        environment = dict(os.environ, DATAHUB_BUNDLED_VENV_PATH=VENVS, **(env or {}))
        argv = [EXECUTOR, "run", "--plugin", plugin, "--timeout", "40s", "--grace", "1s"] + list(flags)
        stdin = recipe if hasattr(recipe, "fileno") else subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=cwd, pass_fds=fds)
        self.recipe = json.dumps(recipe).encode() if isinstance(recipe, dict) else recipe if isinstance(recipe, bytes) else None
        self.seen = []

    def end(self):
        """Waits for the end and hears what the task said."""
        try:
            self.out, self.err = self.process.communicate(self.recipe, timeout=50)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.code = self.process.returncode
        self.hear(self.out.decode("utf-8", "replace"))
        return self

    def begin(self, key):
        """Hands the recipe over and waits for a line of the task."""
        self.process.stdin.write(self.recipe)
        self.process.stdin.close()
        self.process.stdin = None
        self.recipe = None
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the task ended before it said %r: %s" % (key, self.process.stderr.read()[-400:]))
            self.hear(line.decode("utf-8", "replace"))
            if self.seen and key in self.seen[-1]:
                return self.seen[-1][key]

    def hear(self, text):
        for line in text.splitlines():
            if '{"lockforge": ' in line:
                self.seen.append(json.loads(line[line.index('{"lockforge": '):])["lockforge"])

    def said(self, key):
        return [s for s in self.seen if key in s]

    def verdict(self):
        """Passes on what the task reported. One that broke off is no answer."""
        for line in self.said("open"):
            report.opened(line["open"], line["path"])
        for line in self.said("skip"):
            raise report.NotTried(line["skip"])
        if not self.said("done"):
            raise RuntimeError("the task did not get to its end: code %s, %s" % (self.code, self.err[-600:]))
        report.tries += 1
        return self

    def sandbox(self):
        """Returns what the executor's end record says about controls."""
        for line in self.err.decode("utf-8", "replace").splitlines():
            if line.startswith("{"):
                return {c["control"]: c for c in (json.loads(line).get("sandbox") or {}).get("controls", [])}
        return {}


def recipe(probe, **config):
    return {"source": {"type": "probe", "config": dict(config, probe=probe)}, "sink": {"type": "blackhole"}}


def task(probe, env=None, flags=(), cwd="/", fds=(), **config):
    return Task(recipe(probe, **config), env, flags, cwd=cwd, fds=fds).end()


def needs(control):
    """A control that this machine's kernel does not have is not the executor's failure."""
    got = task("nothing").verdict().sandbox().get(control)
    if got and got["state"] == "missing":
        raise report.NotTried("this machine's kernel lacks %s: %s" % (control, got["detail"]))


# Environment.

def environment(names):
    env = {name: MARKER for name in names}
    task("variables", env, names=names, marker=MARKER).verdict()


def index_environment():
    environment(["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "PIP_TARGET", "PIP_FIND_LINKS", "PIP_PREFIX", "PIP_USER", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL",
                 "UV_EXTRA_INDEX_URL", "UV_CONFIG_FILE", "UV_FIND_LINKS", "UV_PYTHON_INSTALL_MIRROR"])


def interpreter_environment():
    env = plant()
    env.update(PYTHONHOME=sys.base_prefix, PYTHONPLATLIBDIR="lib")
    task("variables", env, names=["PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR"], marker=MARKER).verdict()
    task("imports", env, modules=["lockforge_planted"]).verdict()


def startup_environment():
    environment(["PYTHONSTARTUP", "PYTHONBREAKPOINT", "PYTHONWARNINGS", "PYTHONINSPECT"])


def bytecode_environment():
    os.makedirs("/tmp/evil", exist_ok=True)
    env = {"PYTHONPYCACHEPREFIX": "/tmp/evil"}
    task("variables", env, names=list(env), marker=MARKER).verdict()
    task("interpreter", env).verdict()


def launcher_environment():
    env = {"PYTHONEXECUTABLE": "/tmp/evil/bin/python", "__PYVENV_LAUNCHER__": "/tmp/evil/bin/python", "VIRTUAL_ENV": "/tmp/evil"}
    task("variables", env, names=list(env), marker=MARKER).verdict()
    task("interpreter", env).verdict()


def loader_environment():
    environment(["LD_LIBRARY_PATH", "LD_BIND_NOT", "LD_PROFILE_OUTPUT", "GCONV_PATH", "LOCPATH", "MALLOC_CHECK_", "HOSTALIASES", "RES_OPTIONS", "NLSPATH"])
    library = paths.own_library()
    env = {"LD_PRELOAD": library, "LD_AUDIT": library, "GLIBC_TUNABLES": "glibc.malloc.perturb=1"}
    task("variables", env, names=list(env), marker=MARKER).verdict()


def tls_environment():
    environment(["OPENSSL_MODULES", "OPENSSL_ENGINES", "OPENSSL_CONF", "SSLKEYLOGFILE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"])


def driver_environment():
    environment(["ODBCSYSINI", "ODBCINI", "ODBCINSTINI", "KRB5_CONFIG", "KRB5CCNAME", "TNS_ADMIN", "ORACLE_HOME", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JAVA_HOME", "PYSPARK_PYTHON",
                 "SPARK_CONF_DIR", "SPARK_HOME", "HADOOP_CONF_DIR", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH", "DUCKDB_EXTENSION_DIRECTORY", "PGSERVICEFILE", "PGPASSFILE",
                 "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG", "CLOUDSDK_CONFIG", "MYSQL_HOME"])


def executor_environment():
    """E47: neither the environment nor a recipe gives a task what is the executor's own."""
    names = ["DATAHUB_GMS_TOKEN", "DATAHUB_SYSTEM_CLIENT_SECRET", "VAULT_TOKEN", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "KAFKA_PROPERTIES_SASL_PASSWORD"]
    environment(names)
    env = {name: MARKER for name in names}
    for text in ["${%s}" % n for n in names] + ["${LOCKFORGE_UNSET}", "${VAULT_TOKEN:-fallback}", "$VAULT_TOKEN", "${VAULT_TOKEN?no}", "x${LOCKFORGE_UNSET}y"]:
        got = Task(recipe("secret_seen", value=text), env).end()
        # What has a default, or is no reference to the executor, may go on to
        # the command line, which finds no such variable.
        plain = text.startswith("$V") or ":-" in text
        if MARKER in (got.out + got.err).decode("utf-8", "replace") or got.said("open") or got.said("started") and not plain:
            report.opened("a recipe gets at what %s stands for" % text)
        else:
            report.held()


# What is planted beside the executor, before a task starts.

def plant():
    """Plants modules where interpreters like to look; returns variables that point at them."""
    site = "/tmp/.local/lib/python%d.%d/site-packages" % sys.version_info[:2]
    for d in ("/tmp/evil/google", "/tmp/google", site, "/tmp/lockforge_plugin-1.dist-info", "/tmp/evil/lockforge_plugin-1.dist-info", "/tmp/bin"):
        os.makedirs(d, exist_ok=True)
    for d in ("/tmp/evil", "/tmp", site):
        write(d + "/lockforge_planted.py", "x = 1\n")
        for name in ("yaml.py", "click.py"):
            write(d + "/" + name, "lockforge_planted = True\n")
        for name in ("sitecustomize.py", "usercustomize.py"):
            write(d + "/" + name, "import lockforge_planted\n")
    write(site + "/lockforge.pth", "import lockforge_planted\n")
    for d in ("/tmp/evil/google", "/tmp/google"):
        write(d + "/lockforge_planted.py", "x = 1\n")
    for d in ("/tmp", "/tmp/evil"):
        write(d + "/lockforge_plugin-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: lockforge-plugin\nVersion: 1\n")
        write(d + "/lockforge_plugin-1.dist-info/entry_points.txt", "[datahub.ingestion.source.plugins]\nlockforge = lockforge_planted:x\n")
    write("/tmp/pyvenv.cfg", "home = /usr/bin\n")
    return {"PYTHONPATH": "/tmp/evil", "HOME": "/tmp", "PYTHONUSERBASE": "/tmp/.local"}


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def user_site():
    env = plant()
    del env["PYTHONPATH"]
    task("imports", env, modules=["lockforge_planted"]).verdict()
    task("variables", env, names=["PYTHONUSERBASE", "PYTHONNOUSERSITE"], marker=MARKER).verdict()


def working_directory():
    plant()
    task("imports", cwd="/tmp", modules=["lockforge_planted"]).verdict()
    task("interpreter", cwd="/tmp").verdict()


def fake_venv():
    env = plant()
    task("interpreter", env, cwd="/tmp").verdict()
    planted_by_task("pyvenv.cfg")


def entry_points():
    task("entry_points", plant(), cwd="/tmp").verdict()


def namespace():
    task("imports", plant(), cwd="/tmp", modules=["google.lockforge_planted"]).verdict()


# What one task leaves to the next.

def planted_by_task(only=""):
    first = task("plant").verdict()
    planted = [s["planted"] for s in first.said("planted")]
    if not planted:
        raise RuntimeError("the task could write nowhere, not even into its own directory")
    for path in planted:
        if not path.endswith(only):
            continue
        if os.path.lexists(path):
            report.opened("what a task wrote is there for the next one", path)
        else:
            report.held()


def next_task():
    planted_by_task()
    task("imports", modules=["lockforge_planted"]).verdict()


def next_wheel():
    planted_by_task(".whl")


def exec_scratch():
    needs("landlock")
    task("exec_scratch").verdict()


def memory_file():
    needs("seccomp")
    task("memory_file").verdict()


def system_calls():
    needs("seccomp")
    task("system_calls").verdict()


def writable_code():
    needs("mdwe")
    task("writable_code").verdict()


# Processes, files and secrets.

def memory_bomb():
    task("memory_bomb", flags=["--memory", "256MiB"]).verdict()


def daemon():
    got = task("daemon").verdict()
    deadline = time.time() + 2
    while left() and time.time() < deadline:
        time.sleep(0.05)
    for pid in left():
        report.opened("a process of the task outlives it by 2 s (process %d)" % pid)
        os.kill(pid, signal.SIGKILL)
    report.held()
    return got


def left():
    """Returns the processes of tasks."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as f:
                    if b"probe-bundled" in f.read():
                        found.append(int(name))
            except OSError:
                pass
    return found


def outsiders():
    needs("landlock")
    task("outsiders").verdict()


def descriptors():
    fd = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(fd, True)
    task("descriptors", fds=[fd]).verdict()
    os.close(fd)


def secret_files():
    needs("landlock")
    os.makedirs("/tmp/secrets", exist_ok=True)
    write("/tmp/secrets/of-another", "x")
    files = ["/tmp/secrets/of-another", "/proc/1/environ", "/proc/%d/environ" % os.getpid()]
    # Written so that the recipe itself is not refused for them.
    task("secret_files", flags=["--secret-dir", "/tmp/secrets"], files=[f.encode().hex() for f in files]).verdict()


def siblings():
    needs("landlock")
    first = Task(recipe("wait", seconds=20))
    try:
        other = first.begin("waiting")
        task("spy", other=other).verdict()
    finally:
        first.process.terminate()
        first.process.wait(10)


def with_secret(probe, **config):
    env = {SECRET_NAME: SECRET}
    return Task(recipe(probe, password="${%s}" % SECRET_NAME, **config), env, ["--secret-env", SECRET_NAME])


def masking():
    got = with_secret("leak_secret").end().verdict()
    text = (got.out + got.err).decode("utf-8", "replace")
    for name, form in forms(SECRET):
        if form in text:
            report.opened("a secret is in the log, %s" % name)
        else:
            report.held()


def forms(secret):
    """Returns what must not be in a log; of base64 what does not depend on what is around."""
    raw = secret.encode()
    yield "as it is", secret
    yield "in JSON", json.dumps(secret)[1:-1]
    yield "by repr", repr(secret)[1:-1]
    yield "in a URL", urllib.parse.quote(secret, safe="")
    yield "in a form", urllib.parse.quote_plus(secret)
    yield "in XML", xml.sax.saxutils.escape(secret)
    for shift in range(3):
        whole = base64.b64encode(b"ab"[:shift] + raw).decode()
        yield "in base64, shifted by %d" % shift, whole[4 if shift else 0:len(whole) - 8]


def secret_places():
    with_secret("secret_places").end().verdict()


def killed_executor():
    run = with_secret("wait", seconds=30)
    run.begin("waiting")
    run.process.kill()
    run.process.wait(10)
    deadline = time.time() + 2
    while left() and time.time() < deadline:
        time.sleep(0.05)
    for pid in left():
        report.opened("a task outlives its executor by 2 s (process %d)" % pid)
        os.kill(pid, signal.SIGKILL)
    report.held()
    for top, _, files in os.walk("/tmp"):
        for name in files:
            path = os.path.join(top, name)
            with open(path, "rb") as f:
                if SECRET.encode() in f.read(1 << 20):
                    report.opened("a secret is left in a file", path)


def log_forging():
    got = task("noise").verdict()
    text = got.out.decode("utf-8", "surrogateescape")
    for what, found in (("a carriage return", "\r" in text), ("an escape sequence", "\x1b" in text), ("broken UTF-8", any("\udc80" <= c <= "\udcff" for c in text)),
                        ("a zero byte", "\0" in text), ("a control of C1", "\x9b" in text), ("a line of more than 64 KiB", any(len(l) > 1 << 16 for l in text.split("\n")))):
        if found:
            report.opened("%s of a task is in the log" % what)
        else:
            report.held()
    if got.code != 0:
        report.opened("what a task prints ends its run (code %s)" % got.code)


def ports():
    run = Task(recipe("wait", seconds=20))
    try:
        run.begin("waiting")
        for name in ("tcp", "tcp6"):
            with open("/proc/net/" + name) as f:
                for line in f.readlines()[1:]:
                    field = line.split()
                    port = int(field[1].split(":")[1], 16)
                    if field[3] == "0A" and port not in report.spec()["ports"]:
                        report.opened("a port is open while a task runs (%d)" % port)
        report.held()
    finally:
        run.process.terminate()
        run.process.wait(10)
