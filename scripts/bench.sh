#!/usr/bin/env bash
# Runs the benchmark: RUNS=3 scripts/bench.sh takes three samples of each kind.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
need=()
command -v pigz >/dev/null || need+=(pigz)
python3.11 --version >/dev/null 2>&1 || need+=(python3.11)
if [ ${#need[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi
exec go run ./bench --runs "${RUNS:-1}" "$@"
