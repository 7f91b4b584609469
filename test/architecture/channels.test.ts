// What holds for every channel (no proxy of the environment, nothing repeated, a real end) stands in one place, which holds for
// all of them only as long as nobody opens one elsewhere.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../acceptance/support/copy.mjs";

const place = "packages/wire/src/channel.ts";
const opens = /\bnew grpc\.(Client|Channel)\(|\bmake(Generic)?ClientConstructor\(/;

test("every channel of a package or service is opened in one place", () => {
  const sources = ["packages", "services"].flatMap((parent) =>
    readdirSync(path.join(root, parent)).flatMap((name) => {
      const folder = path.join(parent, name, "src");
      return readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => path.join(folder, file));
    }),
  );
  const opening = sources.filter((file) => opens.test(readFileSync(path.join(root, file), "utf8")));
  expect(opening).toEqual([place]);
});
