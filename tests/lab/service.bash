# The package under a real systemd, from the first installation to the last trace: sockets, reloads, the watchdog, the
# sandbox, an upgrade, a backup, removal, and the restoring on a machine that knows nothing.
set -eu
. ./tools.bash
mark

# An image made for containers forbids packages to start services; a machine does not.
rm -f /usr/sbin/policy-rc.d

echo "-- the package installs without a network, starts nothing, makes a master key and says what is next"
install ztpd.deb
grep -q 'systemctl enable --now ztpd' /tmp/dpkg || failed "it does not say what is next: $(cat /tmp/dpkg)"
[ "$(stat -c '%a %U' /etc/credstore.encrypted/ztpd.master-key)" = "600 root" ] || failed "no master key: $(cat /tmp/dpkg)"
! systemctl is-active -q ztpd.service ztpd-https.socket || failed "it was started before it was set up"
ztpd config check >/tmp/check || failed "the settings it brings are none: $(cat /tmp/check)"
man -w ztpd-device >/dev/null 2>&1 || [ -e /usr/share/man/man1/ztpd-device.1.gz ] || failed "no man page"

echo "-- without a public URL the start fails, says what to do, and mends itself once that is done"
systemctl enable -q ztpd.service
systemctl start --no-block ztpd.service
says "server.public_url is needed"
# A phone that asks meanwhile waits instead of being turned away.
https --retry 0 https://prov.example.com/ztpd-ca.pem -k -o /tmp/early --max-time 60 &
early=$!
settings
says "serving"
systemctl is-active -q ztpd.service ztpd-https.socket ztpd-tftp.socket ztpd-admin.socket || systemctl start ztpd.service
wait "$early" || failed "a phone that asked before the start was turned away"
grep -q 'BEGIN CERTIFICATE' /tmp/early || failed "what the early phone got: $(cat /tmp/early)"

echo "-- phones are served over 443 and 69, through the sockets that were passed"
inventory
account "at first"
bootstrap "at first"
[ "$(systemctl show -P StatusText ztpd)" = "serving https://prov.example.com" ] || failed "status: $(systemctl show -P StatusText ztpd)"
[ "$(stat -c '%a %G' /run/ztpd/admin.sock)" = "660 ztpd-admin" ] || failed "the administrators' socket: $(stat /run/ztpd/admin.sock)"

echo "-- the sandbox holds"
status=/proc/$(pid)/status
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    grep -q "^$set:.0000000000000000$" "$status" || failed "capabilities: $(grep Cap "$status")"
done
grep -q '^NoNewPrivs:.1$' "$status" && grep -q '^Seccomp:.2$' "$status" || failed "$(cat "$status")"
[ "$(awk '/^Uid:/ { print ($2 >= 61184 && $2 <= 65519) }' "$status")" = 1 ] || failed "no user of its own: $(grep Uid "$status")"
[ "$(stat -c %a /var/lib/private/ztpd)" = 700 ] || failed "the state is open to others"
mkdir -p /home/alice && echo mine >/home/alice/secret && echo mine >/tmp/secret
chmod 755 /home/alice
user=$(awk '/^Uid:/ { print $2 }' "$status")
inside() { nsenter -t "$(pid)" -m -S "$user" -G "$user" -- "$@"; }
! inside cat /home/alice/secret 2>/dev/null || failed "homes can be read"
! inside cat /tmp/secret 2>/dev/null || failed "/tmp is shared"
for place in /etc/ztpd /usr /var/log /run /run/ztpd; do
    ! inside touch "$place/mine" 2>/dev/null || failed "$place can be written to"
done
inside touch /var/lib/ztpd/mine || failed "the state cannot be written to"
rm /var/lib/ztpd/mine
# As a process of the service: no port for TCP, ports for UDP.
if command -v python3 >/dev/null; then
    group=/sys/fs/cgroup/system.slice/ztpd.service/cgroup.procs
    bind() { sh -c 'echo $$ >"$0" && exec python3 -c "import socket,sys; socket.socket(socket.AF_INET, int(sys.argv[1])).bind((\"127.0.0.1\", int(sys.argv[2])))" "$1" "$2"' "$group" "$@" 2>/dev/null; }
    bind 2 0 || failed "no UDP port for a transfer"
    if systemd-run -q --wait -p SocketBindDeny=any python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 8081))' 2>/dev/null; then
        echo "skipped: systemd cannot forbid ports here (BPF)"
    elif bind 1 8080; then
        failed "the service can listen on a port of its own"
    fi
