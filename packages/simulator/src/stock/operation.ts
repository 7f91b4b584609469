import { type Random, randomBelow } from "@synod/core";
import type { Operation } from "../operation.js";
import { stockName } from "./definition.js";
import { stockDescriptions } from "./service.js";

/** Items, and ids of orders, that all clients share. */
const shared = 3;

/**
 * A client's call of the user's service.
 * @param odd now and then what the service fails at in a way that it does not declare
 */
export function drawStockOperation(random: Random, odd: boolean): Operation {
  const kind = random();
  if (odd && random() < 0.04) return operation("Move", { item: "{", change: 1 });
  const item = `item-${randomBelow(random, shared)}`;
  const change = random() < 0.05 ? 600 : randomBelow(random, 50) - 22;
  if (kind < 0.45) return operation("Move", { item, change });
  if (kind < 0.6) return operation("Count", { item });
  if (kind < 0.7) return operation("Clear", { item });
  const afterMs = randomBelow(random, 4_000);
  const id = `order-${randomBelow(random, shared)}`;
  return operation("Order", { id, afterMs, ...(random() < 0.8 && { move: { item, change } }) });
}

function operation(method: string, request: Record<string, unknown>): Operation {
  const described = stockDescriptions.services.get(stockName)?.methods.get(method);
  if (!described) throw new Error(`expected a method of ${stockName}, found ${method}`);
  return { service: stockName, method, request: described.encodeRequest(request) };
}
