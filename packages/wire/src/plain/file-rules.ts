import type { FeatureSet, FieldDescriptor, FileDescriptor, MessageDescriptor } from "../message-types.js";

const label = { required: 2, repeated: 3 };

/** Numbers of google.protobuf.FeatureSet's enums. */
const implicit = 2;
const legacyRequired = 3;
const expanded = 2;
const delimited = 2;

/** The rules for a file's fields that follow from its syntax or edition, and from the features that it sets. */
export class FileRules {
  readonly #syntax: Syntax;
  readonly #features: FeatureSet;

  constructor(syntax: Syntax, features: FeatureSet) {
    this.#syntax = syntax;
    this.#features = features;
  }

  /** Those within a message. */
  of(message: MessageDescriptor): FileRules {
    return new FileRules(this.#syntax, { ...this.#features, ...message.options?.features });
  }

  isRepeated(field: FieldDescriptor): boolean {
    return field.label === label.repeated;
  }

  isRequired(field: FieldDescriptor): boolean {
    return field.label === label.required || this.#of(field).fieldPresence === legacyRequired;
  }

  /** Of a field that is neither a message nor required, and in no oneof. */
  isExplicit(field: FieldDescriptor): boolean {
    if (this.#syntax === "proto3") return field.proto3Optional === true;
    return this.#syntax === "proto2" || this.#of(field).fieldPresence !== implicit;
  }

  isPacked(field: FieldDescriptor): boolean {
    const packed = field.options?.packed;
    if (packed !== undefined && packed !== null && Object.hasOwn(field.options ?? {}, "packed"))
      return packed;
    const encoding = this.#of(field).repeatedFieldEncoding;
    return encoding === undefined ? this.#syntax !== "proto2" : encoding !== expanded;
  }

  /** True for a message that is encoded as a group. */
  isDelimited(field: FieldDescriptor): boolean {
    return this.#of(field).messageEncoding === delimited;
  }

  #of(field: FieldDescriptor): FeatureSet {
    return { ...this.#features, ...field.options?.features };
  }
}

type Syntax = "proto2" | "proto3" | "editions";

export function rulesOf({ syntax, options }: FileDescriptor): FileRules {
  const known = syntax === "proto3" || syntax === "editions" ? syntax : "proto2";
  return new FileRules(known, { ...options?.features });
}
