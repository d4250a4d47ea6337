#!/usr/bin/env bash
# dbus-smallbms-ng: ./install.sh demo | test | bundle | install | …   (see README.md)
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
caller=$PWD
cd "$here"

usage() {
    cat <<'TXT'
usage: ./install.sh demo [--seconds N]   try it: four simulated batteries, a house with sun and loads
       ./install.sh test [--all]         run the tests; --all adds the long ones and every Python installed here
       ./install.sh bench                print the figures

       ./install.sh bundle [--out DIR] [--arch ARCH …]   build the archives that install offline on a GX
       ./install.sh install [--config FILE]              install it on this GX or Raspberry Pi
       ./install.sh upgrade FILE                         exchange it for the version in an archive
       ./install.sh rollback                             … for the version before it
       ./install.sh uninstall [--purge]                  take everything away; --purge: the configuration too
       Each of these says what it will do and asks; --yes asks nothing.
TXT
}

say() { printf '== %s\n' "$*"; }

# Debian packages named by the programs they bring; asks for nothing that is there.
need() {
    local missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null 2>&1 || { echo "missing: ${missing[*]}; install them and try again" >&2; exit 1; }
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || { echo "missing: ${missing[*]}; as root: apt-get install ${missing[*]}" >&2; exit 1; }
        sudo=(sudo)
    fi
    say "installing ${missing[*]} with apt"
    "${sudo[@]}" apt-get -qq update
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
}

# The oldest Python that will do is the one most like a GX's.
python_of() {
    local version=$1 found
    for found in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python /usr/local/bin/python"$version"; do
        if command -v "$found" >/dev/null 2>&1 && "$found" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
            command -v "$found"
            return
        fi
    done
    return 1
}

default_python() {
    local version
    for version in 3.11 3.12 3.13; do
        python_of "$version" && return
    done
    echo "Python 3.11, 3.12 or 3.13 is needed" >&2
    exit 1
}

# venv DIR PYTHON EXTRA: made once, renewed when setup.cfg changes
venv() {
    local dir=$1 python=$2 extra=$3 stamp
    stamp="$(cksum setup.cfg) $extra"
    [ -x "$dir/bin/python" ] && [ "$(cat "$dir/.made" 2>/dev/null)" = "$stamp" ] && return
    "$python" -c 'import venv, ensurepip' 2>/dev/null || need "python-venv-is-missing=python3-venv"
    say "making $dir with $("$python" --version)"
    "$python" -m venv "$dir"
    if ! "$dir/bin/python" -m pip -q --disable-pip-version-check install -e ".$extra" >"$dir/pip.log" 2>&1; then
        cat "$dir/pip.log" >&2
        exit 1
    fi
    printf '%s' "$stamp" >"$dir/.made"
}

run_demo() {
    need dbus-daemon=dbus
    venv .venv "$(default_python)" "$(cat .venv/.extra 2>/dev/null || true)"
    exec .venv/bin/smallbms demo "$@"
}

