import { descriptorSetBase64 } from "../gen/descriptors.js";

/** Describes the services that come with Synod. */
export const builtInDescriptors: Uint8Array = Buffer.from(descriptorSetBase64, "base64");
