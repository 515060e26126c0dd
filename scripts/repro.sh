#!/usr/bin/env bash
# Builds one manifest in twenty ways that must come to the same image. Arguments
# go to internal/repro: --only NAME,NAME takes some of them, --list lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
exec go run ./internal/repro "$@"
