import { expect, newId, open, test } from "./rig";

const CANARY = `<img src=x onerror="window.hit=1">{{7*7}}`;

test("shows who did what to which store, with its filters in the address", async ({ page, plane, admin }) => {
  const [one, other] = [newId(), newId()];
  const alice = await plane.token("alice", "operator");
  for (const id of [one, other]) await plane.cli(alice, "create", id, "--title", "Audited");
  await plane.cli(admin, "delete", one, "--yes");
  await open(page, plane, admin, "/audit");
  const rows = page.locator("table.audit tbody tr");
  await expect(rows.first()).toContainText("Delete a store");
  await expect(rows.first()).toContainText(one);
  await expect(rows.first()).toContainText("ada");
  await expect(rows.first()).toContainText("Done");
  await rows.first().getByText("Details").click();
  await expect(rows.first()).toContainText("sendstores.v1.StoreService/Delete");
  await expect(rows.first()).toContainText("127.0.0.1");

  await page.getByLabel("About").fill(one);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/audit\\?about=${one}$`));
  await expect(rows).toHaveCount(2);
  await rows
    .nth(1)
    .getByRole("link", { name: /Entries of token:alice/ })
    .click();
  await expect(page).toHaveURL(/who=token%3Aalice/);
  await expect(rows).toHaveCount(1);
  await expect(page.getByLabel("Who")).toHaveValue(/^token:alice#/);
  await page.goBack();
  await expect(rows).toHaveCount(2);
  await expect(page.getByLabel("Who")).toHaveValue("");
  await page.reload();
  await expect(rows).toHaveCount(2);
  await page.getByLabel("What").selectOption({ label: "Delete a store" });
  await expect(rows).toHaveCount(1);
  await page.getByLabel("Before").fill("2020-01-01T00:00");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/until=2020-01-01T00%3A00%3A00/);
  await expect(page.getByText("No entry matches.")).toBeVisible();
  await page.getByRole("link", { name: "Show all entries" }).click();
  await expect(page).toHaveURL(`${plane.url}/audit`);
  await expect(rows.first()).toBeVisible();
});

test("shows what was refused, and text of callers never runs", async ({ page, plane, admin }) => {
  const reader = await plane.token("rory", "reader");
  const id = newId();
  // A message of gRPC-Web: a store's id is the first field of Delete.
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, id.length + 2, 0x0a, id.length]), Buffer.from(id)]);
  await fetch(`${plane.url}/sendstores.v1.StoreService/Delete`, {
    method: "POST",
    headers: {
      "content-type": "application/grpc-web+proto",
      authorization: `Bearer ${reader}`,
      "user-agent": CANARY,
    },
    body: message,
  });
  await open(page, plane, admin, "/audit?decision=denied");
  const row = page.locator("table.audit tbody tr").filter({ hasText: "rory" });
  await expect(async () => {
    await page.getByRole("button", { name: "Read again" }).click();
    await expect(row).toHaveCount(1, { timeout: 500 });
  }).toPass();
  await expect(row).toContainText("Denied");
  await expect(row.getByRole("link", { name: /PERMISSION_DENIED/ })).toHaveAttribute("href", /#permission_denied$/);
  await row.getByText("Details").click();
  await expect(row).toContainText(CANARY);
  expect(await page.evaluate(() => (window as { hit?: number }).hit)).toBeUndefined();
  expect(await page.locator("main img").count()).toBe(0);
});

test("has pages, and says which filter is not valid", async ({ page, plane, admin }) => {
  const writer = await plane.token("walt", "operator");
  const ids = Array.from({ length: 51 }, newId);
  for (const id of ids) await plane.cli(writer, "create", id);
  const who = encodeURIComponent(`${writer.slice(4, 14)}`);
  await open(page, plane, admin, `/audit?who=${who}`);
  const rows = page.locator("table.audit tbody tr");
  await expect(rows).toHaveCount(50);
  await page.getByRole("link", { name: "Next" }).click();
  await expect(page).toHaveURL(/page=2/);
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText(ids[0] ?? "");
  await page.getByRole("button", { name: "Previous" }).click();
  await expect(rows).toHaveCount(50);
  await page.goto(`${plane.url}/audit?page=2&after=nonsense&who=${who}`);
  await expect(page).toHaveURL(`${plane.url}/audit?who=${who}`);
  await expect(rows).toHaveCount(50);
  await page.goto(`${plane.url}/audit?tenant=No%20tenant`);
  await expect(page.getByRole("alert")).toContainText("filter.tenant");
  await expect(rows).toHaveCount(0);
});

test("a caller of one tenant sees its own entries alone", async ({ page, plane, admin }) => {
  const [own, foreign] = [newId(), newId()];
  await plane.cli(admin, "create", own, "--tenant", "audit-own");
  await plane.cli(admin, "create", foreign, "--tenant", "audit-foreign");
  const tenant = await plane.token("tia", "tenant", "--tenant", "audit-own");
  await open(page, plane, tenant, "/audit");
  await expect(page.locator("table.audit")).toContainText(own);
  await expect(page.locator("table.audit")).not.toContainText(foreign);
  await expect(page.getByLabel("Tenant")).toHaveCount(0);
});
