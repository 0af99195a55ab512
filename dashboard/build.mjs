// Makes dist/ from src/. `--check` makes it elsewhere and compares.
import { build } from "esbuild";
import { readFile, mkdtemp, mkdir, rm, copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const files = ["index.html", "app.js", "app.css"];
// What a slow line may be asked to load, in bytes after gzip.
const most = { "index.html": 2_000, "app.js": 100_000, "app.css": 10_000 };

async function make(folder) {
  await mkdir(folder, { recursive: true });
  await build({
    absWorkingDir: here,
    entryPoints: { app: "src/main.tsx" },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "warning",
  });
  await copyFile(join(here, "src/index.html"), join(folder, "index.html"));
}

async function check() {
  const folder = await mkdtemp(join(tmpdir(), "dashboard-"));
  try {
    await make(folder);
    const stale = [];
    for (const file of files) {
      const [made, kept] = await Promise.all([
        readFile(join(folder, file)),
        readFile(join(dist, file)).catch(() => null),
      ]);
      if (!kept || !made.equals(kept)) stale.push(file);
    }
    if (stale.length)
      throw new Error(`dashboard/dist is not what src/ makes (${stale.join(", ")}): run scripts/dashboard`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function weigh() {
  for (const file of files) {
    const bytes = gzipSync(await readFile(join(dist, file)), { level: 9 }).length;
    console.log(`${file.padEnd(10)} ${String(bytes).padStart(7)} bytes after gzip, at most ${most[file]}`);
    if (bytes > most[file]) throw new Error(`${file} is too large`);
  }
}

await (process.argv.includes("--check") ? check() : make(dist));
await weigh();
