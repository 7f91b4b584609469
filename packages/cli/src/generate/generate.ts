import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadServices } from "@synod/wire";
import { exitCode, Failure, reasonOf } from "../failure.js";
import { applyDifference, differenceOf, filesBelow, mark } from "./files.js";
import { compile, writeTypes } from "./tools.js";

export interface GenerateArguments {
  proto: string;
  out: string;
  check: boolean;
}

/** Makes what a replicated service is written with from its protos, or looks whether it is what they give. */
export async function generate({ proto, out, check }: GenerateArguments): Promise<void> {
  const folder = path.resolve(proto);
  const target = path.resolve(out);
  const protos = protosBelow(folder, proto);
  const wanted = await generated(folder, proto, protos);
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
    process.stdout.write(`${wanted.size} generated files in ${out} are up to date\n`);
    return;
  }
  applyDifference(target, wanted, difference);
  process.stdout.write(
    `${out}: ${write.length} files written, ${remove.length} removed, ${difference.unchanged} unchanged\n`,
  );
}

function protosBelow(folder: string, shown: string): string[] {
  const advice = "give the folder of your .proto files with --proto";
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Failure(`--proto: no folder ${shown}; ${advice}`, exitCode.usage);
  const protos = filesBelow(folder).filter((file) => file.endsWith(".proto"));
  if (protos.length === 0)
    throw new Failure(`--proto: no .proto file below ${shown}; ${advice}`, exitCode.usage);
  // It would be written over, or write over, what is made beside the types.
  const taken = protos.find((file) => path.basename(file) === "descriptors.proto");
  if (taken !== undefined)
    throw new Failure(
      `${path.join(shown, taken)}: expected another name, because descriptors.ts is generated too`,
      exitCode.usage,
    );
  return protos;
}

/** Each generated file with its text. */
async function generated(
  folder: string,
  shown: string,
  protos: readonly string[],
): Promise<Map<string, string>> {
  const temporary = mkdtempSync(path.join(tmpdir(), "synod-generate-"));
  try {
    const set = path.join(temporary, "descriptors.binpb");
    const types = path.join(temporary, "types");
    await compile(folder, shown, set);
    requireSupported(readFileSync(set));
    await writeTypes(folder, protos, types);
    const files = new Map<string, string>();
    for (const file of filesBelow(types))
      files.set(file, `${header}\n${readFileSync(path.join(types, file), "utf8").trimEnd()}\n`);
    files.set("descriptors.ts", descriptorsText(readFileSync(set)));
    return files;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Told here rather than by the replica that loads them. */
function requireSupported(set: Uint8Array): void {
  try {
    loadServices(set);
  } catch (error) {
    throw new Failure(`the protos use what replicated services cannot: ${reasonOf(error)}`);
  }
}

/** Names no path: what is generated is the same wherever it is generated. */
const header = `${mark} from your .proto files. Do not edit: change those, and run it again.\n`;

function descriptorsText(set: Uint8Array): string {
  const base64 = Buffer.from(set).toString("base64");
  const lines = base64.match(/.{1,100}/g) ?? [];
  return `${header}
const base64 = [
${lines.map((line) => `  "${line}",`).join("\n")}
].join("");

/** A google.protobuf.FileDescriptorSet of your protos and everything they import. */
export const descriptors: Uint8Array = Buffer.from(base64, "base64");
`;
}