# Said here, because the Python of an older Venus OS does not even understand the installer.
refuse_old_venus() {
    local file=/opt/victronenergy/version version number
    [ -f "$file" ] || return 0
    read -r version <"$file"
    number=${version#v}
    number=${number%%[!0-9.]*}
    if [ "$(printf '%s\n' 3.60 "$number" | sort -V | head -n 1)" != 3.60 ]; then
        echo "Venus OS $version is too old: v3.60 or newer is needed (Settings → General → Firmware)" >&2
        exit 1
    fi
}

# installer MODULE ARGUMENTS…: on Venus OS and Debian, with nothing but the standard library
installer() {
    refuse_old_venus
    local python=python3 flags=-sB
    [ -d /opt/victronenergy ] || python=$(default_python)
    [ ! -d lib ] || flags=-sSB # what a bundle brings along, and nothing of the system
    cd "$caller"
    PYTHONPATH="$here/service:$here/ext:$here/lib" exec "$python" "$flags" -m "$@"
}

run_bundle() {
    venv .venv "$(default_python)" "$(cat .venv/.extra 2>/dev/null || true)"
    local python=$here/.venv/bin/python
    cd "$caller"
    exec "$python" -m smallbms.installer bundle "$@"
}

lint() {
    say "ruff, mypy, import-linter"
    .venv/bin/ruff check --no-cache .
    .venv/bin/ruff format --no-cache --check .
    .venv/bin/mypy -p smallbms -p velib_python
    .venv/bin/lint-imports
}

# tests VENV ARGUMENTS…: a test that fails on a busy machine gets one more try, alone and said; a second failure counts.
# One worker more than processors: many tests wait most of the time.
tests() {
    local pytest=$1/bin/pytest
    shift
    "$pytest" -n $(($(nproc) + 1)) --dist worksteal "$@" && return
    say "once more, alone, what failed"
    "$pytest" --last-failed --last-failed-no-failures none
}

# What tests boot is built beside them, and lets them go first; those that need it wait for it.
beside() {
    mkdir -p .cache
    nice -n 5 "$@" >>.cache/beside.log 2>&1 &
}

# For the tests of what is on wires: a kernel with simulated hardware, 4 minutes the first time.
test_bed() {
    need make=build-essential flex=flex bison=bison bc=bc xz=xz-utils ip=iproute2
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need keyring-is-missing=debian-archive-keyring
    beside "$(default_python)" tests/hwbed
}

# For the tests of contrib/node-red, into .cache.
node_red() {
    need node=nodejs npm=npm
    [ -e .cache/node-red/node_modules/node-red/red.js ] && return
    say "installing Node-RED with npm into .cache/node-red"
    npm install --silent --no-audit --no-fund --prefix .cache/node-red node-red@4.1 @flowfuse/node-red-dashboard@1
}

run_test() {
    local all=''
    [ "${1:-}" = --all ] && all=1
    need busybox=busybox dbus-daemon=dbus dbus-send=dbus gcc=gcc mosquitto=mosquitto openssl=openssl systemd-analyze=systemd
    test_bed
    printf '%s' '[test]' | { mkdir -p .venv && cat >.venv/.extra; }
    venv .venv "$(default_python)" '[test]'
    lint
    if [ -z "$all" ]; then
        say "tests"
        tests .venv -m 'not slow' "${COVERAGE[@]}"
        return
    fi
    need debootstrap=debootstrap qemu-arm-static=qemu-user-static
    [ "$(id -u)" -ne 0 ] || beside .venv/bin/python tests/gx --roots
    node_red
    others 3.12 "the quick tests but those of what is pure" --ignore=tests/{hwbed,core,scenario,test_scenarios.py}
    others 3.13 "those that depend on the Python most" tests/{ext,inputs,links,outputs,publish,store} tests/integration/test_processes.py
    say "the quick tests"
    tests .venv -m 'not slow' "${COVERAGE[@]}"
    say "the long tests"
    if [ "$(id -u)" -eq 0 ]; then
        tests .venv -m slow
    else
        tests .venv -m slow --ignore tests/gx
        say "those that put a GX into namespaces of its own, as root"
        sudo env "HOME=$HOME" "PATH=$PATH" .venv/bin/pytest -n 2 -p no:cacheprovider tests/gx
    fi
}

# others VERSION WHAT PATHS…: quick tests on another Python, if it is installed here
others() {
    local version=$1 what=$2 python
    shift 2
    python=$(python_of "$version") || return 0
    venv ".venv-$version" "$python" '[test]'
    say "$what, on Python $version"
    tests ".venv-$version" -m 'not slow' "$@"
}

# Every branch of what decides and decodes is walked.
COVERAGE=(--cov=smallbms.core --cov=smallbms.drivers --cov=smallbms.paths --cov=smallbms.settings --cov-branch
    --cov-report=term:skip-covered --cov-fail-under=100)

case "${1:-}" in
    demo) shift; run_demo "$@" ;;
    test) shift; run_test "$@" ;;
    bench) shift; venv .venv "$(default_python)" '[test]'; exec .venv/bin/python bench "$@" ;;
    bundle) shift; run_bundle "$@" ;;
    install | upgrade | rollback | uninstall | stick | resume | watch) installer smallbms.installer "$@" ;;
    boot) installer smallbms.installer.boot ;;
    *) usage; [ "${1:-}" = --help ] || exit 2 ;;
esac
