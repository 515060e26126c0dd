"""Imports one source class as DataHub itself does, and says in one line of
JSON how it went. Arguments: the source's name, as a recipe spells it."""

import json
import sys

PREFIX = "lockforge-proof: "


def causes(error):
    """The error and what led to it, innermost last."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def main(name):
    try:
        from datahub.ingestion.source.source_registry import source_registry

        found = source_registry.get(name)
    except BaseException as error:  # whatever a module does when it is imported
        chain = causes(error)
        missing = [e for e in chain if isinstance(e, ImportError)]
        last = missing[-1] if missing else chain[-1]
        print(
            PREFIX
            + json.dumps(
                {
                    "missing": getattr(last, "name", None) or "",
                    "error": f"{type(last).__name__}: {last}",
                }
            ),
            flush=True,
        )
        return 1
    print(PREFIX + json.dumps({"class": f"{found.__module__}:{found.__qualname__}"}), flush=True)
    return 0


# Not sys.exit: an imported library may have left threads that never end.
import os

os._exit(main(sys.argv[1]))
