# The DHCP watcher under its real unit: what it may do, and that what it hears arrives.
set -eu
. ./tools.bash
mark

# An image made for containers forbids packages to start services; a machine does not.
rm -f /usr/sbin/policy-rc.d
install ztpd.deb
settings
systemctl enable -q --now ztpd.service
says "serving"
inventory

# A LAN of one cable: who asks at one end is heard at the other.
ip link add end0 type veth peer name end1
ip link set end0 address 02:00:00:11:22:33 up
ip link set end1 up

# Waits until the daemon knows of it; bounded by the caller's patience.
shows() {
    local what=$1
    shift
    timeout 60 sh -c 'until "$@" 2>/dev/null | grep -q -- "$0"; do :; done' "$what" "$@" || failed "never shown: $what by $*: $("$@" 2>&1)"
}
asks() { ztpd dhcp probe --interface end0 --maker "$1" --maker-mac --wait 1s >/dev/null && failed "somebody answered" || true; }

echo "-- it starts, with one capability and a user of its own"
systemctl start ztpd-dhcpwatch.service || failed "the watcher does not start: $(journalctl -u ztpd-dhcpwatch -o cat --no-pager | tail -n 20)"
watcher=/proc/$(systemctl show -P MainPID ztpd-dhcpwatch)/status
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    grep -q "^$set:.0000000000002000$" "$watcher" || failed "capabilities: $(grep Cap "$watcher")"
done
[ "$(awk '/^Uid:/ { print $2 }' "$watcher")" = "$(id -u ztpd-dhcpwatch)" ] || failed "its user: $(grep Uid "$watcher")"
grep -q '^NoNewPrivs:.1$' "$watcher" && grep -q '^Seccomp:.2$' "$watcher" || failed "$(cat "$watcher")"

echo "-- a phone that nobody knows waits to be adopted"
asks snom
shows '00:04:13:11:22:33' ztpd device pending
ztpd device explain 00:04:13:11:22:33 | grep -q not_in_inventory || failed "$(ztpd device explain 00:04:13:11:22:33)"

echo "-- a phone of the inventory is explained by what it was told: nothing"
ztpd device add 00:15:65:11:22:33 --maker yealink --model T46U
asks yealink
shows dhcp_no_answer ztpd device explain 00:15:65:11:22:33

echo "-- it holds the right to hand in, and no other, whoever else holds what"
ztpd grant add --unix-user root --role super_admin --scope account >/dev/null 2>&1 || true
if as_watcher=$(setpriv --reuid ztpd-dhcpwatch --regid ztpd-dhcpwatch --groups "$(getent group ztpd-admin | cut -d: -f3)" ztpd device list 2>&1); then
    failed "it sees the inventory: $as_watcher"
fi
case $as_watcher in *"does not hold devices:view"*) ;; *) failed "it was not refused as it should: $as_watcher" ;; esac
asks poly
shows '"poly"' ztpd device pending --json

echo "-- a daemon that is away for a while misses nothing"
systemctl stop ztpd-admin.socket ztpd.service
asks grandstream
mark
systemctl start ztpd-admin.socket ztpd.service
says "serving"
shows '"grandstream"' ztpd device pending --json

echo "-- it ends when it is told to"
systemctl stop ztpd-dhcpwatch.service
[ "$(systemctl show -P Result ztpd-dhcpwatch)" = success ] || failed "it did not end well: $(systemctl status ztpd-dhcpwatch)"
echo "all held"
