import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { everything, type Mode, modes } from "./test/lab/modes.js";

/** How many labs run side by side, each for one test file at a time. */
const labs = Number(process.env.DS4_LABS ?? 1);

const labOf = (name: string) => `lab-${name}`;

/** Mode after mode, so that a lab seldom has to become another one; in each, what takes longest first. */
class ModeAfterMode extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = Object.keys(modes).map(labOf);
    const rank = ({ project }: TestSpecification) => order.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const files = ({ tests, bounded }: Mode) =>
  (everything ? tests : bounded).map((path) =>
    path.endsWith(".ts") ? `test/lab/${path}` : `test/lab/${path}/**/*.test.ts`,
  );

export default defineConfig({
  test: {
    sequence: { sequencer: ModeAfterMode },
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
          // They take seconds; but machines for the lab may be built beside them.
          testTimeout: 90_000,
          hookTimeout: 90_000,
          isolate: false,
          maxWorkers: "100%",
        },
      },
      {
        // Labs of its own, as many as it has a use for.
        test: {
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      // One lab, one machine state: the tests of a file run one after another.
      ...Object.entries(modes).map(([name, mode]) => ({
        test: {
          name: labOf(name),
          include: files(mode),
          setupFiles: ["test/lab/up.ts"],
          env: { DS4_LAB_MODE: name },
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers: labs,
          sequence: { groupOrder: 1 },
        },
      })),
    ],
  },
});
