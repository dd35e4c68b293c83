{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 unit ds4.service'
systemctl -q --no-reload disable --now ds4.service 2>/dev/null || :; rm -f /etc/systemd/system/multi-user.target.wants/ds4.service
exit 0
}
# and then, when all hosts have done that:
{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 file /etc/systemd/system/ds4.service'
rm -f /etc/systemd/system/ds4.service /etc/systemd/system/ds4.service.ds4-new
systemctl daemon-reload || fail "systemctl daemon-reload failed"
echo '@ds4 file /etc/network/interfaces.d/ds4'
[ -d /etc/network/interfaces.d ] || ( umask 077; mkdir -p /etc/network/interfaces.d )
( umask 077; printf '%s' '# Written by ds4.
auto wrap1
iface wrap1 inet manual
    up /etc/ds4/up
    post-down ip link del wrap1 2>/dev/null || :
' >/etc/network/interfaces.d/ds4.ds4-new ) || rm -f /etc/network/interfaces.d/ds4.ds4-new
{ chmod 600 /etc/network/interfaces.d/ds4.ds4-new && { sync /etc/network/interfaces.d/ds4.ds4-new 2>/dev/null || sync; } && mv -f /etc/network/interfaces.d/ds4.ds4-new /etc/network/interfaces.d/ds4; } || fail '/etc/network/interfaces.d/ds4 can'\''t be written'
exit 0
}
