import { type RelayAt, targetOf } from "../../../hosts/relay-design.js";

/** Connections, or UDP peers, that one relay serves at once; the next ones wait. */
const maxPeers = 200;

/** The inverse of `unitName`, for what begins with a unit's name or ends with it. */
export function idOf(text: string): string | undefined {
  const [, protocol, port, address] =
    /(?:^|\/)ds4-relay-(tcp|udp)-(\d+)(?:-(\d+(?:\.\d+){3}))?\.service(?: |$)/.exec(text) ?? [];
  return port === undefined ? undefined : `${protocol}/${port}${address === undefined ? "" : `@${address}`}`;
}

/**
 * The program of a relay. It listens on the public IPv4 alone, also before that is there (`freebind`), and has a
 * process for each visitor, which looks the server's name up anew (socat(1), seen on 1.7.4.4).
 */
export function relayCommand(relay: RelayAt): string {
  const listen = `bind=${relay.uplinkIPv4},freebind,reuseaddr,fork,max-children=${maxPeers}`;
  const [port, target] = [relay.port, targetOf(relay)];
  if (relay.protocol === "udp") {
    // A peer that was silent for three minutes is gone; its next datagram is that of a new one.
    return `/usr/bin/socat -T180 UDP4-LISTEN:${port},${listen} UDP6:${target}`;
  }
  // Who is gone without a word is noticed within two minutes; who said all (-t) may be answered for five.
  const alive = "nodelay,keepalive,keepidle=60,keepintvl=15,keepcnt=4";
  return `/usr/bin/socat -t300 TCP4-LISTEN:${port},${listen},backlog=128,${alive} TCP6:${target},connect-timeout=10,${alive}`;
}

/** The unit of a relay: it has nothing of the machine but its two sockets. */
export function unitFile(site: string, relay: RelayAt): string {
  const words = `${relay.protocol.toUpperCase()} ${relay.publicIPv4}:${relay.port} to ${targetOf(relay)}`;
  return `# Written by ds4 for the site '${site}'.
[Unit]
Description=ds4: relays ${words}
After=network.target nss-lookup.target
# It is tried again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${relayCommand(relay)}
Restart=always
RestartSec=3
# What socat ends with when it is told to.
SuccessExitStatus=143
LogRateLimitIntervalSec=60
LogRateLimitBurst=20

DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
# The last two are for looking up names.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallArchitectures=native
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
UMask=0077

# One process for itself, and one for each visitor.
TasksMax=${maxPeers + 8}
MemoryMax=256M
# One visitor's process too many isn't the end of the others.
OOMPolicy=continue
LimitNOFILE=64

[Install]
WantedBy=multi-user.target
`;
}
