import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { readdir, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import path from "node:path";
import { StoreError, storeFailure } from "./error.js";

/*
 * lmdb lets a second process write the same store, so a directory is owned by at most one process. The proof of life
 * is a Unix socket that the owner listens on, in the directory itself: the kernel refuses connections to it from the
 * moment its process is gone, kill -9 included, and takes them from a stopped process. No file can be stale, no pid be
 * mistaken for another's, no clock is asked, and containers with namespaces of their own see one another. (An abstract
 * socket would be bound to a network namespace; Node has no flock.)
 *
 * Each process uses a socket name of its own and never waits: it listens, then asks every other socket there. Of two,
 * the one that listened later finds the other, so there are never two owners; at worst both give up. Only an owner
 * removes dead sockets: one that is removed between its `bind` and its `listen` belongs to a process that is bound
 * to find the remover, or to notice at the end that its name is gone, and starts over.
 */

export interface Ownership {
  release(): Promise<void>;
}

const socketName = /^owner-(\d+)-[0-9a-f]+\.sock$/;

/** True for files that ownership leaves in a directory; they say nothing about a store. */
export function isOwnerSocket(name: string): boolean {
  return socketName.test(name);
}

/** Makes this process the owner of an existing directory. Throws StoreError `owned`, naming the owner. */
export async function ownDirectory(directory: string): Promise<Ownership> {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(directory, "r"); // a number, not a FileHandle: those close when they are forgotten
    for (;;) {
      const ownership = await tryToOwn(directory, descriptor);
      if (ownership !== undefined) return ownership;
    }
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if (error instanceof StoreError) throw error;
    throw storeFailure(directory, "taking ownership of the directory", error);
  }
}

async function tryToOwn(directory: string, descriptor: number): Promise<Ownership | undefined> {
  const own = `owner-${process.pid}-${randomBytes(6).toString("hex")}.sock`;
  const at = (name: string) => shortPath(directory, descriptor, name);
  const server = await listen(at(own));
  const release = async () => {
    await closeServer(server);
    closeSync(descriptor);
  };
  const dead: string[] = [];
  for (const name of await readdir(directory)) {
    if (name === own || !isOwnerSocket(name)) continue;
    if (await isListening(at(name))) {
      await closeServer(server);
      const pid = socketName.exec(name)?.[1];
      throw new StoreError(
        "owned",
        directory,
        `expected a data directory that nobody uses, found it in use by process ${pid}. ` +
          "Stop that process, or give this one a directory of its own",
      );
    }
    dead.push(name);
  }
  if (!(await readdir(directory)).includes(own)) {
    await closeServer(server);
    return undefined;
  }
  for (const name of dead) await unlink(path.join(directory, name)).catch(ignoreAbsence);
  return { release };
}

/** A socket's path may have about 100 bytes only; on Linux the directory's descriptor stands for any path. */
function shortPath(directory: string, descriptor: number, name: string): string {
  if (process.platform === "linux") return `/proc/self/fd/${descriptor}/${name}`;
  const absolute = path.resolve(directory, name);
  const relative = path.relative(process.cwd(), absolute);
  return relative.length < absolute.length ? relative : absolute;
}

function listen(socketPath: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => {
      connection.on("error", () => {}); // whoever asked has gone; there is nothing to answer
      connection.destroy();
    });
    server.once("error", reject);
    server.listen({ path: socketPath, exclusive: true }, () => {
      server.unref();
      server.off("error", reject);
      // Accepting may fail for want of descriptors; the kernel's answer to whoever connects stands all the same.
      server.on("error", () => {});
      resolve(server);
    });
  });
}

/** False only when the kernel says that nobody listens; any doubt counts as somebody. */
function isListening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve())); // removes the socket's file too
}

function ignoreAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
