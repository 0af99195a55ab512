// Light, dark, or as the system says.
import { signal } from "@preact/signals";
import { Icon, type IconName } from "./icon";

type Theme = "system" | "light" | "dark";
const KEY = "sendstores.theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const ICONS: Record<Theme, IconName> = { system: "screen", light: "sun", dark: "moon" };

const theme = signal<Theme>(kept());

function kept(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return text === "light" || text === "dark" ? text : "system";
  } catch {
    return "system";
  }
}

theme.subscribe((theme) => {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
});

function choose(next: Theme): void {
  theme.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Then it lasts until the tab is closed.
  }
}

export function ThemeButton() {
  const label = `Colours: ${theme.value}. Change to ${NEXT[theme.value]}`;
  return (
    <button
      type="button"
      class="quiet round"
      aria-label={label}
      title={label}
      onClick={() => choose(NEXT[theme.value])}
    >
      <Icon name={ICONS[theme.value]} />
    </button>
  );
}
