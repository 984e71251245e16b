#!/bin/sh
# Runs a script under a real systemd as PID 1, in a throw-away copy of a Debian tree; what it changes is forgotten.
#   systemd.sh check                    0 if this machine can; else one line that says what is missing
#   systemd.sh run SCRIPT [FILE...]     boots, copies the FILEs to /opt/test, runs SCRIPT there, powers off; SCRIPT's exit status
# Root is needed, and nothing of the machine is changed: the tree is laid under an overlay, with a network of its own.
# TREE: the tree, this machine's own unless given. MAX: seconds until it is given up, 180 unless given.
set -eu
tree=${TREE:-/}

missing() {
    [ "$(id -u)" = 0 ] || { echo "only root boots a systemd of its own"; return; }
    command -v systemd-nspawn >/dev/null 2>&1 || { echo "systemd-nspawn is missing (package systemd-container)"; return; }
    [ -x "$tree/lib/systemd/systemd" ] || { echo "there is no systemd in $tree"; return; }
    command -v unshare >/dev/null 2>&1 || { echo "unshare is missing (package util-linux)"; return; }
    unshare --mount --net --pid --fork --ipc --uts true 2>/dev/null || { echo "namespaces cannot be made here"; return; }
    # shellcheck disable=SC2016 # the inner shell expands it
    unshare --mount sh -c 'mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/m && mount -t overlay -o "lowerdir=$0,upperdir=/mnt/u,workdir=/mnt/w" none /mnt/m' "$tree" 2>/dev/null ||
        { echo "overlays cannot be mounted here"; return; }
}

case ${1:-} in
check)
    why=$(missing)
    [ -z "$why" ] || { echo "$why"; exit 1; }
    ;;
run)
    script=$2
    shift 2
    # The mounts live in a namespace of their own, which takes them along when it ends.
    [ -n "${ZTPD_LAB_INSIDE:-}" ] || ZTPD_LAB_INSIDE=1 exec unshare --mount --propagation private "$0" run "$script" "$@"
    work=$(mktemp -d)
    trap 'umount -l "$work" 2>/dev/null || true; rmdir "$work"' EXIT
    mount -t tmpfs none "$work"
    mkdir "$work/tree" "$work/upper" "$work/work" "$work/out"
    mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" none "$work/tree"
    inside=$work/tree
    mkdir -p "$inside/opt/test" "$inside/etc/systemd/system"
    cp "$script" "$inside/opt/test/.run"
    for file; do cp -a "$file" "$inside/opt/test/"; done
    printf '[Unit]\nRequires=sysinit.target dbus.socket\nWants=lab-test.service\nAllowIsolate=yes\n' >"$inside/etc/systemd/system/lab.target"
    cat >"$inside/etc/systemd/system/lab-test.service" <<'UNIT'
[Unit]
After=sysinit.target dbus.socket
[Service]
Type=oneshot
WorkingDirectory=/opt/test
ExecStart=/bin/sh -c 'bash /opt/test/.run >/results/log 2>&1; echo $? >/results/status; systemctl poweroff --no-block'
UNIT
    # The unified hierarchy must be asked for where the machine itself still mounts cgroup v1.
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 timeout -k 5 "${MAX:-180}" systemd-nspawn -q -D "$inside" --register=no --keep-unit \
        --machine="ztpd-lab-$$" --private-network --bind="$work/out:/results" --console=pipe \
        -b systemd.unit=lab.target </dev/null >"$work/console" 2>&1 || true
    cat "$work/out/log" 2>/dev/null || true
    [ -s "$work/out/status" ] || { tail -n 20 "$work/console" >&2; echo "the script did not end within ${MAX:-180} s" >&2; exit 124; }
    exit "$(cat "$work/out/status")"
    ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
