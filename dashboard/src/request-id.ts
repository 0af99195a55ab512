// Ids of requests, so that a repetition has no second effect.

/** A new one. Not `randomUUID`: a page without TLS does not have it. */
export function requestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "web-" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The ids of one form: one for each body. A body that is sent again, because the response was lost, has its id again. */
export class RequestIds {
  private sent: { body: string; id: string } | undefined;

  idOf(body: Uint8Array): string {
    const text = body.join();
    if (this.sent?.body !== text) this.sent = { body: text, id: requestId() };
    return this.sent.id;
  }

  /** The request was answered: the same body is another request from now on. */
  done(): void {
    this.sent = undefined;
  }
}
