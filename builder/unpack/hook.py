# Calls the build_wheel hook of a source tree's backend (PEP 517), in the tree as
# the working directory. Arguments: directory of the tools, directory of the result.
import os
import sys
import tomllib

ALLOWED = {"setuptools", "wheel"}
BACKENDS = {"setuptools.build_meta", "setuptools.build_meta:__legacy__"}


def names(requirements):
    return {r.split(";")[0].split("[")[0].strip(" ()<>=!~,.0123456789*").lower() for r in requirements}


def main(tools, result):
    os.umask(0o022)
    backend, requires = "setuptools.build_meta:__legacy__", []
    if os.path.exists("pyproject.toml"):
        with open("pyproject.toml", "rb") as f:
            system = tomllib.load(f).get("build-system", {})
        backend = system.get("build-backend", backend)
        requires = system.get("requires", [])
        if backend not in BACKENDS or "backend-path" in system:
            sys.exit("build backend %r is not supported, only setuptools is" % backend)
    sys.path.insert(0, tools)
    from setuptools import build_meta
    hooks = build_meta.__legacy__ if backend.endswith(":__legacy__") else build_meta
    asked = names(requires) | names(hooks.get_requires_for_build_wheel())
    if asked - ALLOWED:
        sys.exit("the build needs %s, only setuptools and wheel are there" % ", ".join(sorted(asked - ALLOWED)))
    hooks.build_wheel(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