else
    echo "skipped: without python3 nobody tries to bind a port"
fi

echo "-- a reload keeps connections, and swaps templates and certificate"
mkfifo /tmp/ask
openssl s_client -quiet -connect 127.0.0.1:443 -servername prov.example.com </tmp/ask >/tmp/told 2>/dev/null &
held=$!
exec 3>/tmp/ask
printf 'GET /y000000000108.cfg HTTP/1.1\r\nHost: prov.example.com\r\n\r\n' >&3
tail -f -n +1 --pid=$held /tmp/told | grep -q -m1 'HTTP/1.1 200' || failed "the connection that is held got nothing"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=an authority' -keyout /tmp/root.key -out /tmp/root.crt 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=prov.example.com -keyout /etc/ztpd/tls.key -out /tmp/leaf.csr 2>/dev/null
echo subjectAltName=DNS:prov.example.com >/tmp/leaf.ext
openssl x509 -req -in /tmp/leaf.csr -CA /tmp/root.crt -CAkey /tmp/root.key -days 30 -extfile /tmp/leaf.ext -out /tmp/leaf.crt 2>/dev/null
cat /tmp/leaf.crt /tmp/root.crt >/etc/ztpd/tls.crt
chmod 644 /etc/ztpd/tls.key
sed -i 's|^# e.g. certificate.*|certificate = "/etc/ztpd/tls.crt"|; s|^# e.g. key.*|key = "/etc/ztpd/tls.key"|' /etc/ztpd/ztpd.toml
mkdir -p /etc/ztpd/templates/yealink
{ cat bootstrap.cfg; echo '# as the operator wishes'; } >/etc/ztpd/templates/yealink/bootstrap.cfg
before=$(pid)
mark
systemctl reload ztpd
says "read again"
[ "$(pid)" = "$before" ] || failed "the reload was a restart"
printf 'GET /y000000000108.cfg HTTP/1.1\r\nHost: prov.example.com\r\n\r\n' >&3
tail -f -n +1 --pid=$held /tmp/told | grep -q -m2 'HTTP/1.1 200' || failed "the connection did not outlive the reload"
exec 3>&-
authority=/tmp/root.crt
account "after the reload"
https https://prov.example.com/ztpd-ca.pem >/dev/null || failed "the new certificate is not shown"
bootstrap "after the reload"
grep -q 'as the operator wishes' /tmp/boot || failed "the new template is not served: $(cat /tmp/boot)"

echo "-- a broken file keeps the old settings and says so"
cp /etc/ztpd/ztpd.toml /tmp/good
echo '[htps]' >>/etc/ztpd/ztpd.toml
mark
systemctl reload ztpd
says "the old settings stay"
case $(systemctl show -P StatusText ztpd) in *"there is no section [htps]"*) ;; *) failed "the status does not say it" ;; esac
account "with a broken file"
cp /tmp/good /etc/ztpd/ztpd.toml

echo "-- a certificate that is a credential changes by restart, with the sockets open"
command install -m 600 /etc/ztpd/tls.crt /etc/credstore/ztpd.tls.crt
command install -m 600 /etc/ztpd/tls.key /etc/credstore/ztpd.tls.key
chmod 600 /etc/ztpd/tls.key
sed -i 's|"/etc/ztpd/tls\.|"/run/credentials/ztpd.service/tls.|' /etc/ztpd/ztpd.toml
mark
systemctl restart ztpd.service &
restarting=$!
for _ in 1 2 3 4 5; do account "during the restart"; done
wait "$restarting"
says "serving"
account "with a credential"

echo "-- the watchdog ends a daemon that hangs, and nothing is lost"
mkdir -p /run/systemd/system/ztpd.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/ztpd.service.d/soon.conf
systemctl daemon-reload
systemctl restart ztpd.service
before=$(pid)
mark
kill -STOP "$before"
says "Watchdog timeout"
says "serving"
[ "$(pid)" != "$before" ] || failed "it is the same process"
[ "$(systemctl show -P NRestarts ztpd)" = 1 ] || failed "restarts: $(systemctl show -P NRestarts ztpd)"
account "after the watchdog"
rm /run/systemd/system/ztpd.service.d/soon.conf
systemctl daemon-reload
ztpd device show 80:5e:c0:11:22:33 | grep -q alice@example.com || failed "the inventory is not what it was"

