#!/usr/bin/env bash
# All that `make test` promises, after setup and build: formatting, generated
# files, then every Go test once, with the real parts they ask for: wheels and
# source archives (locked and fetched by lockforge itself), uv, runc, a
# registry, skopeo and the stock cosign client; for the executor the DataHub
# CLI in venvs, a Kafka broker, databases and moto. Arguments go to `go test`.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
work=$PWD/.cache/test
mkdir -p "$work"

stage() { printf '== %s (%d s)\n' "$*" "$SECONDS" >&2; }

stage 'formatting and vet'
make --silent lint

stage 'generated files'
make --silent verify

stage 'real wheels: lock and fetch'
cp testdata/wheels.yaml "$work/"
bin/lockforge lock "$work/wheels.yaml" --cache-dir "$work/cache" --progress plain --quiet
bin/lockforge fetch "$work/wheels.yaml" --cache-dir "$work/cache" --progress plain --quiet
go run ./internal/testinputs "$work/wheels.yaml.lock" "$work/cache" "$work/inputs"

export LOCKFORGE_UV=${LOCKFORGE_UV:-$PWD/.tools/bin/uv}
export LOCKFORGE_COSIGN=${LOCKFORGE_COSIGN:-$PWD/.tools/bin/cosign}
export LOCKFORGE_WHEELS=$work/inputs/wheels
export LOCKFORGE_SDISTS=$work/inputs/sdists
LOCKFORGE_CLI_WHEEL=$(echo "$work"/inputs/wheels/acryl_datahub-*.whl)
export LOCKFORGE_CLI_WHEEL
scripts/venvs.sh "$work/venvs" "$(basename "$LOCKFORGE_CLI_WHEEL" | cut -d- -f2)"
export LOCKFORGE_DATAHUB_VENVS=$work/venvs
export LOCKFORGE_TEST_CACHE=$work/debian
export LOCKFORGE_PROGRAM=$PWD/bin/lockforge
export LOCKFORGE_LIVE=1

stage 'tests'
code=0
go test -json -timeout 50m "${@:-./...}" | go run ./internal/testreport || code=$?
stage "done, exit code $code"
exit "$code"
