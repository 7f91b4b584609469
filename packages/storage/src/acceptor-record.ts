import {
  type AcceptorMember,
  type Ballot,
  type Configuration,
  type Member,
  noOperation,
  type ProposalId,
  type PValue,
  type TrimRecord,
  type Value,
  valueBytes,
} from "@synod/core";
import { type ByteReader, ByteWriter, slotOf } from "./bytes.js";
import type { StorePlace } from "./error.js";
import { readRecord, sealRecord, startRecord } from "./seal.js";

const valueKinds = { noOperation: 0, batch: 1, configuration: 2 } as const;

export function encodePValue(key: Uint8Array, pvalue: PValue): Uint8Array {
  const writer = startRecord(new ByteWriter(valueBytes(pvalue.value) + 192));
  writeBallot(writer, pvalue.ballot);
  writeValue(writer, pvalue.value);
  return sealRecord(key, writer);
}

export function decodePValue(place: StorePlace, key: Uint8Array, record: Uint8Array): PValue {
  const slot = slotOf(key);
  return readRecord(place, `slot ${slot}`, key, record, (reader) => ({
    ballot: readBallot(reader),
    slot,
    value: readValue(reader),
  }));
}

export function encodePromise(key: Uint8Array, ballot: Ballot): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writeBallot(writer, ballot);
  return sealRecord(key, writer);
}

export function decodePromise(place: StorePlace, key: Uint8Array, record: Uint8Array): Ballot {
  return readRecord(place, "the promise", key, record, readBallot);
}

export function encodeTrim(key: Uint8Array, trim: TrimRecord): Uint8Array {
  const writer = startRecord(new ByteWriter());
  writer.integer(trim.below);
  writer.list(trim.configurations, (_, ruling) => {
    writer.integer(ruling.from);
    writeConfiguration(writer, ruling.configuration);
  });
  return sealRecord(key, writer);
}

export function decodeTrim(place: StorePlace, key: Uint8Array, record: Uint8Array): TrimRecord {
  return readRecord(place, "the trim mark", key, record, (reader) => ({
    below: reader.integer(),
    configurations: reader.list(() => ({
      from: reader.integer(),
      configuration: readConfiguration(reader),
    })),
  }));
}

function writeBallot(writer: ByteWriter, ballot: Ballot): void {
  writer.integer(ballot.round);
  writer.text(ballot.leader);
  writer.integer(ballot.incarnation);
}

function readBallot(reader: ByteReader): Ballot {
  return { round: reader.integer(), leader: reader.text(), incarnation: reader.integer() };
}

function writeValue(writer: ByteWriter, value: Value): void {
  switch (value.kind) {
    case "no-op":
      writer.byte(valueKinds.noOperation);
      return;
    case "batch":
      writer.byte(valueKinds.batch);
      writeProposal(writer, value.proposal);
      writer.bytes(value.commands);
      return;
    case "configuration":
      writer.byte(valueKinds.configuration);
      writeProposal(writer, value.proposal);
      writeConfiguration(writer, value.configuration);
  }
}

function readValue(reader: ByteReader): Value {
  const kind = reader.byte();
  switch (kind) {
    case valueKinds.noOperation:
      return noOperation;
    case valueKinds.batch:
      return { kind: "batch", proposal: readProposal(reader), commands: reader.bytes() };
    case valueKinds.configuration:
      return {
        kind: "configuration",
        proposal: readProposal(reader),
        configuration: readConfiguration(reader),
      };
    default:
      throw new RangeError(`expected a kind of value from 0 to 2, found ${kind}`);
  }
}

function writeProposal(writer: ByteWriter, proposal: ProposalId): void {
  writer.text(proposal.replica);
  writer.integer(proposal.incarnation);
  writer.integer(proposal.number);
}

function readProposal(reader: ByteReader): ProposalId {
  return { replica: reader.text(), incarnation: reader.integer(), number: reader.integer() };
}

function writeConfiguration(writer: ByteWriter, configuration: Configuration): void {
  writer.integer(configuration.number);
  writer.integer(configuration.predecessor);
  writer.list(configuration.acceptors, (_, acceptor) => {
    writeMember(writer, acceptor);
    writer.text(acceptor.store);
  });
  writer.list(configuration.leaders, writeMember);
  writer.list(configuration.replicas, writeMember);
}

function readConfiguration(reader: ByteReader): Configuration {
  return {
    number: reader.integer(),
    predecessor: reader.integer(),
    acceptors: reader.list((): AcceptorMember => ({ ...readMember(reader), store: reader.text() })),
    leaders: reader.list(readMember),
    replicas: reader.list(readMember),
  };
}

function writeMember(writer: ByteWriter, member: Member): void {
  writer.text(member.id);
  writer.text(member.address);
}

function readMember(reader: ByteReader): Member {
  return { id: reader.text(), address: reader.text() };
}
