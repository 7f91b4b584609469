import { status as Code } from "@grpc/grpc-js";

/** The client's reaction to a status that ends an attempt without being the command's answer. */
export interface StatusRule {
  /** True: the same command (client id and sequence) goes again, through another replica, until its deadline. */
  readonly again: boolean;
  readonly why: string;
}

const final = (why: string): StatusRule => ({ again: false, why });
const again = (why: string): StatusRule => ({ again: true, why });

/**
 * The one place that says which statuses are retried. Two facts hold for every row:
 *
 * - What a replica calls answered is the log's last word, the same on every replica: it is final whatever its status, also
 *   where a service declares UNAVAILABLE or ABORTED.
 * - A status that ends a stream or a connection, rather than answers a command, says nothing about the commands on it:
 *   they go again elsewhere, because a session executes a sequence once however often it arrives (rule 16).
 */
export const statusRules: Readonly<Record<number, StatusRule>> = Object.freeze({
  [Code.OK]: final("The command is executed, and this is its answer."),
  [Code.CANCELLED]: again(
    "The replica dropped the request, as it does when it stops; another replica will take it.",
  ),
  [Code.UNKNOWN]: final("The service failed in a way it did not name; every replica would answer the same."),
  [Code.INVALID_ARGUMENT]: final("The request is malformed; sending the same bytes again cannot help."),
  [Code.DEADLINE_EXCEEDED]: again(
    "That replica stopped waiting; the caller's own deadline has not passed yet.",
  ),
  [Code.NOT_FOUND]: final("An answer of the service."),
  [Code.ALREADY_EXISTS]: final("An answer of the service."),
  [Code.PERMISSION_DENIED]: final("The caller may not do this; that is the same at every replica."),
  [Code.RESOURCE_EXHAUSTED]: again(
    "There is no room, in the replica's queue or in the session; after a pause there may be.",
  ),
  [Code.FAILED_PRECONDITION]: final(
    "The request contradicts the session or the state; a repeat contradicts it too.",
  ),
  [Code.ABORTED]: final(
    "The session is gone, and repeats under it can only be refused. What certainly was not executed goes under a new one.",
  ),
  [Code.OUT_OF_RANGE]: final("An answer of the service."),
  [Code.UNIMPLEMENTED]: again(
    "That replica's build has no such method; another one's may, so each is asked, but none twice.",
  ),
  [Code.INTERNAL]: final("The service failed while executing; a handler fails alike on every replica."),
  [Code.UNAVAILABLE]: again(
    "That replica cannot have commands decided now, or lost track of this one; another may do better, and a session answers repeats.",
  ),
  [Code.DATA_LOSS]: final("Something is damaged: a person should look before anything is sent again."),
  [Code.UNAUTHENTICATED]: final("The caller is not known; that is the same at every replica."),
});

/** True when a command that got this status, and no answer, goes again. */
export function goesAgain(code: number): boolean {
  return statusRules[code]?.again ?? false;
}

/** The name of a gRPC status code, e.g. `UNAVAILABLE`. */
export function statusName(code: number): string {
  return Code[code] ?? `status ${code}`;
}
