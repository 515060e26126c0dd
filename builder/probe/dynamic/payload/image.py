"""What the image alone has to hold back (tier I). Each function is a probe."""
import errno
import glob
import os
import shutil
import subprocess
import sys

import index
import paths
import report

INSTALLERS = ["pip", "ensurepip", "venv", "virtualenv", "uv", "setuptools", "wheel", "easy_install", "distutils", "build", "poetry", "pipx", "pdm", "conda"]
PROGRAMS = ["pip", "pip3", "uv", "uvx", "virtualenv", "poetry", "pipx", "pdm", "hatch", "conda", "mamba", "micromamba", "easy_install", "pyvenv"]
SHELLS = ["sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "csh", "tcsh", "fish", "rbash", "toybox", "env", "xargs", "find", "awk", "gawk", "mawk",
          "perl", "sed", "ruby", "node", "lua", "script", "nice", "timeout", "watch"]
TOOLS = ["curl", "wget", "git", "ssh", "scp", "sftp", "rsync", "ftp", "nc", "ncat", "netcat", "socat", "telnet", "tar", "unzip", "zip", "7z", "cpio", "gcc",
         "cc", "g++", "clang", "ld", "as", "make", "cmake", "cargo", "rustc", "go", "apt", "apt-get", "apk", "dpkg", "rpm", "dnf", "yum", "microdnf", "gdb", "strace",
         "ltrace", "openssl", "mount", "umount", "su", "sudo", "nsenter", "unshare", "chroot", "docker", "kubectl", "aws", "gcloud"]


def runs(argv, **more):
    """Returns the exit code of a program, or None where it cannot be started."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, **more).returncode
    except subprocess.TimeoutExpired:
        return 0  # it was started
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR):
            return None
        if e.errno == errno.ENOEXEC:
            return 0
        raise


def installers():
    """E03: no installer runs, under any interpreter or as a program."""
    for python in paths.interpreters():
        for module in INSTALLERS:
            code = "import importlib.util,sys; sys.exit(0 if importlib.util.find_spec(sys.argv[1]) else 9)"
            got = runs([python, "-I", "-B", "-c", code, module])
            if got == 0:
                report.opened("%s can be imported" % module, python)
            elif got == 9:
                report.held()
        for argv in (["-m", "pip", "--version"], ["-m", "ensurepip", "--version"], ["-m", "venv", "--without-pip", "/tmp/made"], ["-m", "virtualenv", "/tmp/made"]):
            if runs([python, "-I", "-B"] + argv) == 0:
                report.opened("python %s works" % " ".join(argv[:2]), python)
            else:
                report.held()
            if os.path.lexists("/tmp/made"):
                report.opened("python %s makes an environment" % " ".join(argv[:2]), python)
                shutil.rmtree("/tmp/made", ignore_errors=True)
    for name in PROGRAMS:
        found = paths.find(name)
        for program in found:
            report.opened("an installer that can be started", program)
        if not found:
            report.held()


def install_from_index():
    """E14: what installs in the image, asked for a package of an index that can be reached."""
    url = report.spec()["index"]
    index.fetch(url)  # it can be reached indeed
    commands = [[p, "install", "-i", url, "--target"] for n in ("pip", "pip3") for p in paths.find(n)]
    commands += [[p, "pip", "install", "-i", url, "--target"] for p in paths.find("uv")]
    for python in paths.interpreters():
        commands.append([python, "-m", "pip", "install", "--no-cache-dir", "-i", url, "--target"])
        commands.append([python, "-m", "uv", "pip", "install", "-i", url, "--target"])
    env = dict(os.environ, PIP_NO_INDEX="", UV_OFFLINE="", UV_NO_INDEX="", PIP_CONFIG_FILE=os.devnull, HOME="/tmp", PIP_DISABLE_PIP_VERSION_CHECK="1")
    for argv in commands:
        runs(argv + ["/tmp/target", index.PROJECT], env=env)
        if os.path.lexists("/tmp/target/" + index.MODULE):
            report.opened("installs what the image does not have: " + " ".join(argv[1:4]), argv[0])
            shutil.rmtree("/tmp/target")
        else:
            report.held()


def starts(programs):
    """Each program has to be absent, by its path and by the search path."""
    for name in programs:
        found = paths.find(name)
        for program in found:
            if runs([program, "--version"]) is None:
                report.held()
            else:
                report.opened("can be started", program)
        if not found and runs([name]) is not None:
            report.opened("can be started by its name", name)
        elif not found:
            report.held()


def shells():
    """E05: no shell, nor a program that starts others."""
    starts(SHELLS)
    if os.system("true") == 0:
        report.opened("os.system runs commands", "/bin/sh")
    else:
        report.held()
    if runs("true", shell=True) is None:
        report.held()
    else:
        report.opened("subprocess runs commands by a shell", "/bin/sh")


def tools():
    """E06: no downloader, archiver, compiler, package manager or debugger."""
    starts(TOOLS)


def become_root():
    """E07: the user is nobody special and cannot become it."""
    with open("/proc/self/status") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    for uid in status["Uid"].split():
        if uid == "0":
            return report.opened("programs of the image run as root")
    for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        if int(status[kind], 16):
            report.opened("programs of the image have capabilities (%s %s)" % (kind, status[kind].strip()))
        else:
            report.held()
    report.refused(lambda: os.setuid(0), "the user can become root")
    report.refused(lambda: os.setgid(0) if 0 not in os.getgroups() + [os.getgid()] else denied(), "the user can take root's group")
    report.refused(lambda: os.chown("/etc/passwd", os.getuid(), -1), "the user can take over files", "/etc/passwd")


def denied():
    raise PermissionError(errno.EPERM, "")


def new_file(directory, name, content=b"raise SystemExit('planted')\n"):
    """Plants a file; one that was planted is removed again."""
    path = os.path.join(directory, name)

    def attempt():
        with open(path, "xb") as f:
            f.write(content)
        os.unlink(path)
    return path, attempt


def fetched_package():
    """E13: a package fetched from an index does not get among what Python imports."""
    wheel = index.fetch(report.spec()["index"])
    for directory in paths.import_dirs():
        planted = report.refused(lambda: index.install(wheel, directory), "a package from the index was installed", directory)
        if not planted:
            clean(directory)


def clean(directory):
    for name in glob.glob(os.path.join(directory, index.MODULE + "*")):
        shutil.rmtree(name, ignore_errors=True)


def unpacked_archive():
    """E17: nothing is unpacked into packages, their metadata, the standard library or a venv's programs."""
    wheel = index.fetch(report.spec()["index"])
    targets = []
    for directory in paths.import_dirs():
        inner = [os.path.join(directory, n) for n in sorted(os.listdir(directory))[:400]]
        inner = [d for d in inner if os.path.isdir(d)]
        metadata = [d for d in inner if d.endswith(".dist-info")]
        targets += metadata[:5] + inner[:5] + [os.path.realpath(d) for d in metadata[:5]]
    targets += [v + "/bin" for v in report.spec()["venvs"]]
    for directory in sorted(set(targets)):
        if os.path.isdir(directory) and not report.refused(lambda: index.install(wheel, directory), "an archive was unpacked", directory):
            clean(directory)


