import type { CallOptions, Client, Metadata } from "@grpc/grpc-js";
import { openStream } from "./calls.js";
import { reflectionMethod } from "./reflection.js";

const fileTag = 0x0a;

/**
 * Asks a server for a symbol by gRPC reflection, v1: a google.protobuf.FileDescriptorSet with the file that declares it
 * and all that this imports. Rejects when the server has no reflection or does not know the symbol.
 */
export async function describedBy(
  client: Client,
  symbol: string,
  { metadata, ...options }: CallOptions & { readonly metadata?: Metadata } = {},
): Promise<Uint8Array> {
  const files = await new Promise<readonly Uint8Array[]>((resolve, reject) => {
    const call = openStream(
      client,
      reflectionMethod("grpc.reflection.v1"),
      (answer) => {
        const { fileDescriptorResponse, errorResponse } = answer;
        if (fileDescriptorResponse) resolve(filesIn(fileDescriptorResponse.fileDescriptorProto));
        else reject(new Error(errorResponse?.errorMessage ?? `no answer that describes ${symbol}`));
      },
      metadata,
      options,
    );
    call.on("error", reject);
    call.on("status", ({ details }) => reject(new Error(details || `no answer that describes ${symbol}`)));
    call.write({ fileContainingSymbol: symbol });
    call.end();
  });
  return Buffer.concat(files.flatMap((file) => [prefix(file.length), file]));
}

function filesIn(files: readonly (Uint8Array | string)[] | undefined): readonly Uint8Array[] {
  return (files ?? []).filter((file) => file instanceof Uint8Array);
}

/** A FileDescriptorSet is nothing but its files one after the other, each with a tag and a length. */
function prefix(length: number): Uint8Array {
  const bytes = [fileTag];
  let left = length;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Uint8Array.from([...bytes, left]);
}