echo "-- a stop lets what is under way finish"
mkdir -p /var/lib/ztpd/firmware
head -c 4000000 /dev/zero >/var/lib/ztpd/firmware/big.rom
chmod -R o+rX /var/lib/ztpd/firmware
mark
systemctl reload ztpd
says "read again"
mkfifo /tmp/rom
https --fail --limit-rate 2M -N https://prov.example.com/big.rom >/tmp/rom &
download=$!
exec 4</tmp/rom
head -c 1000 <&4 >/dev/null
mark
systemctl stop --no-block ztpd.service
says "Stopping"
rest=$(cat <&4 | wc -c)
wait "$download" || failed "the download was cut off after $rest"
[ "$rest" = 3999000 ] || failed "the rest of the download has $rest octets"
says "stopped"
[ "$(systemctl show -P Result ztpd) $(systemctl show -P ExecMainStatus ztpd)" = "success 0" ] || failed "it did not end well"

echo "-- the next phone starts it again"
account "after the stop"

echo "-- an upgrade keeps settings and state, and no phone is turned away meanwhile"
before=$(pid)
mark
(for _ in 1 2 3 4 5 6 7 8; do account "during the upgrade"; done) &
asking=$!
install ztpd-next.deb
wait "$asking" || failed "a phone was turned away during the upgrade"
says "serving"
[ "$(pid)" != "$before" ] || failed "the old program goes on"
[ "$(dpkg-query -W -f '${Version}' ztpd)" = 9.0 ] || failed "the old version is there"
grep -q '^public_url' /etc/ztpd/ztpd.toml || failed "the settings were replaced"
account "after the upgrade"
ztpd device show 80:5e:c0:11:22:33 | grep -q alice@example.com || failed "the inventory is not what it was"

echo "-- a backup, sealed, while phones are served"
echo 'correct horse battery staple' >/root/passphrase
ztpd backup /root/ztpd.backup --passphrase-file /root/passphrase
account "after the backup"

echo "-- removed, nothing runs and the ports are free; settings, state and keys stay"
dpkg -r ztpd >/tmp/dpkg 2>&1 || failed "$(cat /tmp/dpkg)"
! https https://prov.example.com/ztpd-ca.pem >/dev/null 2>&1 || failed "somebody still answers"
[ -d /var/lib/private/ztpd/journal ] && [ -e /etc/ztpd/ztpd.toml ] && [ -e /etc/credstore.encrypted/ztpd.master-key ] || failed "something is gone"
[ ! -e /usr/bin/ztpd ] || failed "the program is still there"
install ztpd-next.deb
systemctl enable -q --now ztpd.service
account "installed again"

echo "-- purged, nothing of it is left"
dpkg -P ztpd >/tmp/dpkg 2>&1 || failed "$(cat /tmp/dpkg)"
rm -f /etc/credstore/ztpd.tls.crt /etc/credstore/ztpd.tls.key
rm -rf /etc/ztpd /run/systemd/system/ztpd.service.d
left=$(find /etc /usr /var/lib /run -name '*ztpd*' -not -path '/run/log/*' -not -path '/usr/share/ztpd-lab*' 2>/dev/null | grep -v -e /var/lib/dpkg/ -e '/run/systemd/\(units\|propagate\|journal\)' || true)
[ -z "$left" ] || failed "left: $left"

echo "-- a machine that knows nothing restores it under a master key of its own, and the phone notices nothing"
install ztpd-next.deb
settings
with_key() { systemd-run --quiet --pipe --wait -p LoadCredentialEncrypted=master-key:ztpd.master-key "$@"; }
with_key ztpd restore /root/ztpd.backup --passphrase-file /root/passphrase || failed "it was not restored"
systemctl enable -q --now ztpd.service
authority=/var/lib/ztpd/tls/authority.crt
account "after the restore"
bootstrap "after the restore"
ztpd audit verify || failed "the audit trail is broken"
echo "all held"
