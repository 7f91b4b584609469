import { ConfigurationError } from "@synod/node";
import { expect, test } from "vitest";
import { leaderConfiguration } from "../src/config.js";

test("a leader takes no data directory, and says what it needs", () => {
  const read = () => leaderConfiguration(["--data", "d"], {});
  expect(read).toThrow(ConfigurationError);
  expect(read).toThrow(/--data: unknown flag; .*\n.*cluster: expected --cluster, .*\n.*id: expected --id, /);
});
