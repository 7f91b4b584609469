import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const bin = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")),
  "bin",
  "buf",
);
const fixture = fileURLToPath(new URL("fixture", import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs buf, the proto compiler and gRPC client that the project installs. Gives up after 20 seconds. */
export function buf(...parameters: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [bin, ...parameters],
      { encoding: "buffer", timeout: 20_000, cwd: fixture },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr: stderr.toString() });
      },
    );
  });
}

/** The descriptor set of the protos in `fixture`, as a user would build it. */
export async function fixtureDescriptorSet(): Promise<Uint8Array> {
  const { code, stdout, stderr } = await buf(
    "build",
    fixture,
    "--as-file-descriptor-set",
    "-o",
    "-#format=binpb",
  );
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
