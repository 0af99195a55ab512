import { expect, newId, open, test } from "./rig";

test("is declared, limited, refuses what is too much, and is deleted when it is empty", async ({
  page,
  plane,
  admin,
}) => {
  const id = newId();
  await open(page, plane, admin, "/tenants");
  await page.getByRole("link", { name: "Declare a tenant" }).click();
  await page.getByLabel("Id", { exact: true }).fill("kiosk");
  await page.getByLabel("Name", { exact: true }).fill("Kiosk & Sons");
  await page.getByLabel("Stores", { exact: true }).fill("1");
  await page.getByRole("button", { name: "Declare it" }).click();
  await expect(page).toHaveURL(`${plane.url}/tenants/kiosk`);
  await expect(page.getByRole("heading", { level: 1, name: "Kiosk & Sons" })).toBeFocused();
  await expect(page.getByRole("region", { name: "The tenant" })).toContainText("0 of 1");

  await plane.cli(admin, "create", id, "--tenant", "kiosk");
  await expect(plane.cli(admin, "create", "--tenant", "kiosk")).rejects.toThrow("QUOTA_EXCEEDED");
  await page.reload();
  await expect(page.getByRole("region", { name: "The tenant" })).toContainText("1 of 1");
  await expect(page.getByText("It can be deleted when it has no stores.")).toBeVisible();

  await page.getByLabel("Stores", { exact: true }).fill("2");
  await page.getByLabel("Calls per second").fill("0");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("Calls per second")).toHaveAccessibleDescription(/1 to 1000000/);
  await expect(page.getByLabel("Calls per second")).toBeFocused();
  await page.getByLabel("Calls per second").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  await expect(page.getByRole("region", { name: "The tenant" })).toContainText("1 of 2");
  // What another one changed meanwhile is not taken for the answer to the same request.
  await plane.cli(admin, "tenant", "update", "kiosk", "--max-stores", "9");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(async () => {
    const tenant = JSON.parse(await plane.cli(admin, "tenant", "get", "kiosk", "--json")) as { limits: object };
    expect(tenant.limits).toMatchObject({ stores: 2 });
  }).toPass();

  await page.getByRole("link", { name: "Its stores" }).click();
  await expect(page.locator("table.stores")).toContainText(id);
  await plane.cli(admin, "delete", id, "--yes");
  await plane.stage("remove", id);
  await page.goto(`${plane.url}/tenants/kiosk`);
  await page.getByRole("button", { name: "Delete" }).click();
  await page
    .getByRole("dialog", { name: "Delete the tenant kiosk?" })
    .getByRole("button", { name: "Delete it" })
    .click();
  await expect(page.getByText("This tenant is not declared any more.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await page.reload();
  await expect(page.getByText("No tenant of this id is declared.")).toBeVisible();
});

test("that gets a store under the question is not deleted", async ({ page, plane, admin }) => {
  await plane.cli(admin, "tenant", "create", "late");
  await open(page, plane, admin, "/tenants/late");
  await page.getByRole("button", { name: "Delete" }).click();
  await plane.cli(admin, "create", "--tenant", "late");
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("TENANT_NOT_EMPTY");
  await expect(page.getByRole("button", { name: "Delete it" })).toBeFocused();
});

test("is listed by pages, and says why it cannot be declared", async ({ page, plane, admin }) => {
  for (let count = 0; count < 51; count++) {
    await plane.cli(admin, "tenant", "create", `zz-${String(count).padStart(2, "0")}`, "--name", `<b>${count}</b>`);
  }
  await open(page, plane, admin, "/tenants");
  const rows = page.locator("table.tenants tbody tr");
  await expect(rows).toHaveCount(50);
  await page.getByRole("link", { name: "Next" }).click();
  await expect(page.locator("table.tenants")).toContainText("<b>50</b>");
  await rows.last().getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1, name: "<b>50</b>" })).toBeVisible();

  await page.goto(`${plane.url}/new-tenant`);
  await page.getByLabel("Id", { exact: true }).fill("zz-00");
  await page.getByRole("button", { name: "Declare it" }).click();
  await expect(page.getByRole("alert")).toContainText("TENANT_EXISTS");
  await page.getByLabel("Id", { exact: true }).fill("No id");
  await page.getByRole("button", { name: "Declare it" }).click();
  await expect(page.getByLabel("Id", { exact: true })).toBeFocused();
  await expect(page.getByLabel("Id", { exact: true })).toHaveAttribute("aria-invalid", "true");
});
