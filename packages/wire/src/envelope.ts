import * as check from "./check.js";
import type { Codec, Mapping } from "./codec.js";
import { messageType } from "./descriptors.js";
import { snake } from "./well-formed.js";
import { WireError } from "./wire-error.js";

/** A message with its kind, as the members of the core's unions are. */
interface Kinded {
  readonly kind: string;
}

/** One field of the oneof, as the core has it and as the wire has it. */
export interface Member<Domain extends Kinded, Wire> extends Mapping<Domain, Wire> {
  readonly kind: Domain["kind"];
}

/** One member for every field of the generated envelope type. */
type Members<Wire, Union extends Kinded> = {
  readonly [Field in Exclude<keyof Wire, "message">]-?: Member<Union, NonNullable<Wire[Field]>>;
};

/** Fits a mapping of one message into the union it is part of. */
export function member<Union extends Kinded, Kind extends Union["kind"], Wire>(
  kind: Kind,
  mapping: Mapping<Extract<Union, { kind: Kind }>, Wire>,
): Member<Union, Wire> {
  return {
    kind,
    toWire: (message) => mapping.toWire(message as Extract<Union, { kind: Kind }>),
    fromWire: mapping.fromWire,
  };
}

/** One direction of a stream: each message has exactly one member of the oneof `message`. */
export function envelope<Wire extends object, Union extends Kinded>(
  fullName: string,
  members: Members<Wire, Union>,
): Codec<Union> {
  const type = messageType<Wire>(fullName);
  const all = Object.entries(members) as [keyof Wire & string, Member<Union, unknown>][];
  const fields = all.map(([field]) => field);
  const byKind = new Map(all.map(([field, each]) => [each.kind, { field, each }]));
  return {
    encode: (message) => {
      const found = byKind.get(message.kind);
      if (found === undefined)
        throw new Error(
          `${type.name}: expected one of ${[...byKind.keys()].join(", ")} to encode, found ${message.kind}`,
        );
      return type.encode({ [found.field]: found.each.toWire(message) } as Wire);
    },
    decode: (bytes) => {
      const decoded = type.decode(bytes);
      const field = check.oneMember(decoded, fields, `${type.name}.message`);
      const found = (members as Record<string, Member<Union, unknown>>)[field];
      if (found === undefined) throw new WireError(type.name, "a known member", field);
      return found.fromWire(decoded[field], `${type.name}.${snake(field)}`);
    },
  };
}
