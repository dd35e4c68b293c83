/**
 * Networks that aren't on the internet, such as others at home and Tailscale's (RFC 1918, RFC 6598). The VPS passes
 * nothing to them, so the tunnel's table leaves them to the rules behind ds4's.
 */
export const privateRanges = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"] as const;
