#!/bin/sh
# Installs what the tests need beside Python packages, where apt and the right to use it are there; otherwise says
# in one line what is missing. Only Mosquitto is required, and Chromium where apt is; PostgreSQL, nats-server, the second
# MicroPython (Debian's, an older one), ModemManager with its bus and a Chinese font for pictures of pages are welcome:
# without one of them it exits with 3, and what is left out for that never counts as passed.
PATH="$PATH:/usr/sbin"

look() {
    missing=""
    for pair in mosquitto:mosquitto micropython:micropython ModemManager:modemmanager \
        dbus-daemon:dbus gdbus:libglib2.0-bin chromium:chromium nats-server:nats-server; do
        command -v "${pair%:*}" >/dev/null || missing="$missing ${pair#*:}"
    done
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
    [ -n "$(fc-list :lang=zh 2>/dev/null)" ] || missing="$missing fonts-wqy-microhei"
}

look
[ -z "$missing" ] && exit 0

root=""
if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then root="env"
    elif sudo -n true 2>/dev/null; then root="sudo"
    fi
fi
if [ -n "$root" ]; then
    $root apt-get update -qq >/dev/null
    for package in $missing; do
        # As a service it takes hold of every modem on a serial port: not on a machine that runs services.
        [ "$package" = modemmanager ] && [ -d /run/systemd/system ] && continue
        $root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$package" >/dev/null
    done
    look
    [ -z "$missing" ] && exit 0
fi

case "$missing" in
    *mosquitto*) echo "missing:$missing: the tests need the broker Mosquitto; install it and run again" >&2; exit 1 ;;
    *) echo "missing:$missing: what needs them is left out, and does not pass" >&2; exit 3 ;;
esac
