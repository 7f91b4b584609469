/*
 * google.rpc.Status, as grpc-status-details-bin carries it: { int32 code = 1; string message = 2; repeated
 * google.protobuf.Any details = 3 }, and Any: { string type_url = 1; bytes value = 2 }.
 */

/** The bytes of a status with one detail. */
export function encodeStatusDetails(
  code: number,
  message: string,
  detailType: string,
  detail: Uint8Array,
): Uint8Array {
  const any = Buffer.concat([field(1, Buffer.from(`type.googleapis.com/${detailType}`)), field(2, detail)]);
  return Buffer.concat([Buffer.from([0x08, code]), field(2, Buffer.from(message)), field(3, any)]);
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const head = [(number << 3) | 2];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), bytes]);
}
