"""What only the runtime's profile can hold back (tier R). Each function is a probe."""
import ctypes
import errno
import glob
import mmap
import os
import signal
import subprocess
import sys
import tempfile

import paths
import report


def scratch():
    """Returns the directories that the user can write to."""
    candidates = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/var/lib/datahub-executor", os.environ.get("HOME", ""), tempfile.gettempdir(), os.getcwd()]
    found = []
    for d in sorted(set(c for c in candidates if c)):
        try:
            fd, name = tempfile.mkstemp(dir=d)
        except OSError:
            continue
        os.close(fd)
        os.unlink(name)
        found.append(d)
    if not found:
        report.held()  # there is nowhere to put anything
    return found


def put(directory, name, content):
    path = os.path.join(directory, name)
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, 0o755)
    return path


def prints_version(argv):
    """Returns whether a program ran; OSError is the kernel's refusal."""
    out = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    return b"Python " in out.stdout


def started(argv, path, text):
    try:
        if prints_version(argv):
            return report.opened(text, path)
    except OSError as e:
        if e.errno not in report.REFUSALS:
            raise
    report.held()


def exec_scratch():
    """E18: a program that was brought along does not start from where it can be put."""
    for directory in scratch():
        path = put(directory, "lockforge-probe", paths.own_program())
        started([path, "-V"], path, "a program that was brought along can be started")
        os.unlink(path)


def loaders():
    found = []
    for pattern in ("/lib64/ld-linux-*.so.*", "/lib/ld-linux*.so.*", "/lib/ld-musl-*.so.1", "/lib/*-linux-gnu/ld-linux-*.so.*", "/usr/lib64/ld-linux-*.so.*"):
        found += glob.glob(pattern)
    return sorted(set(os.path.realpath(f) for f in found))


def exec_by_loader():
    """E19: nor by the dynamic loader, which only reads it."""
    if not loaders():
        raise report.NotTried("the image has no dynamic loader")
    for directory in scratch():
        path = put(directory, "lockforge-probe", paths.own_program())
        for loader in loaders():
            started([loader, path, "-V"], path, "a program that was brought along can be started by " + loader)
        os.unlink(path)


def load_library():
    """E20: native code that was brought along is not loaded into the process."""
    with open(paths.own_library(), "rb") as f:
        library = f.read()
    for directory in scratch():
        path = put(directory, "lockforge-probe.so", library)
        try:
            ctypes.CDLL(path)
            report.opened("native code that was brought along can be loaded", path)
        except OSError:
            if mapped(path):
                report.opened("native code that was brought along can be mapped", path)
            report.held()
        os.unlink(path)


def mapped(path):
    with open(path, "rb") as f:
        try:
            mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE).close()
        except OSError:
            return False
    return True


def memfd_create():
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(os, "memfd_create"):
        return os.memfd_create("lockforge", 0)
    fd = libc.syscall(319 if os.uname().machine == "x86_64" else 279, b"lockforge", 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "memfd_create")
    return fd


def memory_file():
    """E21: there are no files in memory, from which code could be started or loaded."""
    try:
        fd = memfd_create()
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
        return report.held()
    os.write(fd, paths.own_program())
    path = "/proc/self/fd/%d" % fd
    report.opened("files in memory can be made", "memfd_create")
    started_fd(path, fd)


def started_fd(path, fd):
    out = subprocess.run([path, "-V"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(fd,), timeout=20)
    if b"Python " in out.stdout:
        report.opened("a program in memory can be started", "memfd_create")


def privileges():
    """E07: no program gives its user more than it has."""
    with open("/proc/self/status") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    for name, want in (("NoNewPrivs", 1), ("Seccomp", 2)):
        if int(status[name]) == want:
            report.held()
        else:
            report.opened("%s is %s" % (name, status[name].strip()))
    for kind in ("CapBnd", "CapPrm", "CapEff"):
        if int(status[kind], 16):
            report.opened("capabilities are left (%s %s)" % (kind, status[kind].strip()))
        else:
            report.held()


def read_only_root():
    """E35: nothing but scratch space can be written to."""
    allowed = ("/tmp", "/dev", "/proc", "/sys", "/var/lib/datahub-executor")
    for top, directories, _ in os.walk("/"):
        directories[:] = sorted(d for d in directories if os.path.join(top, d) not in allowed and not os.path.islink(os.path.join(top, d)))
        if top.count("/") >= 3:
            directories[:] = []
        path = os.path.join(top, "lockforge_probe")

        def attempt():
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            os.unlink(path)
        report.refused(attempt, "files can be made", top)


def system_calls():
    """E59: the system calls that reach into other processes or the machine are refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    x86 = os.uname().machine == "x86_64"
    calls = {  # name: number on amd64, on arm64, arguments that do no harm where they are allowed
        "unshare": (272, 97, (0x10000000,)), "ptrace": (101, 117, (0, 0, 0, 0)), "bpf": (321, 280, (0, 0, 0)),
        "io_uring_setup": (425, 425, (1, 0)), "userfaultfd": (323, 282, (1,)), "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
        "keyctl": (250, 219, (0, -3, 0)), "add_key": (248, 217, (0, 0, 0, 0, 0)), "process_vm_readv": (310, 270, (0, 0, 0, 0, 0, 0)),
        "mount": (165, 40, (0, 0, 0, 0, 0)), "setns": (308, 268, (-1, 0)), "open_by_handle_at": (304, 265, (-1, 0, 0)),
        "memfd_create": (319, 279, (b"lockforge", 0)),
    }
    for name, (amd64, arm64, arguments) in sorted(calls.items()):
        pid = os.fork()
        if pid == 0:
            ctypes.set_errno(0)
            libc.syscall(amd64 if x86 else arm64, *arguments)
            os._exit(ctypes.get_errno())
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == errno.EPERM or os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
            report.held()
        else:
            report.opened("the system call is let through", name)


def fork_bomb():
    """E55: processes are bounded."""
    bound, children = 1500, []
    try:
        while len(children) < bound:
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    except OSError as e:
        if e.errno != errno.EAGAIN:
            raise
        report.held()
    else:
        report.opened("%d processes can be started" % bound)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def memory_bomb():
    """E56: memory is bounded."""
    bound = 3 << 29
    pid = os.fork()
    if pid == 0:
        kept = []
        try:
            for _ in range(bound >> 24):
                kept.append(b"x" * (1 << 24))
        except MemoryError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        report.opened("%d MiB of memory can be used" % (bound >> 20))
    else:
        report.held()


def disk_fill():
    """E57: scratch space is bounded."""
    bound = 450 << 20
    for directory in scratch():
        path = os.path.join(directory, "lockforge-probe")
        written, block = 0, b"\0" * (1 << 20)
        fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            while written < bound:
                written += os.write(fd, block)
        except OSError as e:
            if e.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            report.held()
        else:
            report.opened("%d MiB can be written" % (bound >> 20), directory)
        finally:
            os.close(fd)
            os.unlink(path)
