/*
 * Names of fields in objects. They are what protobuf's JSON has, so that a field is called the same in a call by grpcurl and in
 * a handler.
 */

/**
 * A field's or oneof's name in objects: camelCase, as protobuf's JSON derives it from the proto. A name that every object of
 * JavaScript has already, such as constructor, gets a `$`.
 */
export function objectName(protoName: string): string {
  const name = protoName.replace(/_+([^_]?)/g, (_, letter: string) => letter.toUpperCase());
  return name in Object.prototype ? `${name}$` : name;
}
