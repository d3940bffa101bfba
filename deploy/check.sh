#!/bin/sh
# Checks the files in this folder: rules and configuration with promtool, compose.yaml with Docker Compose, units with
# systemd. The tests need none of these programs; missing ones are named.
set -e
cd "$(dirname "$0")"
missing=""
for pair in promtool:prometheus systemd-analyze:systemd; do
    command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if docker compose version >/dev/null 2>&1; then compose="docker compose"
elif command -v docker-compose >/dev/null; then compose=docker-compose
else missing="$missing docker-compose"
fi
if [ -n "$missing" ]; then
    echo "missing for these checks: apt install --no-install-recommends$missing" >&2
    exit 2
fi
promtool check rules prometheus/alerts.yml
promtool check config --syntax-only prometheus/prometheus.yml
promtool test rules prometheus/alerts_test.yml
POSTGRES_PASSWORD=x $compose -f compose.yaml config --quiet
if $compose -f compose.yaml config --quiet 2>/dev/null; then
    echo "compose.yaml starts a database without a password" >&2
    exit 1
fi
echo "compose.yaml is good"
# A program that is on every machine stands in for ours, which the operator installs.
units=$(mktemp -d)
trap 'rm -r "$units"' EXIT
for unit in *.service; do
    sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$unit" >"$units/$unit"
done
said=$(systemd-analyze verify --man=no "$units"/*.service 2>&1)
[ -z "$said" ] || { echo "$said" >&2; exit 1; }
echo "the units are good"
