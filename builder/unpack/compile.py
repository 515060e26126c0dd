# Compiles Python source files to bytecode files with an unchecked hash (PEP 552),
# as the module py_compile does, for one worker of `unpack`.
#
# Reads chunks of lines "source TAB bytecode TAB name", each ended by an empty
# line, and answers a chunk with one line, "ok" or the status of a failure whose
# reason is on stderr. The name is what tracebacks show: the path in the image.
#
# Every chunk is compiled in a fork of this process, which compiles nothing
# itself: the bytes of a bytecode file depend on which strings are interned (seen
# on 3.13 for a class in a method that another file has too), so without this they
# could depend on what the same worker compiled before.
import gc
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from _imp import source_hash

HEADER = MAGIC_NUMBER + (1).to_bytes(4, "little")  # hash-based, not checked
KEY = int.from_bytes(MAGIC_NUMBER, "little")


def code_for(source, name):
    try:
        return compile(source, name, "exec", dont_inherit=True, optimize=0)
    except SyntaxError as e:
        detail = (str(e.msg), (name, e.lineno, e.offset, None))
    except ValueError as e:  # NUL bytes
        detail = (str(e), (name, None, None, None))
    # A file for another Python, or a template, raises on import what it would
    # raise without bytecode. So every source file has bytecode, and which files
    # an image holds doesn't depend on what they contain.
    return compile("raise SyntaxError(*%r)\n" % (detail,), name, "exec", dont_inherit=True, optimize=0)


def write(path, content):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view):]
    finally:
        os.close(fd)


def compile_chunk(chunk):
    for line in chunk:
        source, bytecode, name = line.decode().split("\t")
        try:
            with open(source, "rb", buffering=0) as f:
                content = f.read()
            write(bytecode, HEADER + source_hash(KEY, content) + marshal.dumps(code_for(content, name)))
        except Exception as e:
            os.write(2, ("%s: %r\n" % (name, e)).encode(errors="replace"))
            return 1
    return 0


def main():
    gc.disable()  # nothing here makes cycles worth a seventh of the time
    os.write(1, b"%d.%d\n" % sys.version_info[:2])
    chunk = []
    for line in sys.stdin.buffer:
        line = line.rstrip(b"\n")
        if line:
            chunk.append(line)
            continue
        child = os.fork()
        if child == 0:
            os._exit(compile_chunk(chunk))
        status = os.waitpid(child, 0)[1]
        os.write(1, b"%d\n" % status if status else b"ok\n")
        chunk = []


if __name__ == "__main__":
    main()
