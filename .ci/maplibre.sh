#!/bin/sh
# Lays MapLibre GL JS and PMTiles, as their makers publish them on npm, into agent/landbridge/web/maplibre/ and pmtiles/;
# package.json there says which version, and the digest of the package. After a change of a version:
#   sh .ci/maplibre.sh --new
set -e
cd "$(dirname "$0")/../agent/landbridge/web"
new=$1
said() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" package.json; }

# lay FOLDER FILE...: the files of the package that the folder names.
lay() (
    cd "$1" && shift
    package=$(said name)@$(said version)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent "$package" >/dev/null)
    found="sha512-$(openssl dgst -sha512 -binary "$work"/*.tgz | openssl base64 -A)"
    if [ "$new" = --new ]; then
        sed -i "s|\"integrity\": \".*\"|\"integrity\": \"$found\"|" package.json
    elif [ "$found" != "$(said integrity)" ]; then
        echo "$package is not the one that package.json names: $found" >&2
        exit 1
    fi
    tar -xzf "$work"/*.tgz -C "$work"
    for file in "$@"; do cp "$work/package/$file" .; done
    sha256sum -- *.mjs *.js *.css LICENSE.txt 2>/dev/null >SHA256SUMS || true
)

lay maplibre dist/maplibre-gl.mjs dist/maplibre-gl-worker.mjs dist/maplibre-gl.css LICENSE.txt
lay pmtiles dist/pmtiles.js # its package has no LICENSE: LICENSE.txt is its repository's, and that of fflate, which is in it
