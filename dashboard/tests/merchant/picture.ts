// A picture as a merchant has it from a camera: it cannot be made smaller.
import { randomBytes } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

/** One part of a PNG: length, name, content, checksum. */
function part(name: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const named = Buffer.concat([Buffer.from(name, "latin1"), content]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** A PNG of noise, `width` by `height` pixels of three bytes each. */
export function noise(width: number, height: number): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const line = 1 + width * 3;
  const lines = randomBytes(line * height);
  // Each line begins with its filter: none.
  for (let at = 0; at < lines.length; at += line) lines[at] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const content = deflateSync(lines, { level: 1 });
  return Buffer.concat([signature, part("IHDR", head), part("IDAT", content), part("IEND", Buffer.alloc(0))]);
}
