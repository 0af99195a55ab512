// The server's clock: ages and durations are counted by it, not by that of the reader's machine.
import { signal } from "@preact/signals";
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";

let ahead = 0;

/** The server's time in milliseconds. Ticks once a second while the page is visible. */
export const now = signal(Date.now());

/** Learns from what the server sent how far its clock is ahead of ours. */
export function learnTime(time: Timestamp | undefined): void {
  if (time) ahead = timestampMs(time) - Date.now();
}

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now() + ahead;
}, 1000);

export const ms = (time: Timestamp | undefined): number | undefined => time && timestampMs(time);

/** A length of time in two units at most: "0.4 s", "12.3 s", "3 min 20 s", "5 h 2 min", "3 d 4 h". */
export function duration(length: number): string {
  const seconds = Math.max(0, length) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const shown = units.slice(first, first + 2);
  let rest = Math.floor(seconds);
  const parts = shown.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count} ${unit}` : "";
  });
  return parts.filter(Boolean).join(" ");
}

/** How long ago, in one unit: "now", "40 s", "3 min", "2 h", "5 d". */
export function age(time: number, at: number): string {
  const seconds = Math.floor((at - time) / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const hour = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Date and time in the reader's zone. */
export const exact = (time: number): string => moment.format(time);
/** The time of day in the reader's zone. */
export const timeOfDay = (time: number): string => hour.format(time);
