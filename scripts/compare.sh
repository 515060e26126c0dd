#!/usr/bin/env bash
# Puts three images of manifests/compare.yaml to the escape suite, ours and the
# two peers', prints how they fare and writes docs/comparison.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
work=${COMPARE_DIR:-$PWD/.cache/compare}
export PEERS_DIR=${PEERS_DIR:-$PWD/.cache/peers}
export LOCKFORGE_PROGRAM=${LOCKFORGE_PROGRAM:-$PWD/bin/lockforge}

scripts/peers.sh
mkdir -p "$work"
manifest=$work/compare.yaml
cp manifests/compare.yaml "$manifest"
"$LOCKFORGE_PROGRAM" lock --check "$manifest" --quiet 2>/dev/null || "$LOCKFORGE_PROGRAM" lock "$manifest" --progress none
"$LOCKFORGE_PROGRAM" build "$manifest" -o "oci:$work/ours" --progress none

check() { # column's file, image, further flags
  local file=$work/$1.json image=$2
  shift 2
  "$LOCKFORGE_PROGRAM" check "oci:$image" --run --format json --progress none "$@" >"$file"
}
# Our own score is written before it is demanded, so that the page shows what is missing.
ours=0
check ours "$work/ours" --min I=100,X=100 || ours=$?
check upstream "$PEERS_DIR/upstream"
check vendor "$PEERS_DIR/vendor"

# What is known to be wrong with the peers, since peers.sh builds it so.
go run ./internal/compare \
  -broken "upstream's shape=E01-installer,E02-archive,E03-bootstrap,E03-run,E04-hidden,E04-whiteout,E05-interpreter,E05-shell,E05-start,E06-downloader,E06-package-manager,E06-privilege,E06-start,E07-owner,E07-setuid,E07-writable,E12-entrypoint,E12-index,E13-install,E17-site,E17-unpack,E34-plant,E34-startup,E35-change,E35-code,E35-venv" \
  -broken "vendor's shape=E01-installer,E03-bootstrap,E03-run,E05-shell,E05-start,E06-downloader,E06-start,E12-index,E14-index" \
  "ours=$work/ours.json" "upstream's shape=$work/upstream.json" "vendor's shape=$work/vendor.json" >"$work/comparison.md" || ours=1
cp "$work/comparison.md" docs/comparison.md
cat docs/comparison.md
exit $ours
