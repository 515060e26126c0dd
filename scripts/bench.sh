#!/usr/bin/env bash
# Runs the benchmarks of images and of the executor: RUNS=3 scripts/bench.sh
# takes three samples of each kind of the first. Both run, whatever becomes of
# the other; the exit code is 1 where a bar is missed.
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
code=0
go run ./bench --runs "${RUNS:-1}" "$@" || code=1
go run ./bench/executor || code=1
exit $code
