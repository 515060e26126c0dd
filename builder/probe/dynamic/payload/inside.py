"""What an attacker's code does inside of a task (tier X). Each function is the action of a probe of tasks.py."""
import base64
import ctypes
import glob
import json
import mmap
import os
import resource
import signal
import site
import sys
import time
import urllib.parse
import xml.sax.saxutils

import report
import runtime

recipe, config, secrets = {}, {}, {}
code = 0  # that the task ends with


def nothing():
    """Is there: a task that does no harm."""
    report.held()


def variables():
    """Looks for variables that must not reach a task."""
    for name in config["names"]:
        if name in os.environ:
            report.opened("the variable %s reaches the task" % name)
        else:
            report.held()
    for name, value in sorted(os.environ.items()):
        if config["marker"] in value:
            report.opened("the variable %s reaches the task with a value from outside" % name)


def imports():
    """Looks for what was planted where this interpreter must not look."""
    for module in config["modules"]:
        try:
            __import__(module)
        except ImportError:
            report.held()
        else:
            report.opened("the module %s is imported" % module, getattr(sys.modules[module], "__file__", None) or "")
    for d in sys.path:
        if not d or os.path.realpath(d) == os.path.realpath(os.getcwd()) or d.startswith("/tmp"):
            report.opened("modules are imported from a directory that tasks write to", d)
    if site.ENABLE_USER_SITE:
        report.opened("packages of the user are imported", site.getusersitepackages())


def interpreter():
    """Says whether it runs under the bundled venv's interpreter, in an empty directory."""
    venv = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
    for what, got, want in (("interpreter", sys.executable, venv + "/bin/python"), ("prefix", sys.prefix, venv), ("bytecode's place", sys.pycache_prefix, None)):
        if got == want:
            report.held()
        else:
            report.opened("the %s is %s" % (what, got))
    if not sys.flags.isolated:
        report.opened("the interpreter is not isolated from its environment")
    if os.listdir(os.getcwd()):
        report.opened("the task starts in a directory with files in it", os.getcwd())
    else:
        report.held()


def entry_points():
    """Looks for a plugin that was planted beside of the image's."""
    from importlib import metadata
    for distribution in metadata.distributions():
        if "lockforge" in (distribution.metadata["Name"] or ""):
            report.opened("a plugin from outside is registered", str(distribution.locate_file("")))
    report.held()


def plant():
    """Leaves code behind in every place it can."""
    home = os.environ.get("HOME", "/tmp")
    version = "python%d.%d" % sys.version_info[:2]
    places = [os.getcwd(), home, os.environ.get("TMPDIR", "/tmp"), "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/var/lib/datahub-executor", "/tmp/datahub",
              "/tmp/datahub/ingest", "/tmp/datahub/logs", home + "/.local/lib/" + version + "/site-packages", "/tmp/.local/lib/" + version + "/site-packages", "/opt/datahub/venvs"]
    for place in places:
        for name, text in (("lockforge_planted.py", "x = 1\n"), ("lockforge_planted.pth", "import lockforge_planted\n"), ("lockforge_planted.whl", "PK"),
                           ("pyvenv.cfg", "home = /usr/bin\n")):
            path = os.path.join(place, name)
            try:
                if "/.local/" in place:
                    os.makedirs(place, exist_ok=True)
                with open(path, "x") as f:
                    f.write(text)
            except OSError:
                continue
            report.say(planted=path)
    report.held()


def exec_scratch():
    runtime.exec_scratch()


def memory_file():
    runtime.memory_file()


def system_calls():
    runtime.system_calls()


def writable_code():
    """Makes memory that is or was writable executable."""
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
        report.opened("memory can be writable and executable at once", "mmap")
    except OSError:
        report.held()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    at = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if libc.mprotect(at, 4096, mmap.PROT_READ | mmap.PROT_EXEC) == 0:
        report.opened("memory that was written can be made executable", "mprotect")
    else:
        report.held()


def descriptors():
    """Looks for open files that it was not given."""
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue  # that of listing
        if int(name) > 2 and not target.startswith("/proc/"):
            report.opened("descriptor %s is inherited" % name, target)
    report.held()


