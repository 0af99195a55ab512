// Where in a list the reader is, as the address has it: the number of the page, and the token that leads to it.
export interface Place {
  /** From 1. */
  page: number;
  after: string;
}

export const FIRST: Place = { page: 1, after: "" };

/** A number without its token, or a token without its number, leads nowhere: that is the first page. */
export function placeOf(parameters: URLSearchParams): Place {
  const after = parameters.get("after") ?? "";
  const page = Math.trunc(Number(parameters.get("page")));
  return after && page > 1 ? { page, after } : FIRST;
}

/** Its parameters of an address. The first page has none. */
export const parametersOf = ({ page, after }: Place): Record<string, string | undefined> => ({
  page: page > 1 ? String(page) : undefined,
  after: after || undefined,
});
