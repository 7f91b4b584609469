import { isIPv4, isIPv6 } from "node:net";

/** The host and port at which something listens or is reached. */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** host:port, an IPv6 host in brackets. */
  readonly text: string;
}

/** The words in which an error says what was expected. */
export const expectedAddress = "host:port with a port from 1 to 65535 (an IPv6 host in brackets)";
export const expectedListenAddress = "host:port with a port from 0 to 65535 (an IPv6 host in brackets)";

const form = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):([0-9]{1,5})$/;
const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/;

/** Undefined when the text is no address. `leastPort` is 0 where a free port may be asked for. */
export function parseAddress(text: string, leastPort: 0 | 1 = 1): Address | undefined {
  const [, version6, name, digits] = form.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port < leastPort || port > 65_535) return undefined;
  if (version6 !== undefined) return isIPv6(version6) ? { host: version6, port, text } : undefined;
  if (name === undefined || !hostName.test(name)) return undefined;
  // All digits and dots is meant as an IPv4 address, and must be one.
  if (/^[0-9.]+$/.test(name) && !isIPv4(name)) return undefined;
  return { host: name, port, text };
}

/** True when only this machine can reach it. Of names, `localhost` alone is known to be so. */
export function isLoopback({ host }: Address): boolean {
  if (isIPv4(host)) return host.startsWith("127.");
  // A URL writes every form of one address alike.
  if (isIPv6(host)) return new URL(`http://[${host}]`).hostname === "[::1]";
  return host.toLowerCase() === "localhost";
}
