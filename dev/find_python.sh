#!/bin/sh
# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
#
# Prints the Python that the set-up uses: $1 if given, else the first on PATH that is >= 3.11 and can make virtual
# environments, python3 before others. A pyenv shim that is not active fails when it is run and is passed over.
# Says what to install if there is none.

fits='
import sys
if sys.version_info < (3, 11):
    sys.exit(2)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(3)
print(getattr(sys, "_base_executable", "") or sys.executable)
'

too_old=''
without_venv=''

# Sets $found if "$1" fits, else notes why not.
try_python() {
    found=$("$1" -I -c "$fits" 2>/dev/null </dev/null)
    case $? in
        0) [ -n "$found" ] ;;
        2) too_old=$1 && false ;;
        3) without_venv=$1 && false ;;
        *) false ;;
    esac
}

if [ -n "${1:-}" ]; then
    candidate=$(command -v "$1") || candidate=$1
    if try_python "$candidate"; then
        echo "$found"
        exit 0
    fi
else
    for name in python3 python3.13 python3.12 python3.11 python3.14; do
        old_ifs=$IFS
        IFS=:
        for directory in $PATH; do
            IFS=$old_ifs
            if [ -x "$directory/$name" ] && try_python "$directory/$name"; then
                echo "$found"
                exit 0
            fi
        done
        IFS=$old_ifs
    done
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3; do
        if [ -x "$candidate" ] && try_python "$candidate"; then
            echo "$found"
            exit 0
        fi
    done
fi

if [ -n "$without_venv" ]; then
    echo "$without_venv cannot make virtual environments: its module venv or ensurepip is missing." >&2
    echo "On Debian and Ubuntu:  sudo apt-get install python3-venv" >&2
elif [ -n "$too_old" ]; then
    echo "$too_old is $("$too_old" --version 2>&1), which is too old: Python 3.11 or later is needed." >&2
    echo "Debian 12 and Ubuntu 24.04 have it as python3; on Ubuntu 22.04:  sudo apt-get install python3.11 python3.11-venv" >&2
    echo "If it is installed in an unusual place:  make PYTHON=/path/to/python3.11 ..." >&2
elif [ -n "${1:-}" ]; then
    echo "PYTHON=$1 does not run: give the path of a Python 3.11 or later." >&2
else
    echo "No working Python was found: Python 3.11 or later is needed." >&2
    echo "On Debian and Ubuntu:  sudo apt-get install python3 python3-venv" >&2
fi
exit 1
