#!/bin/sh
# Lays MapLibre GL JS, as its makers publish it on npm, into agent/landbridge/web/maplibre/; package.json there says which
# version, and the digest of the package. After a change of the version:
#   sh .ci/maplibre.sh --new
set -e
cd "$(dirname "$0")/../agent/landbridge/web/maplibre"
said() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" package.json; }

version=$(said version)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "maplibre-gl@$version" >/dev/null)
found="sha512-$(openssl dgst -sha512 -binary "$work"/*.tgz | openssl base64 -A)"
if [ "$1" = --new ]; then
    sed -i "s|\"integrity\": \".*\"|\"integrity\": \"$found\"|" package.json
elif [ "$found" != "$(said integrity)" ]; then
    echo "the package is not the one that package.json names: $found" >&2
    exit 1
fi
tar -xzf "$work"/*.tgz -C "$work"
cp "$work"/package/dist/maplibre-gl.mjs "$work"/package/dist/maplibre-gl-worker.mjs "$work"/package/dist/maplibre-gl.css \
    "$work"/package/LICENSE.txt .
sha256sum maplibre-gl.mjs maplibre-gl-worker.mjs maplibre-gl.css LICENSE.txt >SHA256SUMS
