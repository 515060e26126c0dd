#!/usr/bin/env bash
# Installs what a fresh Debian machine with Go lacks: runc and test peers from
# the OS's packages, uv and the stock cosign client into .tools. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.9
cosign_version=v2.6.5
tools=$PWD/.tools
mkdir -p "$tools/bin"

need=()
command -v runc >/dev/null || need+=(runc)
command -v skopeo >/dev/null || need+=(skopeo)
command -v docker-registry >/dev/null || need+=(docker-registry)
command -v git >/dev/null || need+=(git)
python3 -m pip --version >/dev/null 2>&1 || need+=(python3-pip)
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need+=(debian-archive-keyring)
[ -e /etc/ssl/certs/ca-certificates.crt ] || need+=(ca-certificates)
if [ ${#need[@]} -gt 0 ]; then
  echo "setup: installing ${need[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

if ! "$tools/bin/uv" --version 2>/dev/null | grep -q "^uv $uv_version"; then
  echo "setup: installing uv $uv_version" >&2
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$tools/uv" "uv==$uv_version" 2>/dev/null
  ln -sf ../uv/bin/uv "$tools/bin/uv"
fi

if ! [ -x "$tools/bin/cosign" ]; then
  echo "setup: building cosign $cosign_version (some minutes)" >&2
  GOTOOLCHAIN=local GOFLAGS="-trimpath -buildvcs=false" CGO_ENABLED=0 GOBIN=$tools/bin go install "github.com/sigstore/cosign/v2/cmd/cosign@$cosign_version"
fi
