#!/usr/bin/env bash
# Installs moto's server, the AWS that tests of Secrets Manager run against,
# into .tools/moto and links it as .tools/bin/moto_server. Safe to repeat.
# Takes uv: $LOCKFORGE_UV, the one that setup.sh installs, or the one on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

moto_version=5.2.5
tools=$PWD/.tools
mkdir -p "$tools/bin"

if [ -x "$tools/bin/moto_server" ] && [ "$(cat "$tools/moto/version" 2>/dev/null)" = "$moto_version" ]; then
  exit 0
fi
uv=${LOCKFORGE_UV:-$tools/bin/uv}
[ -x "$uv" ] || uv=$(command -v uv) || { echo 'moto: no uv; run scripts/setup.sh or set LOCKFORGE_UV' >&2; exit 1; }

echo "moto: installing $moto_version" >&2
"$uv" venv --quiet --clear --no-config "$tools/moto"
# What moto[server] adds to these serves other services.
"$uv" pip install --quiet --python "$tools/moto" "moto[secretsmanager]==$moto_version" flask flask-cors
ln -sfn ../moto/bin/moto_server "$tools/bin/moto_server"
echo "$moto_version" >"$tools/moto/version"