def outsiders():
    """Reaches for the executor and for what started it."""
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in sorted(set([os.getppid(), 1])):
        who = "process %d" % pid
        report.refused(lambda: os.kill(pid, 0), "%s can be sent signals" % who)
        report.refused(lambda: os.kill(pid, signal.SIGCONT), "%s can be sent signals" % who)
        for name in ("environ", "mem", "maps"):
            path = "/proc/%d/%s" % (pid, name)
            report.refused(lambda: read(path), "the memory of %s can be read" % who, path)
        path = "/proc/%d/fd" % pid
        report.refused(lambda: [os.readlink(path + "/" + n) for n in os.listdir(path)], "the open files of %s can be seen" % who, path)

        def attach():
            ctypes.set_errno(0)
            if libc.ptrace(16, pid, 0, 0) != 0:  # PTRACE_ATTACH
                raise OSError(ctypes.get_errno(), "ptrace")
        report.refused(attach, "%s can be traced" % who)


def read(path):
    with open(path, "rb") as f:
        f.read(1)


def secret_files():
    """Reads what the executor keeps from tasks."""
    for path in [bytes.fromhex(f).decode() for f in config["files"]]:
        report.refused(lambda: read(path), "a file that is not the task's can be read", path)


def wait():
    """Holds a secret, in memory and in its directory, until it is ended."""
    with open("own", "w") as f:
        f.write("of this task\n")
    report.say(waiting=os.getcwd(), secret=len(secrets))
    time.sleep(config.get("seconds", 30))
    report.held()


def spy():
    """Looks into the directory of a task that runs at the same time."""
    other = config["other"]
    report.refused(lambda: os.listdir(other), "the directory of another task can be listed", other)
    report.refused(lambda: read(other + "/own"), "the files of another task can be read", other)
    report.refused(lambda: os.close(os.open(other + "/own", os.O_WRONLY)), "the files of another task can be written", other)
    report.refused(lambda: os.close(os.open(other + "/new", os.O_CREAT | os.O_WRONLY)), "files can be put into the directory of another task", other)


def daemon():
    """Leaves a process behind: another session, no streams, no environment."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(3):
                os.close(fd)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            time.sleep(50)
        os._exit(0)
    os.wait()
    report.held()


def leak_secret():
    """Prints a secret in the forms that programs print one in."""
    secret = next(iter(secrets.values()))
    raw = secret.encode()
    for form in (secret, json.dumps(secret), repr(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret),
                 xml.sax.saxutils.escape(secret), xml.sax.saxutils.escape(secret, {'"': "&quot;"}), base64.b64encode(raw).decode(),
                 base64.b64encode(b"a" + raw).decode(), base64.b64encode(b"ab" + raw).decode(), json.dumps(json.dumps(secret))):
        print("value", form, "end")
    sys.stdout.flush()
    half = len(raw) // 2
    for part in (raw[:half], raw[half:] + b"\n"):  # over two writes
        os.write(1, part)
        time.sleep(0.05)
    os.write(2, raw + b"\n")
    report.held()


def secret_places():
    """Looks for a secret where others could see it, and for core dumps."""
    secret = next(iter(secrets.values())).encode()
    for pid in ["self", str(os.getppid())]:
        for name in ("cmdline", "environ"):
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as f:
                    if secret in f.read():
                        report.opened("a secret is in the %s of process %s" % (name, pid))
            except OSError:
                pass
            report.held()
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        report.opened("a crash writes memory to a file")
    for top in (os.getcwd(), "/tmp"):
        for path in glob.glob(top + "/**/*", recursive=True):
            try:
                with open(path, "rb") as f:
                    if secret in f.read(1 << 20):
                        report.opened("a secret is in a file", path)
            except OSError:
                pass


def noise():
    """Writes what breaks logs: controls, broken UTF-8, a very long line, characters in pieces."""
    out = os.fdopen(1, "wb", 0, closefd=False)
    for piece in (b"real\rforged\n", b"\x1b[2J\x1b]0;title\x07screen\n", b"broken \xff\xfe\x80 bytes\n", b"zero \0 byte\n", b"\xc2\x9b1m C1\n", b"long " + b"x" * (1 << 20) + b"\n"):
        out.write(piece)
    for byte in "split \u20ac character\n".encode():
        out.write(bytes([byte]))
        time.sleep(0.002)
    report.held()


def memory_bomb():
    """Uses more memory than its run may."""
    kept = []
    try:
        for _ in range(96):
            kept.append(b"x" * (8 << 20))
    except MemoryError:
        del kept
        return report.held()
    report.opened("a task bounded to 256 MiB uses 768 MiB")


def secret_seen():
    """Says whether a reference was replaced by a value from outside."""
    value = config.get("value", "")
    for name, text in list(secrets.items()) + [("value", value)]:
        if "lockforge-probe-marker" in text:
            report.opened("a reference gives %s" % name)
    report.held()


def requested():
    """A run that a server asked for: says that it ran, and what of a request's variables it has."""
    report.say(ran=config["name"])
    for name, value in sorted(os.environ.items()):
        if "lockforge-probe-marker" in value:
            report.opened("a request sets the variable %s of a task" % name)
    report.held()


