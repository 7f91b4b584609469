import type { FeatureSet, FieldDescriptor, FileDescriptor, MessageDescriptor } from "../message-types.js";

const label = { required: 2, repeated: 3 };
const groupType = 10;

/** Numbers of google.protobuf.FeatureSet's enums. */
const legacyRequired = 3;
const expanded = 2;
const delimited = 2;

/** The rules for a file's fields that follow from its syntax or edition, and from the features that it sets. */
export class FileRules {
  readonly #packedByDefault: boolean;
  readonly #features: FeatureSet;

  constructor(packedByDefault: boolean, features: FeatureSet) {
    this.#packedByDefault = packedByDefault;
    this.#features = features;
  }

  /** Those within a message. */
  of(message: MessageDescriptor): FileRules {
    return new FileRules(this.#packedByDefault, { ...this.#features, ...message.options?.features });
  }

  isRepeated(field: FieldDescriptor): boolean {
    return field.label === label.repeated;
  }

  isRequired(field: FieldDescriptor): boolean {
    return field.label === label.required || this.#of(field).fieldPresence === legacyRequired;
  }

  isPacked(field: FieldDescriptor): boolean {
    const packed = field.options?.packed;
    if (packed !== undefined && packed !== null && Object.hasOwn(field.options ?? {}, "packed"))
      return packed;
    const encoding = this.#of(field).repeatedFieldEncoding;
    return encoding === undefined ? this.#packedByDefault : encoding !== expanded;
  }

  /** Throws for a field of a kind that is not supported. */
  check(field: FieldDescriptor, place: string): void {
    if (field.type === groupType) throw new Error(`${place}: groups are not supported; use a message field`);
    if (field.typeName && this.#of(field).messageEncoding === delimited)
      throw new Error(
        `${place}: messages encoded as groups (features.message_encoding = DELIMITED) are not supported; take the feature away`,
      );
  }

  #of(field: FieldDescriptor): FeatureSet {
    return { ...this.#features, ...field.options?.features };
  }
}

export function rulesOf(file: FileDescriptor): FileRules {
  const packedByDefault = file.syntax === "proto3" || file.syntax === "editions";
  return new FileRules(packedByDefault, { ...file.options?.features });
}
