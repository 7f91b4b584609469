import type { AcceptorRecord, Ballot, Configuration, PValue, Value } from "@synod/core";
import type { ReplicaStore } from "../src/index.js";

export function ballot(round: number, leader = "l1", incarnation = 2 ** 48 - 1): Ballot {
  return { round, leader, incarnation };
}

export function batch(number: number, commands: Uint8Array | string = `batch ${number}`): Value {
  return {
    kind: "batch",
    proposal: { replica: "r1", incarnation: 2 ** 47 + 1, number },
    commands: typeof commands === "string" ? new TextEncoder().encode(commands) : commands,
  };
}

export function pvalue(slot: number, round = 1, value: Value = batch(slot)): PValue {
  return { ballot: ballot(round), slot, value };
}

export function accept(slot: number, round = 1, value?: Value): AcceptorRecord {
  return { kind: "accept", pvalue: pvalue(slot, round, value) };
}

export const configuration: Configuration = {
  number: 2,
  predecessor: 1,
  acceptors: [
    { id: "a1", address: "127.0.0.1:5101", store: "0123456789abcdef" },
    { id: "a2", address: "[::1]:5102", store: "s2" },
  ],
  leaders: [{ id: "l1", address: "leader.example:1" }],
  replicas: [],
};

export function trim(below: number): AcceptorRecord {
  return { kind: "trim", trim: { below, configurations: [{ from: 257, configuration }] } };
}

/** Bytes back to back in a fresh array, whatever view they came in: comparable with `toEqual`. */
export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("latin1");
}

export function key(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name, "latin1"));
}

/** What the process that installs snapshots until it is killed puts into each of them. */
export const roundKeys = Array.from({ length: 60 }, (_, index) =>
  key(`key ${String(index).padStart(3, "0")}`),
);
export const slotsPerRound = 1000;

/** A slot with an effect on the state that tells its number. */
export function applyNext(store: ReplicaStore): void {
  const slot = store.log.last + 1;
  store.log.append(slot, key(`slot ${slot}`));
  store.state.put(key("applied"), key(`${slot}`));
}
