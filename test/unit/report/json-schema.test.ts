import { expect, it } from "vitest";
import { resultJsonSchema } from "../../../src/report/result.js";

const file = new URL("../../../inventory/result.schema.json", import.meta.url);

it("ships the JSON schema of what --json prints (else run scripts/schema)", async () => {
  await expect(`${JSON.stringify(resultJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(file.pathname);
});
