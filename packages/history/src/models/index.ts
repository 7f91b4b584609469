import type { Model } from "../model.js";
import { calculatorModel } from "./calculator.js";
import { keyValueModel } from "./key-value.js";
import { lockModel } from "./lock.js";

/** Models of the services that come with Synod, by full name. */
export const builtInModels: Readonly<Record<string, Model<unknown>>> = {
  "synod.calculator.v1.Calculator": calculatorModel,
  "synod.kv.v1.KeyValue": keyValueModel,
  "synod.lock.v1.Lock": lockModel,
};
