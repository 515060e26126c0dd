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
    return recipe["source"].get("config") or {}, secrets


if __name__ == "__main__":
    report.say(started=os.getpid(), dir=os.getcwd())
    config, secrets = request()
    import inside
    inside.config, inside.secrets = config, secrets
    report.run(getattr(inside, config.get("probe", "nothing")))
