#!/usr/bin/env bash
# Locks and builds manifests/wide.yaml, which is too large for every run of the
# tests, and writes docs/plugins.md: what became of each plugin.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
work=${WIDE_DIR:-$PWD/.cache/wide}
lockforge=${LOCKFORGE_PROGRAM:-$PWD/bin/lockforge}
mkdir -p "$work"
cp manifests/wide.yaml "$work/"
"$lockforge" --cache-dir "$work/cache" lock "$work/wide.yaml" --progress plain
"$lockforge" --cache-dir "$work/cache" build "$work/wide.yaml" -o "oci:$work/image" --metadata-file "$work/metadata.json" --progress plain
go run ./internal/pluginreport "$work/wide.yaml.lock" "$work/metadata.json" >docs/plugins.md
echo "wide: wrote docs/plugins.md" >&2
