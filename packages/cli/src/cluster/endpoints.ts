/** What to type to try a cluster; the `buf` lines run as they stand, from a checkout. */
export interface TryLine {
  readonly title: string;
  readonly grpcurl: string;
  readonly buf: string;
}

const examples: readonly { title: string; method: string; request: Readonly<Record<string, string>> }[] = [
  {
    title: "put",
    method: "synod.kv.v1.KeyValue/Put",
    // A bytes field is base64 in JSON: this is "hello".
    request: { key: "greeting", value: Buffer.from("hello").toString("base64") },
  },
  { title: "get", method: "synod.kv.v1.KeyValue/Get", request: { key: "greeting" } },
  { title: "add", method: "synod.calculator.v1.Calculator/Add", request: { operand: "5" } },
];

export function tryLines(address: string): TryLine[] {
  return examples.map(({ title, method, request }) => {
    const data = `-d '${JSON.stringify(request)}'`;
    return {
      title,
      grpcurl: `grpcurl -plaintext ${data} ${address} ${method}`,
      buf: `npx buf curl --protocol grpc --http2-prior-knowledge ${data} http://${address}/${method}`,
    };
  });
}
