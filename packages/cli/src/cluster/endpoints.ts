import type { Example } from "./user-services.js";

/** A command line with which to try a cluster; the `buf` lines run as they stand, from a checkout. */
export interface TryLine {
  readonly title: string;
  readonly grpcurl: string;
  readonly buf: string;
}

const examples: readonly (Example & { title: string })[] = [
  {
    title: "put",
    method: "synod.kv.v1.KeyValue/Put",
    // A bytes field is base64 in JSON: this is "hello".
    request: { key: "greeting", value: Buffer.from("hello").toString("base64") },
  },
  { title: "get", method: "synod.kv.v1.KeyValue/Get", request: { key: "greeting" } },
  { title: "add", method: "synod.calculator.v1.Calculator/Add", request: { operand: "5" } },
];

/** @param further methods of users' services */
export function tryLines(address: string, further: readonly Example[] = []): TryLine[] {
  const users = further.map((example) => ({ title: example.method, ...example }));
  return [...users, ...examples].map(({ title, method, request }) => {
    const data = `-d '${JSON.stringify(request)}'`;
    return {
      title,
      grpcurl: `grpcurl -plaintext ${data} ${address} ${method}`,
      buf: `npx buf curl --protocol grpc --http2-prior-knowledge ${data} http://${address}/${method}`,
    };
  });
}
