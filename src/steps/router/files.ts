import { renderOwned } from "../../core/owned.js";
import { serversOf } from "../../inventory/site.js";
import { fileState, parseFiles, probeFiles, renderFiles } from "../files.js";
import type { RouterStep } from "./step.js";
import { initScript, initScriptPath } from "./tunnel.js";

/** What ds4 keeps on the router outside UCI: the init script, and the note of what is ds4's. */
export const files: RouterStep = {
  name: "file",
  layer: "configured",
  desired: (world) => {
    const { site, design } = world;
    return new Map([
      [
        "/etc/ds4/site",
        fileState(
          renderOwned({
            site: site.name,
            tunnel: {
              name: site.tunnel.name,
              local: design.remote,
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
    ]);
  },
  probe: () => probeFiles(["/etc/ds4/site", initScriptPath]),
  parse: parseFiles,
  render: (changes, context) => {
    if (changes.some(({ id, to }) => !to && id === "/etc/ds4/site")) {
      context.finally("rm -rf /etc/ds4/before; rmdir /etc/ds4 2>/dev/null || :");
    }
    return renderFiles(changes, context);
  },
};
