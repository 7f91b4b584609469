// Short forms of the acceptance scripts that look at a process through strace.
import { expect, it } from "vitest";
import { run as crashPoints } from "../acceptance/crash-points.mjs";
import { run as disk } from "../acceptance/disk.mjs";
import { run as fsync } from "../acceptance/fsync.mjs";
import { ExpectedRecords } from "../acceptance/support/expected-records.mjs";

// A traced process is several times slower, more so beside others.
const timeout = 180_000;
const progress: string[] = [];
const options = (...parameters: string[]) => ({
  parameters,
  progress: (line: string) => void progress.push(line),
});

it("a judge of traces takes the highest of several ballots in one commit for all of them, and none below it", () => {
  const ballot = (round: number) => ({ round, leader: "l1", incarnation: 1 });
  const records = new ExpectedRecords();
  for (const round of [1, 2, 3])
    records.expect("promise", ballot(round), () => Buffer.from(`promise ${round}`));
  records.pagesWritten(Buffer.from("a page with promise 2 in it"), 10);
  records.synced({ begin: 11, end: 12 });
  expect(records.durable("promise", ballot(2))).toBe(Infinity);
  records.headWritten({ begin: 13, end: 14 });
  expect([1, 2, 3].map((round) => records.durable("promise", ballot(round)))).toEqual([14, 14, Infinity]);
  expect(records.durable("slot 1", ballot(1))).toBe(Infinity);
});

it("no P1b or P2b leaves before what it rests on is synced", {
  timeout,
}, async () => {
  const { holds, figures } = await fsync(options("--commands", "300", "--faults", "0"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("a failed sync ends an acceptor, no vote leaves after it, and nothing that was told is lost", {
  timeout,
}, async () => {
  const { holds, figures } = await disk(options("--only", "errors", "--syncs", "5"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("killed before some of its writes and syncs, an acceptor has all it had answered", {
  timeout,
}, async () => {
  const { holds, figures } = await crashPoints(options("--only", "acceptor", "--every", "18"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("killed before some of its writes and syncs, a replica that installs a snapshot has one state or the other", {
  timeout,
}, async () => {
  const { holds, figures } = await crashPoints(options("--only", "install", "--points", "2", "--no-plant"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});
