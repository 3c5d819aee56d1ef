#!/usr/bin/env bash
# Runs edgefuse and its small models as aarch64 code on this machine, and compares their outputs with this machine's.
#
#   deploy/smoke-arm64.sh
#
# The aarch64 side is Debian's Python from packages that are unpacked, not installed, and the aarch64 wheels that pip
# would give a Jetson; qemu-user runs it. It needs no root, no chroot and no registration with the kernel. All is kept in
# ~/.cache/edgefuse/arm64 (about 500 MB), so a second run only runs the checks. Exit 0: every check passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=bookworm # glibc 2.36: older than JetPack 7's, and one step newer than JetPack 6's 2.35
glibc=36
cpu=cortex-a76 # of the models that qemu 7.2 knows, the nearest to the Cortex-A78AE of a Jetson Orin
python=.venv/bin/python
cache=${XDG_CACHE_HOME:-$HOME/.cache}/edgefuse/arm64
root=$cache/$suite
site=$cache/site
package=$cache/package
log=$cache/setup.log

say() { printf 'edgefuse smoke-arm64: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
# Logs may name the host of a package registry or a mirror; what is shown does not.
show_log() { tail -n 15 "$log" | sed -E 's#[a-z]+://[^ ,)]*#<address>#g' >&2; }

look_for_programs() {
    local missing=()
    have qemu-aarch64-static || missing+=(qemu-user-static)
    [ -e "$root/.done" ] || have mmdebstrap || missing+=(mmdebstrap)
    [ -e "$root/.done" ] || [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! have apt-get; then
        die "not installed: ${missing[*]}; on Debian or Ubuntu: sudo apt-get install ${missing[*]}"
    fi
    say "installing with apt-get: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || {
        show_log
        die "apt-get could not install them"
    }
}

# Unpacked only: no program of the packages runs, so any user can do it.
unpack_debian() {
    [ ! -e "$root/.done" ] || return 0
    local mode=chrootless
    [ "$(id -u)" != 0 ] || mode=root
    say "unpacking Debian $suite for arm64 into $root (75 MB)"
    rm -rf "$root"
    mmdebstrap --mode=$mode --variant=extract --arch=arm64 --include=python3,libstdc++6 $suite "$root" >"$log" 2>&1 || {
        show_log
        die "mmdebstrap failed; the whole log is in $log"
    }
    # qemu 7.2 shows the program this machine's /proc/cpuinfo, and ONNX Runtime, which expects an Arm CPU there, crashes.
    mkdir -p "$root/proc"
    cat >"$root/proc/cpuinfo" <<'TEXT'
processor	: 0
BogoMIPS	: 62.50
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

TEXT
    touch "$root/.done"
}

install_wheels() {
    local wanted version platforms=(--platform manylinux2014_aarch64) minor
    version=$(basename "$(readlink "$root/usr/bin/python3")")
    "$python" tests/smoke/arm64.py requirements >"$cache/requirements.txt"
    wanted=$(cat "$cache/requirements.txt" <(echo "$version") | sha256sum)
    [ "$(cat "$site/.done" 2>/dev/null)" != "$wanted" ] || return 0
    for minor in $(seq 17 $glibc); do platforms+=(--platform "manylinux_2_${minor}_aarch64"); done
    say "fetching aarch64 wheels into $site"
    rm -rf "$site"
    "$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$site" "${platforms[@]}" \
        --only-binary=:all: --implementation cp --python-version "${version#python}" \
        --requirement "$cache/requirements.txt" >"$log" 2>&1 || {
        show_log
        die "pip found no aarch64 wheels for all requirements; the whole log is in $log"
    }
    echo "$wanted" >"$site/.done"
}

# Unpacked from a wheel, as on a device: with its entry points and the files beside the code.
build_package() {
    rm -rf "$package" "$cache/wheel"
    "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$cache/wheel" . \
        >"$log" 2>&1 || {
        show_log
        die "pip could not build the wheel; the whole log is in $log"
    }
    "$python" -m zipfile -e "$cache"/wheel/edgefuse-*.whl "$package"
}

arm() { # arm ARGUMENT... : Python for aarch64
    env --ignore-environment HOME="$HOME" PATH="$PATH" LANG=C.UTF-8 PYTHONPATH="$package:$site" \
        qemu-aarch64-static -cpu $cpu -L "$root" "$root/usr/bin/python3" -B -s "$@"
}

case $(uname -m) in aarch64 | arm64) die "this machine is aarch64 itself: run 'make test' here" ;; esac
[ -x "$python" ] || die "$python is missing: run 'make setup' first"
mkdir -p "$cache"
look_for_programs
unpack_debian
install_wheels
build_package
"$python" tests/smoke/arm64.py reference "$cache/reference"
arm tests/smoke/arm64.py check "$cache/reference"
