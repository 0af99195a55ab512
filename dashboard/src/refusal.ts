// Why a call failed, in words that say what to do.
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./generated/google/rpc/error_details_pb";

const ERRORS = "https://github.com/sendstores/sendstores/blob/main/docs/errors.md";

/** One field of a request that is not valid. */
export interface FieldFault {
  /** The path, such as `spec.shop.currency`. */
  field: string;
  /** What it must be. */
  why: string;
}

export class Refusal extends Error {
  constructor(
    readonly code: Code,
    /** The stable reason of docs/errors.md; empty when no server answered. */
    readonly reason: string,
    message: string,
    readonly faults: FieldFault[] = [],
    /** How long to wait, in milliseconds. */
    readonly retryAfter?: number,
    /** Names the call in the server's log. */
    readonly requestId?: string,
  ) {
    super(message);
  }

  /** Whether another token could help. */
  get needsLogin(): boolean {
    return this.code === Code.Unauthenticated;
  }

  /** Whether the same call may succeed later. */
  get passes(): boolean {
    return this.reason === "" || this.code === Code.Unavailable || this.code === Code.DeadlineExceeded;
  }
}

/** Where a reason is explained. */
export const explained = (reason: string): string => `${ERRORS}#${reason.toLowerCase()}`;

export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const failed = ConnectError.from(error);
  const [info] = failed.findDetails(ErrorInfoSchema);
  if (!info) {
    const late = failed.code === Code.DeadlineExceeded;
    const words = late ? "The server did not answer in time." : "The server cannot be reached.";
    return new Refusal(failed.code, "", words);
  }
  const faults = failed.findDetails(BadRequestSchema).flatMap((all) => all.fieldViolations);
  const delay = failed.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return new Refusal(
    failed.code,
    info.reason,
    sentence(failed.rawMessage),
    faults.map(({ field, description }) => ({ field, why: description })),
    delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    failed.metadata.get("x-request-id") ?? undefined,
  );
}

/** A message as a sentence of its own. */
export const sentence = (text: string): string => {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
};
