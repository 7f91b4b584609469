import { beforeAll, describe, expect, it } from "vitest";
import {
  descriptorSet,
  type LoadedServices,
  loadServices,
  type PlainMessage,
  WireError,
} from "../src/index.js";
import { fixtureDescriptorSet } from "./buf.js";

let loaded: LoadedServices;

beforeAll(async () => {
  loaded = loadServices(await fixtureDescriptorSet());
});

function method(service: string, name: string, from = loaded) {
  const found = from.services.get(service)?.methods.get(name);
  if (found === undefined) throw new Error(`no ${service}/${name}`);
  return found;
}

const full: PlainMessage = {
  accountId: "a-1",
  kind: "KIND_SAVINGS",
  balanceByCurrency: {
    EUR: { minorUnits: "-9223372036854775808" },
    USD: { minorUnits: "9223372036854775807" },
  },
  notes: { "-5": "five", "9223372036854775807": "most" },
  overdraftLimit: 0,
  owners: [{ fullName: "Ada Lovelace" }],
  recentChanges: ["-1", "9223372036854775807"],
  openedAt: { seconds: "1700000000", nanos: 5 },
  fixedLimit: { minorUnits: "1" },
  photo: Buffer.from([1, 2, 3]),
  rate: 0.5,
};

describe("services of a descriptor set", () => {
  it("are found with path, streaming and idempotency", () => {
    const names = [...(loaded.services.get("ledger.v1.Ledger")?.methods.values() ?? [])].map((each) => [
      each.path,
      each.requestStream,
      each.responseStream,
      each.idempotency,
      each.requestType,
    ]);
    expect(names).toEqual([
      ["/ledger.v1.Ledger/Open", false, false, "unknown", "ledger.v1.Account"],
      ["/ledger.v1.Ledger/Show", false, false, "no-side-effects", "ledger.v1.Account"],
      ["/ledger.v1.Ledger/Watch", false, true, "no-side-effects", "ledger.v1.Account"],
    ]);
  });

  it("include the built-in ones", () => {
    const own = loadServices(descriptorSet);
    expect(method("synod.kv.v1.KeyValue", "Get", own).idempotency).toBe("no-side-effects");
    expect(method("synod.kv.v1.KeyValue", "Put", own).idempotency).toBe("unknown");
    const { encodeRequest, decodeRequest } = method("synod.calculator.v1.Calculator", "Add", own);
    expect(decodeRequest(encodeRequest({ operand: "-9223372036854775808" }))).toEqual({
      operand: "-9223372036854775808",
    });
  });

  it("are refused, saying what is expected, when the bytes are no descriptor set", () => {
    expect(() => loadServices(Buffer.from("no descriptor set"))).toThrow(
      "expected a google.protobuf.FileDescriptorSet as made by",
    );
    expect(() => loadServices(Buffer.alloc(0))).toThrow("found one without files");
  });
});

describe("plain objects", () => {
  it("keep everything: 64 bits, maps, optional fields, well-known types, bytes", () => {
    const { encodeRequest, decodeRequest } = method("ledger.v1.Ledger", "Open");
    const decoded = decodeRequest(encodeRequest(full));
    expect(decoded).toMatchObject(full);
    expect(Buffer.isBuffer(decoded.photo)).toBe(true);
    expect(decoded.limit).toBe("fixedLimit");
  });

  it("have defaults for what is not sent, and nothing for what is absent", () => {
    const { decodeRequest } = method("ledger.v1.Ledger", "Open");
    const decoded = decodeRequest(Buffer.alloc(0));
    expect(decoded).toMatchObject({
      accountId: "",
      kind: "KIND_UNSPECIFIED",
      recentChanges: [],
      openedAt: null,
    });
    expect(decoded.overdraftLimit).toBeUndefined();
    expect(decoded.limit).toBeUndefined();
  });

  it.each<[string, PlainMessage, string]>([
    [
      "an unknown field",
      { accountid: "x" },
      "ledger.v1.Account.accountid: expected a field of ledger.v1.Account",
    ],
    ["text for a number", { recentChanges: ["12x"] }, "Account.recentChanges[0]: expected an integer"],
    ["a number past 2^53", { recentChanges: [2 ** 53] }, "found 9007199254740992"],
    [
      "2^63",
      { fixedLimit: { minorUnits: "9223372036854775808" } },
      "Account.fixedLimit.minorUnits: expected an integer from -9223372036854775808 to 9223372036854775807",
    ],
    [
      "a negative uint32",
      { overdraftLimit: -1 },
      "Account.overdraftLimit: expected an integer from 0 to 4294967295",
    ],
    ["a fraction", { overdraftLimit: 0.5 }, "found 0.5"],
    [
      "both members of a oneof",
      { fixedLimit: {}, noLimit: true },
      "Account.limit: expected at most one of fixedLimit, noLimit, found fixedLimit and noLimit",
    ],
    ["text for bytes", { photo: "aGk=" }, "Account.photo: expected a Buffer or Uint8Array"],
    [
      "an unknown enum value",
      { kind: "KIND_GOLD" },
      "Account.kind: expected one of KIND_UNSPECIFIED, KIND_SAVINGS",
    ],
    ["a value for a list", { owners: { fullName: "x" } }, "Account.owners: expected an array"],
    ["a wrong map key", { notes: { x: "y" } }, 'Account.notes["x"]: expected an integer'],
    ["a number for text", { accountId: 5 }, "Account.accountId: expected a string, found 5"],
    ["half a character", { accountId: "\ud800" }, "expected well-formed text"],
    ["text for true", { noLimit: "true" }, "Account.noLimit: expected true or false"],
    ["text for a double", { rate: "1" }, "Account.rate: expected a number"],
  ])("are refused with %s", (_, message, expected) => {
    expect(() => method("ledger.v1.Ledger", "Open").encodeRequest(message)).toThrow(expected);
    expect(() => method("ledger.v1.Ledger", "Open").encodeResponse(message)).toThrow(WireError);
  });
});

describe("bytes that are not the message are refused, naming it", () => {
  it("when they do not decode", () => {
    expect(() => method("ledger.v1.Ledger", "Open").decodeRequest(Buffer.from([0x0a, 9, 1]))).toThrow(
      "ledger.v1.Account: expected an encoded message, found a field of 9 bytes where 1 are left",
    );
  });

  it("when a text is no UTF-8, a field runs past its message, or a field has the wire type of another", () => {
    const { decodeRequest } = method("ledger.v1.Ledger", "Open");
    expect(() => decodeRequest(Buffer.from([0x0a, 1, 0xff]))).toThrow(
      "ledger.v1.Account.account_id: expected UTF-8",
    );
    expect(() => decodeRequest(Buffer.from([0x32, 2, 0x0a, 3, 65, 65, 65]))).toThrow(
      "expected an encoded message",
    );
    expect(() => decodeRequest(Buffer.from([0x0d, 0, 0, 0, 0]))).toThrow("field account_id with wire type 5");
    expect(() => decodeRequest(Buffer.from([0x07, 0]))).toThrow("expected an encoded message");
  });

  it("when two members of a oneof are set", () => {
    const { encodeRequest, decodeRequest } = method("ledger.v1.Ledger", "Open");
    const both = Buffer.concat([
      encodeRequest({ fixedLimit: { minorUnits: 1 } }),
      encodeRequest({ noLimit: true }),
    ]);
    expect(() => decodeRequest(both)).toThrow(
      "ledger.v1.Account.limit: expected at most one of fixed_limit, no_limit, found fixed_limit and no_limit",
    );
  });
});
