"""What the executor has to hold back of what DataHub's server has for it (tier X). Each function is a probe; it runs `executor serve` beside a stand-in for that server."""
import json
import os
import subprocess
import time
import urllib.request

import index
import report
import tasks

URN = "urn:li:dataHubExecutionRequest:"
RESULT = "dataHubExecutionRequestResult"
LOG = "/tmp/lockforge-served"
MOST = 15368520  # bytes of a result that DataHub's server takes
FINAL = ("SUCCESS", "FAILURE", "CANCELLED", "ABORTED", "TIMEOUT", "DUPLICATE")


class Service:
    """One `executor serve`. It starts with the first wait for a result, and so finds all requests at once."""

    def __init__(self, **env):
        tasks.present()
        self.environment = dict(
            os.environ, DATAHUB_BUNDLED_VENV_PATH=tasks.VENVS, DATAHUB_GMS_URL=report.spec()["server"], DATAHUB_AUTH_TYPE="none",
            LOCKFORGE_EXECUTOR_SOURCES="poll", LOCKFORGE_EXECUTOR_POLL_INTERVAL="1", LOCKFORGE_EXECUTOR_METRICS_LISTEN="off", **env)
        self.process = None
        self.asked = int(time.time() * 1000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait(10)

    def call(self, path, body=None):
        request = urllib.request.Request(report.spec()["control"] + path, body and json.dumps(body).encode())
        with index.opener.open(request, timeout=10) as r:
            return json.load(r)

    def add(self, id, recipe, pool="default", task="RUN_INGEST", result=None, **args):
        """Asks for a run. The later of two is the newer."""
        self.asked += 1
        arguments = dict({"recipe": json.dumps(recipe), "version": "bundled"}, **args)
        self.call("/requests", {"urn": URN + id, "result": result, "input": {
            "task": task, "args": arguments, "executorId": pool, "requestedAt": self.asked, "source": {"type": "MANUAL_INGESTION_SOURCE"}}})

    def written(self):
        """Returns what the executor has written, in order."""
        return self.call("/written?values")

    def statuses(self):
        """Returns the final statuses that were written, by urn."""
        found = {}
        for w in self.call("/written"):
            if w["aspect"] == RESULT and w["status"] in FINAL:
                found[w["urn"]] = w["status"]
        return found

    def finish(self, ids, patience=10):
        """Waits until runs have a final status, or nothing is written any more; returns the statuses by id, "" for none."""
        if not self.process:
            with open(LOG, "wb") as log:
                self.process = subprocess.Popen([tasks.EXECUTOR, "serve"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd="/")
        count, since = -1, time.time()
        while True:
            found = self.statuses()
            missing = [i for i in ids if URN + i not in found]
            if self.process.poll() is not None:
                raise RuntimeError("executor serve ended with code %s: %s" % (self.process.returncode, self.log()[-600:]))
            if not missing or time.time() - since > patience:
                return {i: found.get(URN + i, "") for i in ids}
            if len(found) != count:
                count, since = len(found), time.time()
            time.sleep(0.1)

    def log(self):
        with open(LOG, "rb") as f:
            return f.read(1 << 26).decode("utf-8", "replace")

    def said(self, key):
        """Returns what tasks said, as the executor echoes it."""
        found = []
        for line in self.log().splitlines():
            at = line.find('{"lockforge": ')
            if at >= 0:
                try:
                    found.append(json.loads(line[at:])["lockforge"])
                except ValueError:
                    pass  # two tasks at once
        return [f for f in found if key in f]

    def succeeds(self, id):
        """Asks for a run that does no harm, and tells whether it succeeds."""
        self.add(id, tasks.recipe("requested", name=id))
        return self.finish([id])[id] == "SUCCESS"

    def works(self):
        """Has such a run succeed: without it, refusals say nothing."""
        if not self.succeeds("harmless"):
            raise RuntimeError("a request that does no harm does not succeed: %s" % self.log()[-600:])


# Arguments that bring code, by what is asked for with them.
ARGUMENTS = [(("asks for packages", {"extra_pip_requirements": '["lockforge-escape"]'})), ("asks for plugins", {"extra_pip_plugins": '["evil"]'}),
             ("asks for packages by an address", {"extra_pip_requirements": json.dumps(["evil @ " + "http://127.0.0.1:8976/files/evil.whl"])})]
ARGUMENTS += [("asks for the version %.60s" % v, {"version": v}) for v in (
    "latest", "native", "0.8.0", "0.0.0.dev0", "http://127.0.0.1:8976/files/evil.whl", "https://127.0.0.1/evil.whl", "file:///tmp/evil.whl", "/tmp/evil.whl", "../evil",
    "git+https://127.0.0.1/evil", "1 --index-url http://127.0.0.1:8976/simple/")]
VARIABLES = ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "HOME", "TMPDIR", "VIRTUAL_ENV",
             "SSL_CERT_FILE", "HTTPS_PROXY", "JAVA_TOOL_OPTIONS", "DATAHUB_GMS_URL", "DATAHUB_GMS_TOKEN", "LOCKFORGE_ANY"]


def request_arguments():
    """E44: what comes beside a recipe brings no packages, no version, no variables, and makes nothing public."""
    with Service(**{tasks.SECRET_NAME: tasks.SECRET, "LOCKFORGE_EXECUTOR_SECRET_ENV": tasks.SECRET_NAME}) as s:
        asked = {"arguments-%d" % n: case for n, case in enumerate(ARGUMENTS)}
        for id, (_, arguments) in asked.items():
            s.add(id, tasks.recipe("requested", name=id), **arguments)
        s.add("task", tasks.recipe("requested", name="task"), task="RUN_ANYTHING")
        asked["task"] = ("names a task of its own", {})
        variables = ["variable-%d" % n for n in range(len(VARIABLES))]
        for id, name in zip(variables, VARIABLES):
            s.add(id, tasks.recipe("requested", name=id), extra_env_vars=json.dumps({name: "/tmp/" + tasks.MARKER}))
        s.add("debug", tasks.recipe("leak_secret", password="${%s}" % tasks.SECRET_NAME), debug_mode="true")
        s.works()
        ends = s.finish(list(asked) + variables + ["debug"])
        ran = [line["ran"] for line in s.said("ran")]
        for id, (what, _) in asked.items():
            judge(id in ran or ends[id] == "SUCCESS", "a request is accepted that %s" % what)
        for line in s.said("open"):
            report.opened(line["open"], line["path"])
        everything = s.log() + "".join(json.loads(w["value"]).get("report", "") for w in s.written())
        for name, form in tasks.forms(tasks.SECRET):
            judge(form in everything, "a request for debugging makes a secret public, %s" % name)
        for id, end in ends.items():
            judge(not end, "a request has no answer (%s)" % (asked.get(id) or [id])[0])


def judge(broken, text, path=""):
    if broken:
        report.opened(text, path)
    else:
        report.held()


def request_ids():
    """E52: the id of a request leads to no other directory."""
    hostile = ["../lockforge-escaped", "..", ".", "a/../../lockforge-escaped", "/tmp/lockforge-escaped", "a\n[victim logs] lockforge-escaped", "a" * 300, ""]
    with Service() as s:
        s.works()
        for id in hostile:
            s.add(id, tasks.recipe("requested", name="hostile"))
        # It is newer, and so the others are looked at before.
        judge(not s.succeeds("later"), "a request whose id is no name keeps others from being served")
        s.finish(hostile, 2)
        judge(any(line["ran"] == "hostile" for line in s.said("ran")), "a run starts whose id is no name")
        for top in ("/tmp", "/var/lib/datahub-executor"):
            for dir, directories, files in os.walk(top):
                for name in directories + files:
                    if "lockforge-escaped" in name:
                        report.opened("the id of a request names a directory", os.path.join(dir, name))


def forged_status():
    """E54: neither a recipe nor a task's words change the status of another run, or the task's own."""
    claimed = {"status": "RUNNING", "startTimeMs": 1, "report": "Task claimed by executor instance another; version = 1; lease = 0123456789abcdef"}
    with Service() as s:
        s.add("victim", tasks.recipe("requested", name="victim"), pool="another-pool")
        s.add("claimed", tasks.recipe("requested", name="claimed"), result=claimed)
        victims = [URN + "victim", URN + "claimed"]
        s.add("forger", dict(tasks.recipe("forge", victims=victims, own=URN + "forger"), run_id="victim", pipeline_name=URN + "victim"))
        s.works()
        end = s.finish(["forger"])["forger"]
        judge(end != "FAILURE", "a run that failed ends as %s, as its log says" % (end or "nothing"))
        for w in s.written():
            own = w["urn"] in (URN + "forger", URN + "harmless") and w["aspect"] == RESULT
            judge(not own, "the executor writes what a run of somebody else says: %.80s of %.80s" % (w["aspect"], w["urn"]))
        for line in s.said("run_id"):
            judge(line["run_id"] != "forger", "a recipe has the CLI report as another run (%.80s)" % line["run_id"])
        for line in s.said("ran"):
            judge(line["ran"] != "harmless", "a run starts that is not this executor's (%s)" % line["ran"])


def report_files():
    """E62: whatever a task leaves as its report, the executor publishes no other file, does not hang and goes on."""
    kinds = ["link", "hard link", "directory", "device", "sparse", "swapped", "replaced directory", "pipe"]
    secret = "/tmp/lockforge-own/report.json"
    os.makedirs(os.path.dirname(secret), exist_ok=True)
    tasks.write(secret, json.dumps({"leak": tasks.MARKER}))
    with Service() as s:
        s.works()
        for n, kind in enumerate(kinds):
            s.add("report-%d" % n, tasks.recipe("report_as", kind=kind, secret=secret))
        ends = s.finish(["report-%d" % n for n in range(len(kinds))])
        for n, kind in enumerate(kinds):
            judge(not ends["report-%d" % n], "a report keeps its run from ending (%s)" % kind)
            published = [w for w in s.written() if w["urn"] == URN + "report-%d" % n and tasks.MARKER in w["value"]]
            judge(published, "a report has the executor publish a file of its own (%s)" % kind, secret)
        judge(not s.succeeds("later"), "a report keeps other runs from being served")


def large_results():
    """E57: what a task writes reaches the server bounded, and with a status."""
    with Service() as s:
        s.add("flood", tasks.recipe("flood"))
        end = s.finish(["flood"], 20)["flood"]
        judge(end != "SUCCESS", "a run that writes much ends as %s" % (end or "nothing"))
        for w in s.written():
            judge(len(w["value"]) > MOST, "a result of %d bytes is sent, more than the server takes" % len(w["value"]))
