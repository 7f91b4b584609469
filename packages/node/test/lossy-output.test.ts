import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { printAnswer } from "../src/process/answer.js";
import { LossyOutput, maxWaitingBytes, unblocked } from "../src/process/lossy-output.js";

/** An output whose room is set by a test; what is beyond it is refused, as a pipe or a disk refuses it. */
class Room {
  bytes = 0;
  code = "EAGAIN";
  text = "";

  readonly take = (bytes: Uint8Array): number => {
    if (this.bytes === 0) throw Object.assign(new Error(this.code), { code: this.code });
    const taken = bytes.subarray(0, this.bytes);
    this.bytes -= taken.length;
    this.text += Buffer.from(taken).toString();
    return taken.length;
  };
}

const notice = (lost: number, reason: string) => `${lost} lost, ${reason}`;

describe("lines about a process", () => {
  it("are kept in order, cut nowhere, and every one that is missing is counted where it is missing", () => {
    const steps = fc.array(
      fc.record({
        room: fc.integer({ min: 0, max: 2 * maxWaitingBytes }),
        lines: fc.array(fc.integer({ min: 1, max: maxWaitingBytes }), { maxLength: 4 }),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(steps, (drawn) => {
        const room = new Room();
        const output = new LossyOutput({ take: room.take, notice });
        let written = 0;
        for (const { room: bytes, lines } of drawn) {
          room.bytes = bytes;
          for (const length of lines) output.write(`${String(written++).padEnd(length, ".")}\n`);
        }
        room.bytes = Number.MAX_SAFE_INTEGER;
        output.flush(0);
        let next = 0;
        for (const line of room.text.split("\n").slice(0, -1)) {
          const [, lost] = /^(\d+) lost, (?:EAGAIN|longer than \d+ bytes)$/.exec(line) ?? [];
          if (lost === undefined) expect(Number(/^\d+/.exec(line)?.[0])).toBe(next++);
          else next += Number(lost);
        }
        expect(next).toBe(written);
        expect(output.lost).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("wait up to a bound in bytes while nothing is taken, whatever the reason, and nothing is thrown", () => {
    const room = new Room();
    room.code = "ENOSPC";
    const output = new LossyOutput({ take: room.take, notice });
    const line = `${"x".repeat(1023)}\n`;
    for (let count = 0; count < 1_000; count++) output.write(line);
    expect(output.lost).toBe(1_000 - maxWaitingBytes / line.length);
    expect(output.trouble).toBe("it could not be written (ENOSPC), and 744 lines are lost so far");
    room.bytes = Number.MAX_SAFE_INTEGER;
    output.write("the last\n");
    expect(room.text).toHaveLength(maxWaitingBytes + "745 lost, ENOSPC\n".length);
    expect(room.text.endsWith("745 lost, ENOSPC\n")).toBe(true);
    expect(output.trouble).toBe("");
  });

  it("are tried again by themselves, for as long as nothing is taken", () => {
    vi.useFakeTimers();
    try {
      const room = new Room();
      const output = new LossyOutput({ take: room.take, notice });
      output.write("late\n");
      vi.advanceTimersByTime(10_000);
      room.bytes = 100;
      vi.advanceTimersByTime(1_000);
      expect(room.text).toBe("late\n");
    } finally {
      vi.useRealTimers();
    }
  });

  it("are waited for at the end where the output is only slow, and not where it is full", () => {
    for (const [code, most] of [
      ["EAGAIN", 40],
      ["ENOSPC", 1],
    ] as const) {
      const room = new Room();
      room.code = code;
      const asked = vi.fn(room.take);
      const output = new LossyOutput({ take: asked, notice });
      output.write("words\n");
      asked.mockClear();
      output.flush(30);
      expect(asked.mock.calls.length, code).toBeLessThanOrEqual(most);
      expect(asked.mock.calls.length > 1).toBe(code === "EAGAIN");
    }
  });
});

it("an answer that is not taken is a failure with what has been done, and a slow reader is waited for", () => {
  const room = new Room();
  room.code = "ENOSPC";
  expect(() => printAnswer("answer", "it is done", room.take)).toThrow(
    /standard output: .*ENOSPC.*; it is done/,
  );
  const codes = ["EAGAIN", "EAGAIN"];
  const taken: string[] = [];
  printAnswer("answer", undefined, (bytes) => {
    const code = codes.pop();
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    taken.push(Buffer.from(bytes.subarray(0, 4)).toString());
    return Math.min(4, bytes.length);
  });
  expect(taken.join("")).toBe("answer\n");
});

it("a pipe is opened once more to be written without waiting, and a file is not", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-lossy-"));
  const isWaitedFor = (descriptor: number) => {
    const [, flags = ""] =
      /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8")) ?? [];
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) === 0;
  };
  execFileSync("mkfifo", [path.join(directory, "pipe")]);
  const pipe = openSync(path.join(directory, "pipe"), "r+");
  const file = openSync(path.join(directory, "file"), "w");
  const own = unblocked(pipe);
  try {
    expect([unblocked(file), isWaitedFor(own), isWaitedFor(pipe)]).toEqual([file, false, true]);
  } finally {
    for (const descriptor of [pipe, file, own]) closeSync(descriptor);
    rmSync(directory, { recursive: true, force: true });
  }
});
