#!/usr/bin/env bash
# Makes bundled venvs outside of an image, for tests of the executor:
#
#   venvs.sh DIR VERSION
#
# DIR gets one venv with the DataHub CLI of that version and the connectors
# that tests use, under the name of each plugin, and metadata.json. Safe to
# repeat. Takes uv: $LOCKFORGE_UV, or the one that setup.sh installs.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$1 version=$2
uv=${LOCKFORGE_UV:-$PWD/.tools/bin/uv}
plugins=(file datahub-mock-data mysql postgres)

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ "$(cat "$dir/version" 2>/dev/null)" != "$version" ]; then
  echo "venvs: installing the CLI $version" >&2
  "$uv" venv --quiet --clear --no-config --python python3.11 "$dir/tests-venv"
  "$uv" pip install --quiet --compile-bytecode --python "$dir/tests-venv" \
    "acryl-datahub[mysql,postgres,datahub-rest]==$version"
fi
list=
links=
for p in "${plugins[@]}"; do
  ln -sfn tests-venv "$dir/$p-bundled"
  list+="${list:+, }\"$p\""
  links+="${links:+, }\"$p-bundled\""
done
cat >"$dir/metadata.json" <<JSON
{"bundled_plugins": [$list], "cli_version": "$version", "slim_mode": false,
 "venvs": [{"dir": "tests-venv", "plugins": [$list], "links": [$links]}]}
JSON
echo "$version" >"$dir/version"
