// Somebody else's project: an empty directory outside this repository, the packed packages, and the commands of
// docs/services.md as they stand there. Only the ports and the folder of the packages are other ones here.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { freePorts } from "@synod/cli";
import { shell } from "./support/clone.mjs";
import { root } from "./support/copy.mjs";
import { blocksOf } from "./support/page.mjs";

export const name = "outside";
export const promise =
  "from an empty directory and packed packages to a replicated service of one's own, by the commands of the docs";

const page = path.join(root, "docs/services.md");
const example = path.join(root, "examples/ledger");
const packagesOnPage = "/tmp/synod-packages";
const portOnPage = 4100;
const members = 9;
const readyLine = "Ctrl-C stops it";

/** Everything is asked of the cache first; a user's npm would do without. */
const environment = {
  npm_config_prefer_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
};

/** A stranger's shell has neither this repository's programs on its path, nor what npm tells scripts about it. */
function forgetRepository() {
  for (const key of Object.keys(process.env))
    if (/^(npm_(package|lifecycle|command)|npm_config_(local_prefix|workspace)|INIT_CWD$)/.test(key))
      delete process.env[key];
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  process.env.PATH = folders.filter((folder) => !folder.startsWith(root)).join(path.delimiter);
}

/** @param {{ progress: (line: string) => void }} options */
export async function run({ progress }) {
  forgetRepository();
  const parent = mkdtempSync(path.join(tmpdir(), "synod-outside-"));
  const stranger = new Stranger(parent, await freePorts(members), progress);
  try {
    for (const block of blocksOf(page)) await stranger.follow(block);
    await stranger.resume();
    return { holds: stranger.problems.length === 0 && stranger.answers > 0, figures: stranger.figures };
  } finally {
    await stranger.end();
    rmSync(parent, { recursive: true, force: true });
  }
}

/** Does what the page says. */
class Stranger {
  /** @type {string[]} */
  problems = [];
  answers = 0;
  #folder;
  #packages;
  #port;
  #progress;
  #commands = 0;
  /** What the steps printed, oldest first. @type {string[]} */
  #printed = [];
  /** @type {{ line: string, stop: () => Promise<void> } | undefined} */
  #cluster;

  /** @param {string} parent @param {number} port @param {(line: string) => void} progress */
  constructor(parent, port, progress) {
    this.#folder = path.join(parent, "project");
    this.#packages = path.join(parent, "packages");
    this.#port = port;
    this.#progress = progress;
    mkdirSync(this.#folder);
  }

  get figures() {
    return { commands: this.#commands, answers: this.answers, problems: this.problems };
  }

  /** @param {import("./support/page.mjs").Block} block */
  async follow(block) {
    if (block.kind === "file") this.#write(block.file, block.text);
    else if (block.kind === "answers") this.#compare(block.lines);
    else if (block.kind === "background") await this.#startCluster(block.lines.join("\n"));
    // This checkout is installed already.
    else if (block.kind === "checkout")
      for (const line of block.lines) await this.#type(line.replace("npm ci && ", ""), root);
    else if (block.kind === "step")
      for (const line of block.lines) this.#printed.push(await this.#type(line, this.#folder));
  }

  /** The same command again, without the services: they are remembered, and so are the accounts. */
  async resume() {
    const total = this.#printed.at(-1);
    const question = this.#lastCommand;
    await this.#cluster?.stop();
    await this.#startCluster("npx synod up");
    if ((await this.#type(question, this.#folder)) !== total)
      this.problems.push("resumed, it answers otherwise");
  }

  async end() {
    await this.#cluster?.stop();
  }

  #lastCommand = "";

  /** @param {string} file @param {string} text */
  #write(file, text) {
    const full = path.join(this.#folder, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text);
    if (readFileSync(path.join(example, file), "utf8") !== text)
      this.problems.push(`${file} on the page differs from examples/ledger/${file}`);
  }

  /** @param {string} line */
  #here(line) {
    return line
      .replaceAll(packagesOnPage, this.#packages)
      .replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${Number(port) - portOnPage + this.#port}`);
  }

  /** @param {string} line @param {string} folder */
  async #type(line, folder) {
    this.#progress(`$ ${line}`);
    this.#commands += 1;
    this.#lastCommand = line;
    const { code, stdout, stderr } = await shell(this.#here(line), folder, {
      withinMs: 300_000,
      environment,
    });
    if (code !== 0) throw new Error(`"${line}" ended with exit code ${code}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** @param {string} line */
  async #startCluster(line) {
    this.#progress(`$ ${line} &`);
    this.#commands += 1;
    const child = spawn("sh", ["-c", `exec ${this.#here(line)} --port ${this.#port}`], {
      cwd: this.#folder,
      env: { ...process.env, ...environment },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    const stop = async () => {
      if (child.pid && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, "SIGTERM");
      await ended;
    };
    this.#cluster = { line, stop };
    await new Promise((resolve, reject) => {
      let printed = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text) => {
          printed += text;
          if (printed.includes(readyLine)) resolve(undefined);
        });
      child.once("close", (code) => reject(new Error(`"${line}" ended with exit code ${code}:\n${printed}`)));
    });
  }

  /** @param {string[]} expected */
  #compare(expected) {
    const found = this.#printed.slice(-expected.length);
    expected.forEach((line, index) => {
      this.answers += 1;
      const answer = found[index] ?? "";
      if (!isDeepStrictEqual(JSON.parse(answer), JSON.parse(line)))
        this.problems.push(`expected the answer ${line}, found ${answer.trim()}`);
    });
  }
}
