{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 file /etc/ds4/site'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '# Written by ds4: what it keeps on this machine. '\''ds4 teardown'\'' removes it all.
site=lab-linux
tunnel=wrap1
local=2001:db8:1:0:203:0:113:144
own=yes
remote=2001:db8:100:0:203:0:113:144
server=192.168.1.210
mtu=1460
table=42
' >/etc/ds4/site.ds4-new ) || rm -f /etc/ds4/site.ds4-new
{ chmod 600 /etc/ds4/site.ds4-new && { sync /etc/ds4/site.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/site.ds4-new /etc/ds4/site; } || fail '/etc/ds4/site can'\''t be written'
exit 0
}
