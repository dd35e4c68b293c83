{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 uci firewall.ds4_zone'
drop() { for s in firewall.ds4_zone; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show firewall)
{
for s in firewall.ds4_zone; do case $has in *"$s="*) echo "delete $s" ;; esac; done
cat <<'DS4'
set firewall.ds4_zone=zone
set firewall.ds4_zone.name='ds4'
add_list firewall.ds4_zone.device='wrap1'
set firewall.ds4_zone.input='REJECT'
set firewall.ds4_zone.output='ACCEPT'
set firewall.ds4_zone.forward='REJECT'
set firewall.ds4_zone.mtu_fix='1'
DS4
} >/var/run/ds4/batch
if [ -s /var/run/ds4/batch ]; then
uci batch </var/run/ds4/batch >/dev/null
staged=$({ uci changes firewall; } | wc -l); asked=$(wc -l </var/run/ds4/batch)
[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }
said=$(fw4 check 2>&1) || { drop; fail "fw4 check refuses the new rules: $said"; }
case $said in *'Section ds4_'*) drop; fail "fw4 would leave out: $said" ;; esac
uci commit firewall
firewall=stale
[ "${firewall:-}" != stale ] || { /etc/init.d/firewall reload; firewall=loaded; }
fi
rm -f /var/run/ds4/batch
[ "${firewall:-}" = loaded ] || { /etc/init.d/firewall reload; firewall=loaded; }
exit 0
}
