import * as grpc from "@grpc/grpc-js";
import { passed, type Scheduler } from "@synod/wire";
import { AnotherCluster } from "./meant-cluster.js";
import type { ReplicaPort } from "./port.js";

export interface SessionOpening {
  readonly ports: readonly ReplicaPort[];
  /** Index of the port to try first. */
  readonly first: number;
  readonly silenceMs: number;
  readonly scheduler: Scheduler;
  /** Asked before every attempt; false ends the opening. */
  wanted(): boolean;
  failed(news: string): void;
  /** Every replica is of another cluster than the one meant: nobody is left to ask. */
  misdirected(news: string): void;
}

const firstPauseMs = 100;
const longestPauseMs = 1_000;
const maxAttemptMs = 5_000;

/**
 * Opens a session through one replica after the other until one answers. An attempt whose answer is lost leaves an
 * unused session behind, which the replicated state forgets in time: harmless, unlike a command.
 */
export async function openSession(
  opening: SessionOpening,
): Promise<{ clientId: string; index: number } | undefined> {
  let astray = 0;
  for (let attempt = 0; opening.wanted(); attempt++) {
    const index = (opening.first + attempt) % opening.ports.length;
    const port = opening.ports[index] as ReplicaPort;
    const round = Math.floor(attempt / opening.ports.length);
    try {
      const clientId = await port.openSession(Math.min(maxAttemptMs, opening.silenceMs * 2 ** round));
      return { clientId, index };
    } catch (error) {
      const news = `${port.address}: ${newsOf(error)}`;
      opening.failed(news);
      astray = error instanceof AnotherCluster ? astray + 1 : 0;
      if (astray >= opening.ports.length) {
        opening.misdirected(news);
        return undefined;
      }
    }
    if (index === (opening.first + opening.ports.length - 1) % opening.ports.length) {
      await passed(opening.scheduler, Math.min(longestPauseMs, firstPauseMs * 2 ** round));
    }
  }
  return undefined;
}

/** The words of a failed attempt, without the code before them and the empty note behind them that grpc-js adds. */
function newsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ((error as Partial<grpc.ServiceError>).code === grpc.status.UNIMPLEMENTED)
    return "expected a replica, found something else that speaks gRPC";
  return error.message.replace(/^\d+ /, "").replace(/\.? Resolution note:\s*$/, "");
}
