#!/bin/sh
# Writes .ci/lock-*.txt from pyproject.toml: every package that is installed, with the hashes of all its files, for every
# platform and Python that we support. Versions stay, unless pyproject.toml names others or --upgrade is given. Extras stay
# too: pip looks up pwdlib[argon2] apart from pwdlib, and takes the newest release, which has no hash here.
set -e
cd "$(dirname "$0")/.."

lock() { # name, then what goes into it
    name=$1
    shift
    "${UV:-.venv/bin/uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-strip-extras --custom-compile-command "make locks" --output-file ".ci/lock-$name.txt" $upgrade "$@"
}

upgrade=$1
lock agent --group build pyproject.toml
lock demo --group demo --constraint .ci/lock-agent.txt pyproject.toml
lock dev --group dev --constraint .ci/lock-demo.txt
lock flash --group flash --constraint .ci/lock-dev.txt
lock bench --group bench --constraint .ci/lock-dev.txt
lock typings --group typings
