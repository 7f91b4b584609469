import { loadServices } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { type ReplicatedService, replicatedService } from "../src/index.js";
import { checkUpgrade, run, type ServiceRun } from "../src/testing/index.js";
import { descriptorSetOf, type Proto } from "./protos.js";

// The builds are made here, by functions that no module exports.
const options = { loader: loadServices, sharedRealm: true };

const first: Proto = {
  package: "t.v1",
  messages: {
    Owner: { name: [1, "string"] },
    Seat: { holder: [1, "string"], owner: [2, "Owner"], count: [4, "int64"] },
    Request: { seat: [1, "string"], holder: [2, "string"] },
    Response: { seat: [1, "Seat"] },
  },
  service: "Seats",
  methods: {
    Hold: ["Request", "Response"],
    Later: ["Request", "Response"],
    Show: ["Request", "Response", "query"],
  },
};
/** New fields at each depth, and a new method. */
const second: Proto = {
  ...first,
  messages: {
    ...first.messages,
    Owner: { name: [1, "string"], email: [2, "string"] },
    Seat: { holder: [1, "string"], owner: [2, "Owner"], section: [3, "string"], count: [4, "int64"] },
    Request: { seat: [1, "string"], holder: [2, "string"], section: [3, "string"] },
  },
  methods: { ...first.methods, Move: ["Request", "Response"] },
};

interface Behaviour {
  readonly proto: Proto;
  readonly versions?: readonly [oldest: number, newest: number];
  /** What is written over the row, by the version in force. */
  readonly change?: (version: number, request: Record<string, string>) => object;
  readonly answer?: (version: number) => object;
  readonly since?: object;
  readonly holderOf?: (version: number, holder: string) => string;
}

// biome-ignore lint/suspicious/noExplicitAny: the protos are made here, so there are no generated types
type Loose = any;

function build({ proto, versions = [1, 1], change = () => ({}), answer, since, holderOf }: Behaviour) {
  const service = (replicatedService as Loose)({
    descriptors: descriptorSetOf(proto),
    service: "t.v1.Seats",
  });
  const seats = service.table("seats", ["string"], "t.v1.Seat");
  const hold = (tx: Loose, request: Loose, context: Loose) => {
    const row = tx.get(seats, request.seat) ?? { owner: { name: "house" } };
    const holder = holderOf?.(context.version, request.holder) ?? request.holder;
    const count = String(BigInt(row.count ?? 0) + 1n);
    tx.put(seats, [request.seat], { ...row, holder, count, ...change(context.version, request) });
    return { seat: tx.get(seats, request.seat), ...answer?.(context.version) };
  };
  const later = (_tx: Loose, request: Loose, context: Loose) => {
    context.schedule(new Date(context.time.getTime() + 1000), "Hold", request);
    return {};
  };
  return service.define({
    oldestVersion: versions[0],
    version: versions[1],
    ...(since === undefined ? {} : { since }),
    errors: {},
    commands: { Hold: hold, Later: later, ...("Move" in proto.methods ? { Move: hold } : {}) },
    queries: { Show: (tx: Loose, { seat }: Loose) => ({ seat: tx.get(seats, seat) }) },
  }) as ReplicatedService<Record<string, { request: object; response: Record<string, Loose> }>>;
}

const from = build({ proto: first });
const withSection = (version: number, { section = "" }: Record<string, string>) =>
  version >= 2 ? { section, owner: { name: "house", email: "h@example.org" } } : {};
const sound: Behaviour = { proto: second, versions: [1, 2], change: withSection, since: { Move: 2 } };

const steps = [
  { method: "Hold", request: { seat: "1", holder: "ann" } },
  { method: "Later", request: { seat: "1", holder: "bob" } },
  { method: "Move", request: { seat: "2", holder: "eve", section: "balcony" } },
  { idleMs: 2000 },
  { method: "Hold", request: { seat: "2", holder: "ann", section: "stalls" } },
  { method: "Show", request: { seat: "1" } },
];

const check = (to: Behaviour, one: ReplicatedService = from) =>
  checkUpgrade({ from: one, to: build(to), steps, ...options });

