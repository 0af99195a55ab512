// What the contract says of each field, as the generator writes it (proto/tests/generated/schema.rs): nothing of it is written here.
import fields from "./fields.json";
import { labelsOf } from "./labels";

export interface Rules {
  default?: string;
  enum?: string[];
  examples?: string[];
  maxLength?: number;
  minLength?: number;
  maxItems?: number;
  maxProperties?: number;
  pattern?: string;
}

const FIELDS: Record<string, Rules | undefined> = fields;

export const rulesOf = (path: string): Rules => FIELDS[path] ?? {};

/** What is wrong with a text, before the server is asked. The server says it better, and has the last word. */
export function wrongWith(path: string, text: string): string | undefined {
  if (text === "") return undefined;
  const { enum: values, maxLength, minLength, maxProperties, pattern } = rulesOf(path);
  const labels = maxProperties === undefined ? undefined : labelsOf(text);
  const texts = labels ? [...Object.keys(labels), ...Object.values(labels)] : [text];
  const longest = Math.max(...texts.map(lengthOf));
  if (maxProperties !== undefined && Object.keys(labels ?? {}).length > maxProperties)
    return `has ${Object.keys(labels ?? {}).length} entries, at most ${maxProperties}`;
  if (maxLength !== undefined && longest > maxLength) return `has ${longest} characters, at most ${maxLength}`;
  if (minLength !== undefined && longest < minLength) return `has ${longest} characters, at least ${minLength}`;
  if (values && !values.includes(text)) return `must be one of ${values.join(", ")}`;
  if (pattern !== undefined && !new RegExp(pattern, "u").test(text)) return "does not have this form";
  return undefined;
}

/** As the server counts: a sign outside of the first 65,536 is one character. */
export const lengthOf = (text: string): number => [...text].length;
