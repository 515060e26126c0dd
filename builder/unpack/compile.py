# Compiles Python source files to bytecode files with an unchecked hash (PEP 552),
# as the module py_compile does, for one worker of `unpack`.
#
# Reads lines "source TAB bytecode TAB name" and answers each with one line:
# "ok", "stub" for a file that isn't valid Python, or a message. The name is what
# tracebacks show: the path in the image, wherever the file is now.
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from _imp import source_hash

HEADER = MAGIC_NUMBER + (1).to_bytes(4, "little")  # hash-based, not checked
KEY = int.from_bytes(MAGIC_NUMBER, "little")


def code_for(source, name):
    try:
        return compile(source, name, "exec", dont_inherit=True, optimize=0), "ok"
    except SyntaxError as e:
        detail = (str(e.msg), (name, e.lineno, e.offset, None))
    except ValueError as e:  # NUL bytes
        detail = (str(e), (name, None, None, None))
    # A file for another Python, or a template, raises on import what it would
    # raise without bytecode. So every source file has bytecode, and which files
    # an image holds doesn't depend on what they contain.
    return compile("raise SyntaxError(*%r)\n" % (detail,), name, "exec", dont_inherit=True, optimize=0), "stub"


def write(path, content):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view):]
    finally:
        os.close(fd)


def main():
    os.write(1, b"%d.%d\n" % sys.version_info[:2])
    for line in sys.stdin.buffer:
        try:
            source, bytecode, name = line.rstrip(b"\n").decode().split("\t")
            with open(source, "rb", buffering=0) as f:
                content = f.read()
            code, verdict = code_for(content, name)
            write(bytecode, HEADER + source_hash(KEY, content) + marshal.dumps(code))
            os.write(1, verdict.encode() + b"\n")
        except Exception as e:
            os.write(1, repr(e).replace("\n", " ").encode(errors="replace") + b"\n")


if __name__ == "__main__":
    main()
