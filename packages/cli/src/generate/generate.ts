import { statSync } from "node:fs";
import path from "node:path";
import { typeScriptOf, withoutSourceInfo } from "@synod/wire";
import { exitCode, Failure } from "../failure.js";
import { print, tell } from "../output.js";
import { applyDifference, differenceOf, foreignBelow, hasProtos, mark } from "./files.js";
import { compile } from "./tools.js";

export interface GenerateArguments {
  proto: string;
  out: string;
  check: boolean;
}

/** Makes what a replicated service is written with from its protos, or looks whether it is what they give. */
export async function generate({ proto, out, check }: GenerateArguments): Promise<void> {
  const folder = path.resolve(proto);
  const target = path.resolve(out);
  requireProtos(folder, proto);
  const { wanted, watches } = await generated(folder, proto);
  const difference = differenceOf(target, wanted);
  const inOut = (file: string) => path.join(out, file);
  if (difference.foreign.length > 0) {
    const files = difference.foreign.map((file) => `  ${inOut(file)}`);
    const advice = "Move them, or give another folder with --out.";
    throw new Failure(
      ["these files are in the way, and were not generated:", ...files, advice].join("\n"),
      exitCode.usage,
    );
  }
  for (const watch of watches)
    tell(`${watch} streams responses: it is a watch, which is declared and not served yet`);
  const { write, remove } = difference;
  if (check) {
    if (write.length + remove.length > 0) {
      const lines = [
        ...write.map((file) => `  ${inOut(file)}: missing, edited, or out of date`),
        ...remove.map((file) => `  ${inOut(file)}: no proto gives this file`),
      ];
      throw new Failure(
        [
          "generated files are not what the protos give:",
          ...lines,
          `Run: npx synod generate --proto ${proto} --out ${out}`,
        ].join("\n"),
      );
    }
    await print(`${wanted.size} generated files in ${out} are up to date`);
    return;
  }
  applyDifference(target, wanted, difference);
  await print(
    `${out}: ${write.length} files written, ${remove.length} removed, ${difference.unchanged} unchanged`,
  );
}

function requireProtos(folder: string, shown: string): void {
  const advice = "give the folder of your .proto files with --proto";
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Failure(`--proto: no folder ${shown}; ${advice}`, exitCode.usage);
  if (!hasProtos(folder))
    throw new Failure(`--proto: no .proto file below ${shown}; ${advice}`, exitCode.usage);
}

interface Generated {
  /** Each file with its text. */
  readonly wanted: ReadonlyMap<string, string>;
  /** Full names of methods. */
  readonly watches: readonly string[];
}

async function generated(folder: string, shown: string): Promise<Generated> {
  const set = await compile(folder, shown, foreignBelow(folder));
  const { source, watches, refused } = typeScriptOf(set);
  if (refused.length > 0) {
    const lines = refused.map((sentence) => `  ${path.join(shown, sentence)}`);
    const advice =
      "Change them; or, if they are of a service that Synod does not run, give a folder without them with --proto.";
    throw new Failure(["the protos use what replicated services cannot:", ...lines, advice].join("\n"));
  }
  const wanted = new Map([
    ["descriptors.ts", descriptorsText(withoutSourceInfo(set))],
    ["types.ts", `${header}\n${source}\n`],
  ]);
  return { wanted, watches };
}

/** Names no path: what is generated is the same wherever it is generated. */
const header = `${mark} from your .proto files. Do not edit: change those, and run it again.\n`;

function descriptorsText(set: Uint8Array): string {
  const base64 = Buffer.from(set).toString("base64");
  const lines = base64.match(/.{1,100}/g) ?? [];
  return `${header}
import type { Protos } from "./types.js";

const base64 = [
${lines.map((line) => `  "${line}",`).join("\n")}
].join("");

/** A google.protobuf.FileDescriptorSet of your protos and everything they import. Its type says what it describes. */
export const descriptors: Uint8Array & { readonly protos?: Protos } = Buffer.from(base64, "base64");
`;
}
