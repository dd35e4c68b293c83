import { renderOwned } from "../../core/owned.js";
import { serversOf } from "../../inventory/site.js";
import { fileState, parseFiles, probeFiles, renderFiles } from "../files.js";
import { nftFile, nftPath } from "./nftables.js";
import { firewallStale, type RouterStep, reloadFirewall } from "./step.js";
import { initScript, initScriptPath } from "./tunnel.js";

/** What ds4 keeps on the router outside UCI: the init script, chains for fw4, and the note of what is ds4's. */
export const files: RouterStep = {
  name: "file",
  layer: "configured",
  desired: (world) => {
    const { site, design } = world;
    const chains = nftFile(world);
    return new Map([
      [
        "/etc/ds4/site",
        fileState(
          renderOwned({
            site: site.name,
            tunnel: {
              name: site.tunnel.name,
              local: design.remote,
              atHome: "router",
              ownLocal: true,
              remote: design.local,
              servers: serversOf(site),
              mtu: design.mtu,
              table: site.tunnel.table,
            },
          }),
        ),
      ],
      [initScriptPath, fileState(initScript(world), "700")],
      ...(chains === undefined ? [] : [[nftPath, fileState(chains)] as const]),
    ]);
  },
  probe: () => probeFiles(["/etc/ds4/site", initScriptPath, nftPath]),
  parse: parseFiles,
  render: (changes, context) => {
    if (changes.some(({ id, to }) => !to && id === "/etc/ds4/site")) {
      // A firmware upgrade keeps the list of packages, but none of them.
      context.finally(
        `rm -rf /etc/ds4/before; [ "\${failed:-no}" = yes ] || rm -f /etc/ds4/packages /etc/ds4/packages.*; rmdir /etc/ds4 2>/dev/null || :`,
      );
    }
    const lines = renderFiles(changes, context, { [nftPath]: checkChains });
    if (!changes.some(({ id }) => id === nftPath)) return lines;
    context.finally(reloadFirewall);
    return [...lines, firewallStale];
  },
};

/** With one file that nft doesn't take, fw4 would load nothing at all. */
const checkChains = (file: string) =>
  `said=$({ echo 'table inet ds4_check {'; cat ${file}; echo '}'; } | nft -c -f - 2>&1) || { rm -f ${file}; fail "nft refuses ds4's chains: $said"; }`;
