// Parses files in WebAssembly and natively, with several steps: node run.mjs MODULE.wasm NATIVE FILE...
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [, , module, native, ...files] = process.argv;
const { instance } = await WebAssembly.instantiate(readFileSync(module));
const { memory, input, digest } = instance.exports;

let failed = 0;
for (const file of files) {
    const bytes = readFileSync(file);
    new Uint8Array(memory.buffer, input(), bytes.length).set(bytes);
    for (const step of [1, 7, 4096, bytes.length]) {
        const here = BigInt.asUintN(64, digest(bytes.length, step)).toString();
        const there = execFileSync(native, [file, String(step)], { encoding: "utf8" }).trim();
        const same = here === there;
        console.log(`${same ? "same" : "DIFFERENT"} ${here} ${file}, ${step} bytes at a time`);
        if (!same) failed = 1;
    }
}
process.exit(failed);
