// Before each test file: a lab as its mode wants it, booted or taken over from the file before.
import { beforeAll } from "vitest";
import { lab, mode } from "./machines.js";

beforeAll(() => lab("up", "--vps", mode.vps, "--home", mode.home), 900_000);
