/**
 * What `iptables-save` printed, without its warning that legacy tables are in use beside those of nftables. That goes to
 * standard error before the rest of standard output is written, and so into the middle of a line where both are read as
 * one (seen on 1.8.9).
 */
export function withoutWarnings(saved: string): string {
  return saved.replaceAll(
    /# Warning: ip6?tables-legacy tables present, use ip6?tables-legacy(-save)? to see them\n/g,
    "",
  );
}
