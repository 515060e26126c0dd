"""Where Python code of the image lies, and where it may be put."""
import glob
import json
import os
import subprocess
import sys

import report

# Where programs lie, whatever PATH says.
PROGRAM_DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/opt/datahub/bin"]


def program_dirs():
    dirs = os.environ.get("PATH", "").split(":") + PROGRAM_DIRS
    return [d for n, d in enumerate(dirs) if d and d not in dirs[:n]]


def find(name):
    """Returns each executable file of a name."""
    found = [os.path.join(d, name) for d in program_dirs()]
    return [f for f in found if os.path.isfile(f) and os.access(f, os.X_OK)]


def interpreters():
    """Returns the interpreters of the image, one for each prefix."""
    wanted, seen = [], set()
    for python in report.spec()["pythons"]:
        key = (os.path.realpath(python), os.path.dirname(os.path.dirname(python)))
        if key not in seen and os.access(python, os.X_OK):
            seen.add(key)
            wanted.append(python)
    return wanted


LOOK = """
import json, site, sys, sysconfig
dirs = [d for d in sys.path if d] + [sysconfig.get_paths()[k] for k in ("purelib", "platlib", "stdlib", "platstdlib")]
dirs += getattr(site, "getsitepackages", lambda: [])()
print(json.dumps(dirs))
"""


def import_dirs():
    """Returns the directories that any interpreter of the image imports from."""
    dirs = set()
    for python in interpreters():
        out = subprocess.run([python, "-I", "-B", "-c", LOOK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
        if out.returncode == 0:
            dirs.update(json.loads(out.stdout.decode()))
    for venv in report.spec()["venvs"]:
        dirs.update(glob.glob(venv + "/lib/python*/site-packages"))
    dirs.discard(report.HERE)
    return sorted(d for d in dirs if os.path.isdir(d))


def files_below(roots, suffix, limit):
    """Returns some files with a suffix, evenly from all roots."""
    found = []
    for root in roots:
        here = []
        for dir, names, files in os.walk(root):
            names.sort()
            here += [os.path.join(dir, f) for f in sorted(files) if f.endswith(suffix)]
            if len(here) >= limit:
                break
        found += here[:limit]
    return found


def own_program():
    """The bytes of a program that this machine can run: the interpreter."""
    with open(os.path.realpath(sys.executable), "rb") as f:
        return f.read()


def own_library():
    """The path of a native library that is loaded here, or that lies beside the standard library."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            name = line.split()[-1]
            if "/libz." in name or "/libexpat." in name or "/libm." in name or "/libm-" in name:
                return name
    for pattern in ("/lib/*-linux-gnu/libm.so.6", "/usr/lib/*-linux-gnu/libm.so.6", "/lib/libz.so.1", "/usr/lib/libz.so.1",
                    "/lib64/libm.so.6", sys.base_prefix + "/lib/python*/lib-dynload/*.so"):
        for name in sorted(glob.glob(pattern)):
            return name
    raise report.NotTried("the image has no native library to copy")
