#!/bin/sh
# Builds a MicroPython with words of 32 bits and single floats, as the ESP32 has them, from Debian's own source
# package, in the folder $1. Frozen into it, so that it takes next to nothing of the heap, is what is not the
# firmware's: the simulated board's port, and what stands for the ESP32's own modules. Installs what it needs, where
# apt and the right to use it are there; where that is not possible it says why and exits with 3.
set -e
device=$(cd "$(dirname "$0")/../tools/world/device/on_device" && pwd)
target=$(mkdir -p "$1" && cd "$1" && pwd)
left_out() { echo "left out: $1" >&2; exit 3; }
build() {
    cat >"$target/manifest.py" <<END
include("\$(MPY_DIR)/extmod/asyncio")
freeze("$device", ("lockstep.py",))
freeze("$device/heap", ("esp32.py", "machine.py"))
freeze("$device/heap32", ("cryptolib.py",))
END
    make -s -C "$target/src/ports/unix" BUILD="$target/build" MICROPY_FORCE_32BIT=1 MICROPY_PY_FFI=0 MICROPY_PY_SSL=0 \
        MICROPY_SSL_MBEDTLS=0 MICROPY_PY_BTREE=0 FROZEN_MANIFEST="$target/manifest.py" \
        CFLAGS_EXTRA=-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT >>"$target/build.log" 2>&1
}
builds() {
    echo 'int main(void){return 0;}' | gcc -m32 -x c - -o "$target/probe" 2>/dev/null &&
        command -v make >/dev/null && command -v pkg-config >/dev/null && command -v xz >/dev/null &&
        command -v patch >/dev/null
}
needed="gcc-multilib make pkg-config xz-utils patch"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp
if ! command -v apt-get >/dev/null || [ ! -f "$keyring" ]; then
    left_out "needs Debian, whose source package it builds"
fi
if ! builds; then
    root=""
    if [ "$(id -u)" = 0 ]; then root="env"
    elif sudo -n true 2>/dev/null; then root="sudo"
    fi
    if [ -n "$root" ]; then
        $root apt-get update -qq >/dev/null || true
        # shellcheck disable=SC2086
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $needed >/dev/null || true
    fi
    builds || left_out "no compiler for 32 bits: apt-get install $needed"
fi
if [ -x "$target/build/micropython" ]; then build; exit; fi
mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' |
    sed -n 's/^\(https\{0,1\}:.*\) Debian$/\1/p' | head -n 1)
[ -n "$mirror" ] || left_out "this system uses no mirror of Debian that could have its sources"
. /etc/os-release
cd "$target"
mkdir -p apt/lists/partial apt/cache/archives/partial src
echo "deb-src [signed-by=$keyring] $mirror $VERSION_CODENAME main" >src.list
# A configuration of its own: the system's lists of packages stay as they are.
apt="-o Dir::Etc::sourcelist=$target/src.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$target/apt/lists \
    -o Dir::Cache=$target/apt/cache"
apt-get $apt -qq update && apt-get $apt -qq source --download-only micropython ||
    left_out "Debian's sources are out of reach"
tar xf micropython_*.orig.tar.xz -C src --strip-components=1
tar xf micropython_*.debian.tar.xz -C src
cd src
for patch in $(grep -v '^#' debian/patches/series); do patch -s -p1 <"debian/patches/$patch"; done
make -s -C mpy-cross >"$target/build.log" 2>&1
build
