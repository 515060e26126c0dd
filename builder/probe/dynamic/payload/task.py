"""Stands where a venv has its datahub command: the code that an attacker got into a task."""
import json
import os
import sys

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.append(HERE)
sys.dont_write_bytecode = True

import report  # noqa: E402


def request():
    """Returns the recipe and the secrets that the executor handed over."""
    text = json.load(sys.stdin)
    recipe, secrets = text, {}
    if "__recipe_yaml__" in text:
        recipe, secrets = json.loads(text["__recipe_yaml__"]), text.get("__secrets__") or {}
    return recipe, secrets


if __name__ == "__main__":
    report.say(started=os.getpid(), dir=os.getcwd())
    recipe, secrets = request()
    import inside
    inside.recipe, inside.secrets = recipe, secrets
    inside.config = recipe["source"].get("config") or {}
    report.run(getattr(inside, inside.config.get("probe", "nothing")))
    sys.exit(inside.code)
