/** A broken promise of the protocol, found from outside the nodes. */
export class Violation extends Error {
  override readonly name = "Violation";
}
