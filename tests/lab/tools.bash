# What the scripts of the lab share. Every wait is for an event of the journal, and bounded.

failed() {
    echo "FAILED: $*"
    systemctl status 'ztpd*' --no-pager --lines 0 || true
    journalctl -u ztpd --no-pager -o cat | tail -n 40
    exit 1
}

# Remembers where the journal ends; `says` looks from there on.
mark() { cursor=$(journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p'); }

# Waits until the daemon's journal, or what systemd says of it, has these words.
says() {
    local line
    while IFS= read -r line; do
        case $line in *"$1"*) return 0 ;; esac
    done < <(timeout 60 journalctl -u ztpd --after-cursor="$cursor" -f -o cat -n all)
    failed "the journal never said: $1"
}

pid() { systemctl show -P MainPID ztpd; }

# A phone's ways. Ours is the name, and 127.0.0.1 leads to it.
authority=/var/lib/ztpd/tls/authority.crt
https() { curl -sS --max-time 30 --cacert "$authority" --resolve prov.example.com:443:127.0.0.1 "$@"; }
account() {
    local got
    got=$(https https://prov.example.com/805ec0112233.cfg) || failed "$1: the phone was not answered"
    case $got in *pbx.example.com*) ;; *) failed "$1: the phone has no account: $got" ;; esac
}
bootstrap() {
    rm -f /tmp/boot
    (cd /tmp && tftp -m octet 127.0.0.1 -c get y000000000108.cfg boot) || failed "$1: no answer over TFTP"
    [ -s /tmp/boot ] || failed "$1: nothing came over TFTP"
}

# The package, as an operator installs it; what it says is kept.
install() { dpkg -i "$1" >/tmp/dpkg 2>&1 || failed "dpkg -i $1: $(cat /tmp/dpkg)"; }

# An operator's one edit.
settings() {
    command install -D -m 644 "${1:-/opt/test/systemd/ztpd.toml}" /etc/ztpd/ztpd.toml
    sed -i 's|^# e.g. public_url|public_url|; s|^# e.g. server = |server = |' /etc/ztpd/ztpd.toml
    grep -q prov.example.com /etc/hosts || echo '127.0.0.1 prov.example.com' >>/etc/hosts
}

inventory() {
    ztpd site add hq --networks 127.0.0.0/8
    ztpd user add alice@example.com --first-name Alice --last-name Doe --site hq
    ztpd device add 80:5e:c0:11:22:33 --maker yealink --model T46U --user alice@example.com
}
