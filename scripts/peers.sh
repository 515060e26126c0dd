#!/usr/bin/env bash
# Builds manifests/compare.yaml in the shapes that are in use today, as OCI
# layouts to compare ours with:
#
#   upstream  DataHub's final-locked stage: a full base with shell, curl and git,
#             venvs by uv, pip and uv removed by a later layer, all that belongs
#             to the user that runs it, two index variables
#   vendor    a vendor's hardened locked image: few OS packages, one Python tree
#             that root owns, pip kept, the same two variables
#
# Both come from the archives and the index that this machine uses. A peer that
# this very script built from this very manifest is kept; remove .cache/peers
# for a new one.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/bin:$PATH
work=${PEERS_DIR:-$PWD/.cache/peers}
lockforge=${LOCKFORGE_PROGRAM:-$PWD/bin/lockforge}
manifest=$PWD/manifests/compare.yaml
suite=bookworm
python=/usr/bin/python3.11
blocked=http://127.0.0.1:1/simple

say() { echo "peers: $*" >&2; }

need=()
for program in mmdebstrap umoci jq; do command -v $program >/dev/null || need+=($program); done
[ -x $python ] || need+=(python3.11)
if [ ${#need[@]} -gt 0 ]; then
  say "installing ${need[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

mkdir -p "$work"
stamp=$(cat "$0" "$manifest" | sha256sum)
if [ "$(cat "$work/stamp" 2>/dev/null)" = "$stamp" ]; then
  say "kept the ones in $work"
  exit
fi
rm -rf "$work/stamp" "$work/upstream" "$work/vendor"
build=$(mktemp -d "$work/build-XXXXXX")
made=()
cleanup() {
  rm -rf "$build"
  for dir in "${made[@]}"; do rmdir "$dir" 2>/dev/null || true; done
}
trap cleanup EXIT
export UV_CACHE_DIR=$work/uv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never

# Debian's archives of the suite, as this machine's apt has them.
apt-get indextargets --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(CODENAME) $(COMPONENT)' \
  'Created-By: Packages' 'Origin: Debian' | grep " $suite" >"$build/sources.list" || {
  say "apt of this machine has no Debian $suite"
  exit 1
}
# -> plugin's directory, requirement
"$lockforge" plan "$manifest" --format json --progress none | jq -r '.venvs[] | "\(.dir) \(.requirements[0])"' >"$build/venvs"
cli=$("$lockforge" plan "$manifest" --format json --progress none | jq -r .cliVersion)

upstream_base() {
  local own=$build/upstream-own
  mkdir -p "$own/usr/local/bin"
  install -m 0755 "$(readlink -f "$(command -v uv)")" "$own/usr/local/bin/uv"
  cat >"$own/start_datahub_actions.sh" <<'START'
#!/bin/bash
until curl --silent --fail "${DATAHUB_GMS_PROTOCOL:-http}://${DATAHUB_GMS_HOST}:${DATAHUB_GMS_PORT}/health"; do sleep 2; done
exec datahub-actions actions -c /etc/datahub/actions/system/conf/executor.yaml
START
  chmod 0755 "$own/start_datahub_actions.sh"
  mmdebstrap --quiet --mode=root --skip=output/dev --variant=minbase --format=tar \
    --include=ca-certificates,curl,git,openssh-client,openssl,procps,python3,python3-venv,unzip,wget,zip \
    --customize-hook='chroot "$1" useradd --uid 1000 --create-home --shell /bin/bash datahub' \
    --customize-hook="sync-in $own /" \
    $suite "$build/upstream-base.tar" - <"$build/sources.list"
}

# The venvs as upstream makes them, at their final paths: in a mount namespace,
# where /opt/datahub and /home/datahub are directories of ours.
upstream_venvs() {
  local tree=$build/upstream-venvs dir
  mkdir -p "$tree/opt/datahub" "$tree/home/datahub"
  for dir in /opt/datahub /home/datahub; do
    [ -d $dir ] || { mkdir $dir && made+=($dir); }
  done
  unshare --mount --propagation private bash -euo pipefail -s "$tree" "$python" "$cli" "$build/venvs" <<'VENVS'
mount --bind "$1/opt/datahub" /opt/datahub
mount --bind "$1/home/datahub" /home/datahub
venv() { # directory, requirement
  uv venv --quiet --python "$python" "$1"
  uv pip install --quiet --python "$1/bin/python" --upgrade pip wheel setuptools
  uv pip install --quiet --python "$1/bin/python" "$2"
}
python=$2
while read -r dir requirement; do venv "/opt/datahub/venvs/$dir" "$requirement" </dev/null; done <"$4"
venv /home/datahub/.venv "acryl-datahub-actions==$3"
VENVS
  tar -C "$tree" --sort=name --numeric-owner --owner=1000 --group=1000 -cf "$build/upstream-venvs.tar" opt/datahub home/datahub
}

# What the strip script removes, as the whiteouts that its layer consists of.
upstream_strip() {
  local strip=$build/upstream-strip gone
  {
    tar -tf "$build/upstream-base.tar" | sed 's|^\./||' | grep -E '^usr/local/bin/uvx?$|^usr/share/python-wheels/pip-[^/]*\.whl$'
    tar -tf "$build/upstream-venvs.tar" |
      grep -E '/bin/(uv|uvx|pip|pip3|pip3\.[0-9]+)$|/site-packages/(pip|uv|pip-[^/]*\.(dist-info|data)|uv-[^/]*\.dist-info)/?$'
  } | sed 's|/$||' | sort -u >"$build/upstream-removed"
  while read -r gone; do
    mkdir -p "$strip/${gone%/*}"
    : >"$strip/${gone%/*}/.wh.${gone##*/}"
  done <"$build/upstream-removed"
  (cd "$strip" && find . -name '.wh.*' -printf '%P\n' | sort) >"$build/upstream-whiteouts"
  tar -C "$strip" --numeric-owner --owner=0 --group=0 -cf "$build/upstream-strip.tar" -T "$build/upstream-whiteouts"
}

vendor_base() {
  local root=$build/vendor-root
  # Extracted, not installed: in such an image no maintainer script has run, and
  # nothing stays of what the packages would need for that but the lists of files.
  mmdebstrap --quiet --mode=root --skip=output/dev,cleanup/apt/cache --variant=extract --format=directory \
    --include=base-files,bash,ca-certificates,coreutils,curl,krb5-user,libaio1,libffi8,libldap-2.5-0,libodbc2,librdkafka1,libsasl2-modules-gssapi-mit,libstdc++6,python3-dev,python3-pip,python3-setuptools,python3-wheel,tzdata,unixodbc \
    --setup-hook='for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done' \
    $suite "$root" - <"$build/sources.list"
  (
    cd "$root"
    mkdir -p var/lib/packages
    for deb in var/cache/apt/archives/*.deb; do
      name=$(dpkg-deb --field "$deb" Package)
      dpkg-deb --field "$deb" >"var/lib/packages/$name"
      dpkg-deb --ctrl-tarfile "$deb" | tar -xO ./md5sums >"var/lib/packages/$name.md5sums"
    done
    rm -rf var/lib/packages/{apt,debconf,dpkg,perl,mawk,tar}*
    rm -rf dev/* etc/{apt,dpkg,cron.*} var/lib/{apt,dpkg} var/cache/{apt,debconf} usr/share/{bug,debconf,doc,lintian,man,perl*} usr/lib/*/perl* \
      usr/bin/{apt,deb,dpkg,perl,update-}* usr/sbin/{deb,dpkg,update-}* usr/bin/{mawk,tar,ksu}
    mkdir var/lib/dpkg
    mv var/lib/packages var/lib/dpkg/status.d
  )
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532::/home/nonroot:/sbin/nologin' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$root/etc/group"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  install -d -o 65532 -g 65532 "$root/home/nonroot" "$root/etc/datahub/actions/conf"
  mkdir -p "$root/opt/datahub/scripts"
  cat >"$root/opt/datahub/scripts/start.sh" <<'START'
#!/bin/bash
exec datahub-actions actions -c /etc/datahub/actions/system/conf/executor.yaml
START
  chmod 0755 "$root/opt/datahub/scripts/start.sh"
  ldconfig -r "$root"
  tar -C "$root" --sort=name --numeric-owner -cf "$build/vendor-base.tar" .
}

# One tree without venvs, by --prefix, cleaned of tests and bytecode.
vendor_python() {
  local tree=$build/vendor-python requirements
  mkdir -p "$tree/opt/datahub"
  mapfile -t requirements < <(cut -d' ' -f2 "$build/venvs")
  uv pip install --quiet --python $python --prefix "$tree/opt/datahub" "acryl-datahub-actions==$cli" "${requirements[@]}"
  find "$tree" -type d \( -name test -o -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
  tar -C "$tree" --sort=name --numeric-owner --owner=0 --group=0 -cf "$build/vendor-python.tar" opt/datahub
}

# assemble NAME LAYER... : an OCI layout of uncompressed layer archives.
assemble() {
  local name=$1 image=$build/$1 layer
  shift
  umoci init --layout "$image"
  umoci new --image "$image:latest"
  for layer; do umoci raw add-layer --image "$image:latest" --history.created_by "$(basename "$layer" .tar)" "$build/$layer.tar"; done
  case $name in
  upstream)
    umoci config --image "$image:latest" --config.user 1000 --config.workingdir /home/datahub \
      --config.env PATH=/home/datahub/.venv/bin:/usr/local/bin:/usr/bin:/bin --config.env DATAHUB_BUNDLED_VENV_PATH=/opt/datahub/venvs \
      --config.env UV_INDEX_URL=$blocked --config.env PIP_INDEX_URL=$blocked \
      --config.cmd /bin/bash --config.cmd /start_datahub_actions.sh
    ;;
  vendor)
    umoci config --image "$image:latest" --config.user 65532 --config.workingdir /home/nonroot \
      --config.env PATH=/opt/datahub/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      --config.env "PYTHONPATH=/opt/datahub/lib/$(basename $python)/site-packages" \
      --config.env UV_INDEX_URL=$blocked --config.env PIP_INDEX_URL=$blocked \
      --config.entrypoint /opt/datahub/scripts/start.sh
    ;;
  esac
  umoci gc --layout "$image"
  mv "$image" "$work/$name"
}

say "OS packages, and Python trees by uv"
upstream_base & first=$!
vendor_base & second=$!
upstream_venvs
vendor_python
wait $first
wait $second
upstream_strip
say "layers"
assemble upstream upstream-base upstream-venvs upstream-strip & first=$!
assemble vendor vendor-base vendor-python
wait $first
echo "$stamp" >"$work/stamp"
say "in $work: upstream ($(wc -l <"$build/upstream-removed") paths removed by its last layer) and vendor"
