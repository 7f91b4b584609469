import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type Shown, whenWrapperGone, wrappersOf } from "../src/wrapper.js";

/** Processes by number, each with its parent, its session and its title. */
function shownOf(processes: Readonly<Record<number, readonly [number, number, string]>>) {
  return (pid: number): Shown | undefined => {
    const found = processes[pid];
    return found && { parent: found[0], session: found[1], title: found[2] };
  };
}

const synod = "/usr/bin/node /project/node_modules/.bin/synod up";

describe("the processes between a command and npm", () => {
  it.each([
    ["npx", "npm exec synod up"],
    ["an npm that did not take a title", "node /usr/lib/node_modules/npm/bin/npm-cli.js exec synod up"],
    ["pnpm", "/usr/bin/node /usr/bin/pnpm.cjs exec synod up"],
    ["yarn", "node /opt/yarn.js synod up"],
  ])("are a shell and %s", (_, title) => {
    const show = shownOf({
      9: [8, 5, synod],
      8: [7, 5, "sh -c -- synod up"],
      7: [5, 5, title],
      5: [1, 5, "bash"],
    });
    expect(wrappersOf(9, show)).toEqual([8, 7]);
  });

  it("are npm alone where a script replaces the shell", () => {
    expect(wrappersOf(9, shownOf({ 9: [7, 5, synod], 7: [5, 5, "npm start"], 5: [1, 5, "bash"] }))).toEqual([
      7,
    ]);
  });

  it.each([
    ["a terminal", { 9: [5, 5, synod], 5: [1, 5, "bash"], 1: [0, 1, "/sbin/init"] }],
    [
      "a script called by something like npm",
      { 9: [8, 5, synod], 8: [7, 5, "sh run.sh"], 7: [1, 5, "npmish"] },
    ],
    [
      "a session of its own",
      { 9: [8, 9, synod], 8: [7, 5, "sh -c setsid synod up"], 7: [5, 5, "npm start"] },
    ],
    ["a process that is gone", { 9: [8, 5, synod] }],
  ] as const)("are none for a command started from %s", (_, processes) => {
    expect(wrappersOf(9, shownOf(processes))).toEqual([]);
  });

  it.each([
    ["its shell is gone", { 9: [1, 5, synod] }, 1],
    ["npm is gone", { 9: [8, 5, synod], 8: [1, 5, "sh -c -- synod up"] }, 1],
    [
      "nobody is gone",
      { 9: [8, 5, synod], 8: [7, 5, "sh -c -- synod up"], 7: [5, 5, "npm exec synod up"] },
      0,
    ],
  ] as const)("end the command, once, when they end: %s", (_, later, times) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    let processes: Parameters<typeof shownOf>[0] = {
      ...{ 9: [8, 5, synod], 8: [7, 5, "sh -c -- synod up"], 7: [5, 5, "npm exec synod up"] },
    };
    const gone = vi.fn();
    const stop = whenWrapperGone(gone, { pid: 9, show: (pid) => shownOf(processes)(pid), isWrapped: true });
    vi.advanceTimersByTime(1_000);
    expect(gone).not.toHaveBeenCalled();
    processes = later;
    vi.advanceTimersByTime(1_000);
    expect(gone).toHaveBeenCalledTimes(times);
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