describe("a check of an upgrade", () => {
  it("finds nothing in one that adds fields at any depth, and a method, and looks at the version", async () => {
    await check(sound);
    await check({ ...sound, versions: [2, 3] }, build({ ...sound, versions: [1, 2] }));
  });

  it.each<[string, Partial<Behaviour>, RegExp]>([
    [
      "a new field written too early",
      { change: () => ({ section: "stalls" }) },
      /^step 1 \(Hold {"seat":"1","holder":"ann"}\), under version 1: the two builds differ in what they answer\n {2}from .* {"seat":{"holder":"ann".*\n {2}to .*"section":"stalls"/,
    ],
    [
      "a request's new field looked at too early",
      { change: (_, { section = "" }) => ({ section }) },
      /^step 5 \(Hold .*the two builds differ in what they answer/,
    ],
    [
      "a method that comes too early",
      { since: {} },
      /^step 3 \(Move .*differ in how it ends\n {2}from status 12 /,
    ],
    [
      "a defect under the new version",
      { answer: (version) => (version === 2 ? { sead: {} } : {}) },
      /^step 1 \(.*\), after the switch from version 1 to 2, executed by to: Hold failed in a way it does not declare: .*sead: expected a field/,
    ],
  ])("names %s", async (_, change, expected) => {
    await expect(check({ ...sound, ...change })).rejects.toThrow(expected);
  });

  it("names a row that differs behind equal answers, in both forms", async () => {
    const silent = { answer: () => ({ seat: null }) };
    const holderOf = (_: number, holder: string) => `${holder}!`;
    await expect(
      check({ ...sound, ...silent, holderOf }, build({ proto: first, ...silent })),
    ).rejects.toThrow(
      /^step 1 .*differ in the row seats "1"\n {2}from 010a03616e6e12070a05686f7573652001 {"holder":"ann".*\n {2}to {3}010a04616e6e21.*{"holder":"ann!"/,
    );
  });

  it("finds what an older build loses of the rows of the newer one, after a switch back", async () => {
    const byName = (version: number) => (version === 1 ? { owner: { name: "house" } } : {});
    const forgetful = build({ proto: first, change: byName });
    await expect(check({ ...sound, change: withSection }, forgetful)).rejects.toThrow(
      /^step 1 .*, after the switch back from version 2 to 1: the two builds differ/,
    );
  });

  it("refuses a step that does nothing", async () => {
    const misspelt = [{ advanceMs: 5 }] as never;
    await expect(checkUpgrade({ from, to: build(sound), steps: misspelt, ...options })).rejects.toThrow(
      "a step of a test: expected { method, request } or { idleMs }, found advanceMs",
    );
  });

  it("refuses builds with no version in common, and of two services", async () => {
    await expect(check({ ...sound, versions: [2, 2] })).rejects.toThrow(
      "from offers version 1 of t.v1.Seats, to offers version 2: expected one that both offer",
    );
    const other = (replicatedService as Loose)({
      descriptors: descriptorSetOf({ ...first, service: "Others" }),
      service: "t.v1.Others",
    }).define({ version: 1, errors: {}, commands: {}, queries: {} });
    await expect(checkUpgrade({ from, to: other, steps, ...options })).rejects.toThrow(
      "expected two builds of one service, found t.v1.Seats and t.v1.Others",
    );
  });
});

it("takes builds by the URLs of their modules, and runs each in a realm of its own", async () => {
  const module = (name: string) => new URL(`fixture/determinism/${name}.mjs`, import.meta.url).href;
  const sum = { steps: [{ method: "Add", request: { operand: "5" } }], loader: loadServices };
  await checkUpgrade({ from: module("sound"), to: module("sound"), ...sum });
  await expect(
    checkUpgrade({ from: module("sound"), to: module("module-variable"), ...sum }),
  ).rejects.toThrow(
    /^step 1 \(Add {"operand":"5"}\), under version 1: the two builds differ in what they answer/,
  );
});

describe("a run that is restarted with another build", () => {
  it("has the messages and methods of its protos from then on", () => {
    const before = run(from, options);
    before.call("Hold", { seat: "1", holder: "ann" });
    expect(() => before.call("Move", { seat: "1" })).toThrow("t.v1.Seats has no method Move");
    const after = before.restart(build(sound));
    expect(after.version).toBe(1);
    after.switchVersion(2);
    expect(after.call("Move", { seat: "1", section: "balcony" }).seat).toMatchObject({
      section: "balcony",
      count: "2",
    });
    expect(() => before.restart(from)).toThrow("version 2 of t.v1.Seats is in force");
    after.switchVersion(1);
    const again = after.restart(from);
    expect(again.call("Show", { seat: "1" }).seat).not.toHaveProperty("section");
    expect(Buffer.from(again.callEncoded("Show", Buffer.from([0x0a, 1, 0x31]))).toString()).toContain(
      "balcony",
    );
  });

  it("has the types of that build", () => {
    interface Next {
      Extend: { request: { seat: string }; response: { left: string } };
    }
    const typed = (
      before: ServiceRun<{ Hold: { request: object; response: object } }>,
      next: ReplicatedService<Next>,
    ) => {
      before.restart().call("Hold", {});
      const { left } = before.restart(next).call("Extend", { seat: "1" });
      // @ts-expect-error the new build has no such method
      before.restart(next).call("Hold", {});
      return left satisfies string;
    };
    expect(typed).toBeTypeOf("function");
  });
});