def startup_files():
    """E34: no file that Python runs at its start can be put anywhere that it looks."""
    names = ["lockforge_probe.pth", "lockforge_probe.start", "sitecustomize.py", "usercustomize.py", "lockforge_probe.egg-link"]
    for directory in paths.import_dirs():
        for name in names:
            if os.path.lexists(os.path.join(directory, name)):
                path = os.path.join(directory, name)
                report.refused(lambda: os.close(os.open(path, os.O_WRONLY)), "a file that Python runs at its start can be changed", path)
                continue
            path, attempt = new_file(directory, name)
            report.refused(attempt, "a file that Python runs at its start can be planted", path)


def changed_code():
    """E35: code, bytecode and the frame of venvs stay as they are: no writing, replacing, renaming or removing."""
    roots = paths.import_dirs() + report.spec()["venvs"] + ["/opt/datahub/store", "/opt/datahub/bin"]
    roots = sorted(set(r for r in roots if os.path.isdir(r)))
    targets = []
    for suffix in (".py", ".pyc", ".so", "METADATA", "RECORD", "pyvenv.cfg"):
        targets += paths.files_below(roots, suffix, 3)
    targets += [os.path.realpath(sys.executable), "/opt/datahub/bin/executor"]
    for path in sorted(set(targets)):
        if not os.path.exists(path):
            continue
        report.refused(lambda: os.close(os.open(path, os.O_WRONLY)), "code can be overwritten", path)
        directory = os.path.dirname(path)
        report.refused(lambda: swap(path), "code can be replaced by renaming", path)
        report.refused(new_file(directory, "lockforge_probe.py")[1], "code can be planted beside", directory)
    for venv in report.spec()["venvs"]:
        for name in ("bin", "lib"):
            report.refused(lambda: swap(os.path.join(venv, name)), "a part of a venv can be replaced", os.path.join(venv, name))
        report.refused(lambda: swap(venv), "a venv can be replaced", venv)


def swap(path):
    """Renames and back. An overlay says EXDEV for a directory that could be
    renamed but for its place: who may do that may copy and remove it as well."""
    try:
        os.rename(path, path + ".lockforge")
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        return
    os.rename(path + ".lockforge", path)


def planted_venv():
    """E35: no venv can be added where tasks look for theirs."""
    places = set(os.path.dirname(v) for v in report.spec()["venvs"])
    for place in (os.environ.get("DATAHUB_BUNDLED_VENV_PATH"), "/opt/datahub/venvs", "/opt/datahub", "/opt"):
        if place and os.path.isdir(place):
            places.add(place)
    for place in sorted(places):
        path = os.path.join(place, "evil-bundled")

        def attempt():
            os.mkdir(path)
            os.rmdir(path)
        report.refused(attempt, "a venv of somebody else can be added", path)
        for name in ("metadata.json", "constraints.txt"):
            path = os.path.join(place, name)
            if os.path.exists(path):
                report.refused(lambda: os.close(os.open(path, os.O_WRONLY)), "what is bundled can be changed", path)


def system_files():
    """E35: what steers loader, accounts, name service, certificates and indexes stays as it is."""
    watched = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/nsswitch.conf", "/etc/pip.conf", "/etc/uv/uv.toml",
               "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf", "/etc/localtime", "/build_info.json", "/start_datahub_executor.sh", "/health_status"]
    for path in watched:
        if os.path.exists(path):
            report.refused(lambda: os.close(os.open(path, os.O_WRONLY)), "can be changed", path)
    for directory in ("/", "/etc", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/opt/datahub", "/etc/ssl/certs", "/var", "/run"):
        if os.path.isdir(directory):
            report.refused(new_file(directory, "ld.so.preload" if directory == "/etc" else "lockforge_probe")[1], "files can be made", directory)
