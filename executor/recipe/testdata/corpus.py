"""Holds a corpus against the loader that the CLI uses.

Standard input is JSON: a list of {"source", "canonical"}. For each, PyYAML's
safe loader must read both as one value of the same types, and the JSON reader
must agree about the canonical form. Differences go to standard output.

Run: uv run --no-project --with pyyaml==6.0.3 python corpus.py < pairs.json
"""

import json
import sys

import yaml


def typed(value):
    """value with the types spelled out: True == 1 and 1 == 1.0 to Python."""
    if isinstance(value, dict):
        return ["dict", [[typed(k), typed(v)] for k, v in value.items()]]
    if isinstance(value, list):
        return ["list", [typed(v) for v in value]]
    return [type(value).__name__, repr(value)]


wrong = 0
for pair in json.load(sys.stdin):
    want = typed(yaml.safe_load(pair["source"]))
    for reader in (yaml.safe_load, json.loads):
        got = typed(reader(pair["canonical"]))
        if got != want:
            wrong += 1
            print(f"{reader.__module__}: {pair['source']!r} is {want}, but {pair['canonical']!r} is {got}")
sys.exit(wrong > 0)
