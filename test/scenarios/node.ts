import type { Acceptor, AcceptorMember, Command, Leader, Message, Peer, Replica } from "@synod/core";
import { type AcceptorStore, MemoryAcceptorDisk } from "@synod/storage";
import { recordCodec } from "@synod/wire";

/** A process of a scenario: its role, what it has on disk, and what waits for the disk. */
export interface ScenarioNode {
  readonly peer: Peer;
  disk: MemoryAcceptorDisk | undefined;
  /** What its process has open, on its disk. */
  store: AcceptorStore | undefined;
  role: Acceptor | Leader | Replica | undefined;
  starts: number;
  /** Writes stay in memory, and what rests on them is held, until `sync`. */
  holding: boolean;
  held: { readonly to: Peer; readonly message: Message }[];
}

export function storeOf(acceptor: string): string {
  return `store-${acceptor}`;
}

export function acceptorMember(id: string): AcceptorMember {
  return { id, address: "host:1", store: storeOf(id) };
}

/** A disk that holds writes back until it is told to let them through. */
export function newDisk(id: string, store: string): MemoryAcceptorDisk {
  const disk = new MemoryAcceptorDisk({ id, store, codec: recordCodec });
  disk.hold(true);
  return disk;
}

export function command(name: string): Command {
  const request = Uint8Array.from([...name].map((letter) => letter.charCodeAt(0)));
  return { clientId: name, sequence: 1, acknowledged: 0, service: "s", method: "M", request };
}

export function encodeBatch(commands: readonly Command[]): Uint8Array {
  return Uint8Array.from(commands.flatMap(({ request }) => [...request]));
}
