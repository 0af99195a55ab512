// The form and the server agree on every rule of every field, at its limit and one past it.
import type { Page, Request } from "@playwright/test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, open, test } from "./rig";

type Rules = Record<string, Record<string, unknown>>;

const RULES = ["enum", "maxLength", "maxProperties", "minLength", "pattern"];
const file = join(import.meta.dirname, "../src/create/fields.json");
const a = (length: number) => "a".repeat(length);
const labels = (count: number) => Array.from({ length: count }, (_, at) => `k${at}=v`).join(",");

/** Field, rule, a text at its limit and one past it. */
const TABLE: [string, string, string, string][] = [
  ["store_id", "maxLength", `store-${a(34)}`, `store-${a(35)}`],
  ["store_id", "pattern", "store-0-z", "store-z-"],
  ["tenant", "maxLength", a(63), a(64)],
  ["tenant", "pattern", "a.b-c_9", "a-"],
  ["labels", "maxLength", `k=${a(63)}`, `k=${a(64)}`],
  ["labels", "maxProperties", labels(16), labels(17)],
  ["spec.shop.title", "maxLength", "ü".repeat(98) + "🍵🍵", "ü".repeat(98) + "🍵🍵🍵"],
  ["spec.shop.admin_email", "minLength", "a@b.co", "@b.co"],
  ["spec.shop.admin_email", "maxLength", `${a(95)}@b.co`, `${a(96)}@b.co`],
  ["spec.shop.admin_user", "maxLength", a(60), a(61)],
  ["spec.shop.admin_user", "pattern", "a.b-c_9", "9a"],
  ["spec.shop.country", "pattern", "BD:BD-05", "de"],
  ["spec.shop.currency", "maxLength", "EUR", "EURO"],
  ["spec.shop.currency", "pattern", "EUR", "eur"],
  ["spec.shop.locale", "pattern", "de_DE_formal", "de-DE"],
  ["spec.shop.weight_unit", "enum", "oz", "stone"],
  ["spec.shop.dimension_unit", "enum", "yd", "ft"],
  ["spec.shop.flat_rate", "pattern", "123456789.00", "1234567890"],
  ["spec.shop.tax_rate", "pattern", "19.1234", "19.12345"],
];

async function rules(): Promise<Rules> {
  return JSON.parse(await readFile(file, "utf8")) as Rules;
}

async function form(page: Page): Promise<void> {
  for (const details of await page.locator("details.card > summary").all()) await details.click();
  await page.getByLabel("Calculate taxes").check();
}

const input = (page: Page, path: string) => page.locator(`[name="${path}"]`);

async function leave(page: Page, path: string, text: string): Promise<void> {
  await input(page, path).fill(text);
  await input(page, path).blur();
}

test("no rule of a text is without a row of the table", async () => {
  const tried = TABLE.map(([path, rule]) => `${path} ${rule}`);
  const known = Object.entries(await rules()).flatMap(([path, field]) =>
    RULES.filter((rule) => rule in field).map((rule) => `${path} ${rule}`),
  );
  // What is chosen cannot be wrong.
  expect(tried.sort()).toEqual(known.filter((rule) => rule !== "spec.shop.catalogue enum").sort());
});

test("the server says of each text what the form says of it without the server", async ({ page, plane, admin }) => {
  test.setTimeout(120_000);
  await open(page, plane, admin, "/stores/new");
  await form(page);
  for (const reached of [true, false]) {
    if (!reached) await page.route("**/Create", (route) => route.abort());
    for (const [path, rule, good, bad] of TABLE) {
      for (const [text, wrong] of [
        [bad, true],
        [good, false],
      ] as const) {
        const isCreate = (request: Request) => request.url().endsWith("/Create");
        const asked = reached
          ? page.waitForEvent("requestfinished", isCreate)
          : page.waitForEvent("requestfailed", isCreate);
        await leave(page, path, text);
        await asked;
        const at = `${path} ${rule} ${text.slice(0, 20)}, ${reached ? "asked" : "not asked"}`;
        if (wrong) await expect(input(page, path), at).toHaveAttribute("aria-invalid", "true");
        else await expect(input(page, path), at).not.toHaveAttribute("aria-invalid", "true");
      }
      await input(page, path).fill("");
    }
  }
});

test("shows the defaults and the values of the contract, and how much of a long text is left", async ({
  page,
  plane,
  admin,
}) => {
  await open(page, plane, admin, "/stores/new");
  await form(page);
  for (const [path, field] of Object.entries(await rules())) {
    const standard = field["default"];
    if (typeof standard === "string") await expect(input(page, path)).toHaveAttribute("placeholder", standard);
    if (Array.isArray(field["enum"]) && path !== "spec.shop.catalogue") {
      const offered = page.locator(`#field-${path.replaceAll(".", "-")}-choices option`);
      expect(await offered.evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value))).toEqual(
        field["enum"],
      );
    }
  }
  const { "spec.shop.catalogue": catalogue, "spec.shop.payment_methods": payment } = await rules();
  await expect(page.getByRole("radio")).toHaveCount((catalogue?.["enum"] as string[]).length);
  await expect(page.getByRole("group", { name: "Payment" }).getByRole("checkbox")).toHaveCount(
    (payment?.["items"] as { enum: string[] }).enum.length,
  );
  await input(page, "spec.shop.title").fill("a".repeat(99));
  await expect(input(page, "spec.shop.title")).toHaveAccessibleDescription(/99 of 100 characters/);
  await input(page, "spec.shop.title").fill("a".repeat(20));
  await expect(input(page, "spec.shop.title")).not.toHaveAccessibleDescription(/of 100/);
});
