// Drawn signs, each a stroke on a 24 by 24 field.
const PATHS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M7 7l10 10M17 7L7 17",
  warning: "M12 4l9 16H3zM12 10v4.5M12 17.2v.1",
  progress: "M12 3.5a8.5 8.5 0 1 1-8.5 8.5",
  circle: "M12 6a6 6 0 1 0 .01 0",
  pause: "M9 6.5v11M15 6.5v11",
  trash: "M4.5 7h15M10 7V4.5h4V7M6.5 7l1 12.5h9l1-12.5M10.5 11v5M13.5 11v5",
  question: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.4v.1",
  open: "M14 5h5v5M19 5l-8 8M11 6H6v12h12v-5",
  copy: "M9 9h10v10H9zM5 15V5h10",
  key: "M15.5 13.5a4.5 4.5 0 1 0-4.2-3L4.5 17v2.5H8V17h2.2l2.3-2.3M15.8 8.2v.1",
  again: "M19 12a7 7 0 1 1-2.2-5.1L19 9M19 4.5V9h-4.5",
  plus: "M12 5.5v13M5.5 12h13",
  search: "M10.5 4.5a6 6 0 1 0 .01 0M15 15l5 5",
  sun: "M12 8a4 4 0 1 0 .01 0M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  screen: "M4 5.5h16v10.5H4zM9 20h6M12 16v4",
  eye: "M2.5 12S6 6 12 6s9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6zM12 9.5a2.5 2.5 0 1 0 .01 0",
  back: "M14.5 6l-6 6 6 6",
  forth: "M9.5 6l6 6-6 6",
  up: "M12 19V6M6.5 11.5L12 6l5.5 5.5",
  down: "M12 5v13M6.5 12.5L12 18l5.5-5.5",
  offline: "M4 4l16 16M8.5 14.5a5 5 0 0 1 4-1.5M5.5 11a9 9 0 0 1 4-2.4M13 8a9.5 9.5 0 0 1 5.5 3M12 18.4v.1",
} as const;

export type IconName = keyof typeof PATHS;

/** A sign beside a word that says the same, so that a screen reader leaves it out. */
export function Icon({ name, spin }: { name: IconName; spin?: boolean }) {
  return (
    <svg class={spin ? "icon spin" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
