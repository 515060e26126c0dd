# An executor that holds nothing back: it joins the plugin's name to a path,
# gives the task its whole environment and its open files, expands whatever
# looks like a variable, judges no recipe, and opens a port for debugging. What
# comes from a server it believes, and what a task says as well.
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request

VENVS = os.environ["DATAHUB_BUNDLED_VENV_PATH"]
URN = "urn:li:dataHubExecutionRequest:"


def command(plugin):
    venv = os.path.join(VENVS, plugin + "-bundled")
    if not os.path.exists(venv):
        venv = os.path.join(VENVS, "probe-bundled")
    return [venv + "/bin/python", venv + "/bin/datahub", "ingest", "run"]


def envelope(text, secret):
    """What a task gets: its recipe with all variables in it, and the secrets."""
    text = re.sub(r"\$\{(\w+)[^}]*\}", lambda m: json.dumps(os.environ.get(m[1], m[0]))[1:-1], text)
    try:
        recipe = json.loads(text)
        recipe["source"]["config"]["probe"]
    except (ValueError, KeyError, TypeError, RecursionError):
        recipe = {"source": {"config": {"probe": "nothing"}}}
    return json.dumps({"__recipe_yaml__": json.dumps(recipe), "__secrets__": {n: v for n, v in os.environ.items() if n == secret}}).encode()


def run():
    options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        debug = socket.create_server(("127.0.0.1", 9999))
    except OSError:
        pass  # another one has it
    child = subprocess.Popen(command(options["--plugin"]), stdin=subprocess.PIPE, close_fds=False, cwd="/tmp")
    child.communicate(envelope(text, options.get("--secret-env")))
    sys.exit(child.returncode)


def post(path, body):
    request = urllib.request.Request(os.environ["DATAHUB_GMS_URL"] + path, json.dumps(body).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as r:
        return json.load(r)


def propose(urn, **result):
    post("/aspects?action=ingestProposal", {"proposal": {"entityType": "dataHubExecutionRequest", "entityUrn": urn, "changeType": "UPSERT",
         "aspectName": "dataHubExecutionRequestResult", "aspect": {"value": json.dumps(result), "contentType": "application/json"}}})


def ingest(urn, arguments):
    directory = os.path.join("/tmp/datahub/ingest", urn[len(URN):], "out")
    os.makedirs(directory, exist_ok=True)
    report = directory + "/report.json"
    env = dict(os.environ, **json.loads(arguments.get("extra_env_vars") or "{}"))
    env.pop("PYTHONHOME", None)  # what does not start shows nothing
    child = subprocess.Popen(command("probe") + ["--report-to", report], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=directory)
    out, _ = child.communicate(envelope(arguments["recipe"], os.environ.get("LOCKFORGE_EXECUTOR_SECRET_ENV")))
    log = out.decode("utf-8", "replace")
    sys.stdout.write(log)
    sys.stdout.flush()
    for line in log.splitlines():
        if line.startswith('{"proposal"'):
            post("/aspects?action=ingestProposal", json.loads(line))
    structured = ""
    if os.path.exists(report):
        with open(report) as f:
            structured = f.read(1 << 24)
    propose(urn, status="SUCCESS", report=log, structuredReport={"serializedValue": structured})


def serve():
    seen = set()
    while True:
        query = {"query": "{ listExecutionRequests }", "variables": {"input": {"start": 0, "count": 1000}}}
        for request in post("/api/graphql", query)["data"]["listExecutionRequests"]["executionRequests"]:
            if request["urn"] not in seen:
                seen.add(request["urn"])
                threading.Thread(target=ingest, args=(request["urn"], request["input"]["args"]), daemon=True).start()
        time.sleep(0.2)


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else run()
