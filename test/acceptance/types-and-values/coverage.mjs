// Everything that descriptor.proto lets a field, an enum and a file be; and what of it came up.
import { fromBinary, isFieldSet } from "@bufbuild/protobuf";
import {
  FeatureSet_EnumTypeSchema,
  FeatureSet_FieldPresenceSchema,
  FeatureSet_JsonFormatSchema,
  FeatureSet_MessageEncodingSchema,
  FeatureSet_RepeatedFieldEncodingSchema,
  FeatureSet_Utf8ValidationSchema,
  FeatureSetSchema,
  FieldDescriptorProto_LabelSchema,
  FieldDescriptorProto_TypeSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** @typedef {import("@bufbuild/protobuf/wkt").FeatureSet} FeatureSet */
/** @typedef {import("@bufbuild/protobuf/wkt").DescriptorProto} Message */
/** @typedef {import("@bufbuild/protobuf/wkt").FieldDescriptorProto} Field */

/** What decides how a message is encoded and read; the rest is for compilers of other languages. */
const features = {
  fieldPresence: FeatureSet_FieldPresenceSchema,
  enumType: FeatureSet_EnumTypeSchema,
  repeatedFieldEncoding: FeatureSet_RepeatedFieldEncodingSchema,
  utf8Validation: FeatureSet_Utf8ValidationSchema,
  messageEncoding: FeatureSet_MessageEncodingSchema,
  jsonFormat: FeatureSet_JsonFormatSchema,
};
const named = /** @type {[keyof typeof features, typeof features["enumType"]][]} */ (
  Object.entries(features)
);

/** @returns {Set<string>} */
export function everything() {
  const found = new Set(["proto2", "proto3", "editions"]);
  for (const label of FieldDescriptorProto_LabelSchema.values)
    for (const type of FieldDescriptorProto_TypeSchema.values) found.add(`${label.name} ${type.name}`);
  for (const [feature, { values }] of named)
    for (const { name, number } of values) if (number !== 0) found.add(`${feature} ${name}`);
  return found;
}

/** What a descriptor set has of it. @param {Uint8Array} set @returns {Set<string>} */
export function contentsOf(set) {
  const contents = new Contents();
  for (const file of fromBinary(FileDescriptorSetSchema, set).file) {
    contents.found.add(file.syntax || "proto2");
    contents.options(file);
    file.messageType.forEach(contents.message);
    file.enumType.forEach(contents.options);
    file.extension.forEach(contents.field);
  }
  return contents.found;
}

class Contents {
  /** @type {Set<string>} */
  found = new Set();

  options = (/** @type {{ options?: { features?: FeatureSet | undefined } | undefined }} */ { options }) => {
    const set = options?.features;
    if (set === undefined) return;
    for (const [feature, { values }] of named)
      if (isFieldSet(set, FeatureSetSchema.field[feature]))
        this.found.add(`${feature} ${values.find(({ number }) => number === set[feature])?.name}`);
  };

  field = (/** @type {Field} */ each) => {
    this.options(each);
    const label = FieldDescriptorProto_LabelSchema.value[each.label]?.name;
    this.found.add(`${label} ${FieldDescriptorProto_TypeSchema.value[each.type]?.name}`);
  };

  message = (/** @type {Message} */ each) => {
    this.options(each);
    each.field.forEach(this.field);
    each.extension.forEach(this.field);
    each.enumType.forEach(this.options);
    each.nestedType.forEach(this.message);
  };
}
