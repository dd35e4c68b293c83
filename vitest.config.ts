import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        // Without isolation, which would load everything anew for each file: a third of the time.
        test: {
          name: "unit",
          include: ["test/{unit,cases,properties}/**/*.test.ts"],
          testTimeout: 20_000,
          isolate: false,
          maxWorkers: "100%",
        },
      },
      {
        // With processes of their own on this machine: shells, SSH servers on loopback, ds4 itself.
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 20_000,
          isolate: false,
          maxWorkers: "100%",
        },
      },
      {
        // One lab, one machine state: files and tests run one after another.
        test: {
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "lab",
          include: ["test/lab/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
