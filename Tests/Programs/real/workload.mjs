// JSON, buffers, compression and maps in four worker threads; prints their checksums. The argument
// is the name of the library that must be loaded, or nothing.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { deflateSync, inflateSync } from "node:zlib";

function work(salt) {
  const hash = createHash("sha256");
  const table = new Map();
  for (let i = 0; i < 20000; i++) {
    table.set(`key ${(i * 7919) % 5003}`, { i, salt, text: "x".repeat(i % 100) });
    if (i % 500 === 0) {
      const buffer = Buffer.alloc((i % 7) * 10000 + 1000, i % 256);
      const copy = inflateSync(deflateSync(buffer));
      if (!copy.equals(buffer)) throw new Error("inflate");
      hash.update(copy);
    }
  }
  hash.update(JSON.stringify([...table]));
  return hash.digest("hex");
}

if (isMainThread) {
  const library = process.argv[2];
  if (library && !readFileSync("/proc/self/maps", "utf8").includes(library)) {
    throw new Error("the library is not loaded");
  }
  const workers = [1, 2, 3, 4].map(
    (salt) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: salt });
        worker.on("message", resolve);
        worker.on("error", reject);
      }),
  );
  console.log([work(0), ...(await Promise.all(workers))].join("\n"));
} else {
  parentPort.postMessage(work(workerData));
}
