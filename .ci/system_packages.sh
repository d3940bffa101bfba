#!/bin/sh
# Installs what the tests need beside Python packages, where apt and the right to use it are there; otherwise says
# in one line what is missing. The second MicroPython (Debian's, an older one) is welcome but not required.
missing=""
PATH="$PATH:/usr/sbin"
command -v mosquitto >/dev/null || missing="mosquitto"
command -v micropython >/dev/null || missing="$missing micropython"
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then root="env"
    elif sudo -n true 2>/dev/null; then root="sudo"
    fi
fi
if [ -n "$root" ]; then
    # shellcheck disable=SC2086
    { $root apt-get update -qq && $root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing; } >/dev/null && exit 0
fi

case "$missing" in
    *mosquitto*) echo "missing:$missing: the tests need the broker Mosquitto; install it and run again" >&2; exit 1 ;;
    *) echo "missing:$missing: the tests run without the second, older MicroPython" >&2 ;;
esac