def report_path():
    """Returns where the executor expects the report."""
    return sys.argv[sys.argv.index("--report-to") + 1]


def forge():
    """Says, wherever it can, that other runs and its own have succeeded; it fails."""
    global code
    code = 3
    report.say(run_id=recipe.get("run_id"))
    result = {"status": "SUCCESS", "report": "forged", "startTimeMs": 1}
    for urn in config["victims"] + [config["own"]]:
        proposal = {"proposal": {"entityType": "dataHubExecutionRequest", "entityUrn": urn, "changeType": "UPSERT", "aspectName": "dataHubExecutionRequestResult",
                                 "aspect": {"value": json.dumps(result), "contentType": "application/json"}}}
        for out in (sys.stdout, sys.stderr):
            print(json.dumps(proposal), file=out)
            print("[%s logs] Finished execution for task with name=RUN_INGEST" % urn.split(":")[-1], file=out)
            print(json.dumps({"level": "INFO", "msg": "run ended", "run": urn.split(":")[-1], "status": "SUCCESS"}), file=out)
            out.flush()
    with open(report_path(), "w") as f:
        json.dump({"urn": config["victims"][0], "run_id": "victim", "executionRequestResult": result, "proposals": [proposal]}, f)
    report.held()


def report_as():
    """Leaves something else than a report where the executor reads one. What the kernel refuses has held."""
    path, kind, secret = report_path(), config["kind"], config["secret"]
    try:
        {"link": lambda: os.symlink(secret, path), "hard link": lambda: os.link(secret, path), "directory": lambda: os.mkdir(path),
         "device": lambda: os.symlink("/dev/zero", path), "pipe": lambda: os.mkfifo(path), "sparse": lambda: sparse(path),
         "swapped": lambda: swapped(path, secret), "replaced directory": lambda: replaced(path, secret)}[kind]()
    except OSError:
        pass
    report.held()


def sparse(path):
    with open(path, "wb") as f:
        f.truncate(3 << 30)


def swapped(path, secret):
    """Leaves a process that exchanges report and link for as long as it is let."""
    with open(path, "w") as f:
        f.write("{}")
    if os.fork() == 0:
        os.setsid()
        signal.alarm(20)  # and no longer
        try:
            while True:
                os.symlink(secret, path + ".new")
                os.rename(path + ".new", path)
                with open(path + ".new", "w") as f:
                    f.write("{}")
                os.rename(path + ".new", path)
        finally:
            os._exit(0)


def replaced(path, secret):
    """Puts a link in place of the directory that the report lies in."""
    directory = os.path.dirname(path)
    os.rename(directory, directory + ".old")
    os.symlink(os.path.dirname(secret), directory)


def flood():
    """Writes a report and a log that are larger than the server takes."""
    with open(report_path(), "w") as f:
        f.write("[")
        for _ in range(18):
            f.write('"%s",' % ("x" * (1 << 20)))
        f.write('"end"]')
    line = b"y" * 1000 + b"\n"
    for _ in range(18 << 10):
        os.write(1, line)
    report.held()
