#!/usr/bin/env bash
# The main job on real input: locks, builds, signs and verifies the quickstart,
# prints its SBOM's size, then runs a real ingestion inside the image.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
work=${DEMO_DIR:-$PWD/.cache/demo}
lockforge=$PWD/bin/lockforge
mkdir -p "$work/data"
cp manifests/quickstart.yaml "$work/"
cd "$work"
export COSIGN_PASSWORD=${COSIGN_PASSWORD:-demo}

say() { printf '\n== %s\n' "$*"; }

say plan
"$lockforge" plan quickstart.yaml
say lock
"$lockforge" lock quickstart.yaml
[ -e cosign.key ] || "$lockforge" keygen
say build and sign
"$lockforge" build quickstart.yaml -o oci:image --sign --key cosign.key --metadata-file metadata.json
say verify
"$lockforge" verify oci:image --key cosign.pub
say SBOM
"$lockforge" sbom oci:image >sbom.spdx.json
printf 'sbom.spdx.json: %s packages\n' "$(grep -c '"SPDXID": "SPDXRef-Package' sbom.spdx.json)"

say 'ingestion inside the image: no network, read-only root, uid 1000'
cat >data/in.json <<'EOF'
[
  {
    "proposedSnapshot": {
      "com.linkedin.pegasus2avro.metadata.snapshot.DatasetSnapshot": {
        "urn": "urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)",
        "aspects": [{"com.linkedin.pegasus2avro.common.Status": {"removed": false}}]
      }
    }
  }
]
EOF
cat >data/recipe.yaml <<'EOF'
source: {type: file, config: {path: /data/in.json}}
sink: {type: file, config: {filename: /data/out.json}}
EOF
chown -R 1000:1000 data
rm -f data/out.json
cd - >/dev/null
go run ./internal/ocirun/cmd -bind "$work/data:/data" "oci:$work/image" \
  /opt/datahub/bin/executor run --plugin file --config /data/recipe.yaml --write /data --sandbox require
grep -q 'shop.orders' "$work/data/out.json"
say 'done: the ingestion wrote'
head -c 400 "$work/data/out.json"
echo
