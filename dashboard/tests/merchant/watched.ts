// A page of a shop, and everything that is wrong with it by what the browser says.
import { expect, type Page, type Request } from "@playwright/test";

/** What a browser has seen since the last look. */
export interface Watched {
  /** Fails the test if the page under way has an error, a failed request, or asked a host that is not the shop's. */
  clean(name: string): void;
}

/** Whether the browser gave the request up itself, because the page was left. */
const given_up = (request: Request) => request.failure()?.errorText === "net::ERR_ABORTED";

/** Watches what `page` does at `shop`. */
export function watch(page: Page, shop: URL): Watched {
  let seen: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") seen.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => seen.push(`script: ${error.message}`));
  page.on("requestfailed", (request) => {
    if (!given_up(request)) seen.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on("response", (answer) => {
    if (answer.status() >= 400) seen.push(`status ${answer.status()}: ${answer.url()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.host !== shop.host) seen.push(`another host: ${request.url()}`);
  });
  return {
    clean(name) {
      // The pages after it are looked at all the same.
      expect.soft(seen, name).toEqual([]);
      seen = [];
    },
  };
}

/** Keeps a picture, where pictures are asked for. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["MERCHANT_PICTURES"];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
