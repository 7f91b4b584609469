// Protos with a construct that is refused, and the sentence that names it.

/** @typedef {{ what: string, proto: string, line: number, name: string, says: string }} Refused `line` and `name` of what is refused */

const service = "service S { rpc Keep(M) returns (M); }";
const edition = 'edition = "2023"; package x;\n';
const proto2 = 'syntax = "proto2"; package x;\n';
const proto3 = 'syntax = "proto3"; package x;\n';
const groups = "groups are not supported; use a message field";
const delimited =
  "messages encoded as groups (features.message_encoding = DELIMITED) are not supported; take the feature away";
const extensions = "extensions are not supported, except of options; declare the field in x.M";
const named =
  "has a name that objects of JavaScript have already, or that makes them promises; rename the method";
const streams =
  "streams requests, which cannot be replicated: a command is one request; send several commands instead";
/** @param {string} method */
const serviceWith = (method) => `${proto3}message M {}\nservice S {\n  ${method}\n}`;

/** @type {readonly Refused[]} */
export const refused = [
  {
    ...{ what: "an optional group", line: 3, name: "x.M.part", says: groups },
    proto: `${proto2}message M {\n  optional group Part = 1 { optional string a = 1; }\n}\n${service}`,
  },
  {
    ...{ what: "a repeated group", line: 3, name: "x.M.part", says: groups },
    proto: `${proto2}message M {\n  repeated group Part = 1 { optional string a = 1; }\n}\n${service}`,
  },
  {
    ...{ what: "a required group, nested", line: 4, name: "x.M.N.part", says: groups },
    proto: `${proto2}message M {\nmessage N {\n  required group Part = 1 {}\n}\n}\n${service}`,
  },
  {
    ...{ what: "a group in a oneof", line: 4, name: "x.M.part", says: groups },
    proto: `${proto2}message M {\noneof o {\n  group Part = 1 {}\n}\n}\n${service}`,
  },
  {
    ...{ what: "a delimited field", line: 3, name: "x.M.m", says: delimited },
    proto: `${edition}message M {\n  M m = 1 [features.message_encoding = DELIMITED];\n}\n${service}`,
  },
  {
    ...{ what: "a delimited list", line: 3, name: "x.M.m", says: delimited },
    proto: `${edition}message M {\n  repeated M m = 1 [features.message_encoding = DELIMITED];\n}\n${service}`,
  },
  {
    ...{ what: "a delimited file", line: 4, name: "x.M.m", says: delimited },
    proto: `${edition}option features.message_encoding = DELIMITED;\nmessage M {\n  M m = 1; map<string, M> by_name = 2;\n}\n${service}`,
  },
  {
    ...{ what: "an extension", line: 4, name: "x.more", says: extensions },
    proto: `${proto2}message M { extensions 100 to max; }\nextend M {\n  optional string more = 100;\n}\n${service}`,
  },
  {
    ...{ what: "a repeated extension within a message", line: 5, name: "x.N.more", says: extensions },
    proto: `${proto2}message M { extensions 100 to max; }\nmessage N {\nextend M {\n  repeated string more = 100;\n}\n}\n${service}`,
  },
  {
    ...{
      what: "a message set",
      line: 2,
      name: "x.M",
      says: "message sets are not supported; use google.protobuf.Any",
    },
    proto: `${proto2}message M { option message_set_wire_format = true; extensions 4 to max; }\n${service}`,
  },
  {
    ...{
      what: "fields of one name in objects",
      line: 2,
      name: "x.M",
      says: "which are both aB in objects; rename one",
    },
    proto: `${proto2}message M { option deprecated_legacy_json_field_conflicts = true; optional string a_b = 1; optional string aB = 2; }\n${service}`,
  },
  {
    ...{
      what: "a field and a oneof of one name",
      line: 2,
      name: "x.M",
      says: "which are both aB in objects; rename one",
    },
    proto: `${proto3}message M { string a_b = 1; oneof aB { string c = 2; } }\n${service}`,
  },
  {
    ...{ what: "a stream of requests", line: 4, name: "x.S.All", says: streams },
    proto: serviceWith("rpc All(stream M) returns (M);"),
  },
  {
    ...{ what: "streams both ways", line: 4, name: "x.S.All", says: streams },
    proto: serviceWith("rpc All(stream M) returns (stream M);"),
  },
  {
    ...{ what: "a method called then", line: 4, name: "x.S.then", says: named },
    proto: serviceWith("rpc then(M) returns (M);"),
  },
  {
    ...{ what: "a method called constructor", line: 4, name: "x.S.constructor", says: named },
    proto: serviceWith("rpc constructor(M) returns (M);"),
  },
];

/** Not protobuf at all: buf refuses it with its place. @type {readonly { what: string, proto: string }[]} */
export const notCompiled = [
  {
    what: "an optional field in a oneof",
    proto: `${proto3}message M { oneof o { optional string a = 1; } }`,
  },
  { what: "a required field in proto3", proto: `${proto3}message M { required string a = 1; }` },
  { what: "a default in proto3", proto: `${proto3}message M { string a = 1 [default = "x"]; }` },
  { what: "a map keyed by double", proto: `${proto3}message M { map<double, string> a = 1; }` },
  { what: "a group in an edition", proto: `${edition}message M { group Part = 1 {} }` },
  { what: "two names of one JSON", proto: `${proto3}message M { string a_b = 1; string aB = 2; }` },
];
